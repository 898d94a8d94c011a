-- SPDX-License-Identifier: MIT
-- Revert meterfleet-hes:03-profiles from pg

BEGIN;

-- One by one: TimescaleDB drops no hypertable along with others.
DROP TABLE hes.billing_profile;
DROP TABLE hes.daily_load_profile;
DROP TABLE hes.block_load_profile;
DROP TABLE hes.instant_profile;
DELETE FROM hes.schema_version WHERE version = 3;

COMMIT;
