-- SPDX-License-Identifier: MIT
-- Revert meterfleet-sim:05-profiles from pg

BEGIN;

DROP TABLE sim.billing_profile, sim.daily_load_profile, sim.block_load_profile, sim.instant_profile;
DELETE FROM sim.schema_version WHERE version = 5;

COMMIT;
