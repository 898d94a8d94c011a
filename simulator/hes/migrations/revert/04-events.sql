-- SPDX-License-Identifier: MIT
-- Revert meterfleet-hes:04-events from pg

BEGIN;

DROP TABLE hes.event_logs, public.meter_events;
DELETE FROM hes.schema_version WHERE version = 4;

COMMIT;
