-- SPDX-License-Identifier: MIT
-- Revert meterfleet-hes:05-pushes from pg

BEGIN;

DROP TABLE hes.push_history_objects, hes.push_history, hes.schedule_entries, hes.push_schedules, hes.push_objects,
    hes.push_setups;
DELETE FROM hes.schema_version WHERE version = 5;

COMMIT;
