-- SPDX-License-Identifier: MIT
-- Revert meterfleet-sim:08-views from pg

BEGIN;

DROP VIEW sim.latest_measurements, sim.active_schedules;
DELETE FROM sim.schema_version WHERE version = 8;

COMMIT;
