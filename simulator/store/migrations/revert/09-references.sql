-- SPDX-License-Identifier: MIT
-- Revert meterfleet-sim:09-references from pg

BEGIN;

DROP TRIGGER check_references ON sim.instant_profile;
DROP TRIGGER check_references ON sim.block_load_profile;
DROP TRIGGER check_references ON sim.daily_load_profile;
DROP TRIGGER check_references ON sim.energy_measurements;
DROP TRIGGER check_references ON sim.voltage_measurements;
DROP TRIGGER check_references ON sim.current_measurements;
DROP TRIGGER check_references ON sim.push_objects;
DROP TRIGGER check_references ON sim.push_history_objects;
DROP FUNCTION sim.check_push_references(), sim.check_references();
DELETE FROM sim.schema_version WHERE version = 9;

COMMIT;
