-- SPDX-License-Identifier: MIT
-- Revert meterfleet-sim:07-events from pg

BEGIN;

DROP TABLE sim.eswf_push_alarms, sim.eswf_status, sim.event_logs;
DELETE FROM sim.schema_version WHERE version = 7;

COMMIT;
