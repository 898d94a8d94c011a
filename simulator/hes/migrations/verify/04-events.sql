-- SPDX-License-Identifier: MIT
-- Verify meterfleet-hes:04-events on pg

SELECT id, meter_id, event_timestamp, event_code, event_type, description, additional_data, acknowledged, created_at
FROM hes.event_logs WHERE false;
SELECT id, meter_id, timestamp, event_code, event_type, severity, description, source, sequence_number, additional_data,
       acknowledged_at, acknowledged_by, received_at, created_at
FROM public.meter_events WHERE false;
SELECT 'hes.event_logs_event_timestamp'::regclass, 'hes.event_logs_meter'::regclass,
       'public.meter_events_event_code'::regclass, 'public.meter_events_timestamp'::regclass;
