-- SPDX-License-Identifier: MIT
-- Revert meterfleet-sim:04-pushes from pg

BEGIN;

DROP TABLE sim.push_history_objects, sim.push_history, sim.schedule_entries, sim.push_schedules, sim.push_objects,
    sim.push_setups;
DELETE FROM sim.schema_version WHERE version = 4;

COMMIT;
