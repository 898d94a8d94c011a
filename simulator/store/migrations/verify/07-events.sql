-- SPDX-License-Identifier: MIT
-- Verify meterfleet-sim:07-events on pg

SELECT id, eswf_status_id, push_setup_id, alarm_timestamp, alarm_type, byte_position, bit_position, status, retry_count,
       last_retry_timestamp, created_at, push_history_id
FROM sim.eswf_push_alarms WHERE false;
SELECT id, obis_code_id, timestamp, esw_byte_15, esw_byte_14, esw_byte_13, esw_byte_12, esw_byte_11, esw_byte_10, esw_byte_9,
       esw_byte_8, esw_byte_7, esw_byte_6, esw_byte_5, esw_byte_4, esw_byte_3, esw_byte_2, esw_byte_1, esw_byte_0,
       created_at, meter_id
FROM sim.eswf_status WHERE false;
SELECT id, obis_code_id, event_timestamp, event_code, event_type, description, additional_data, acknowledged, created_at,
       meter_id, sequence_number
FROM sim.event_logs WHERE false;
SELECT 'sim.eswf_push_alarms_alarm_timestamp'::regclass, 'sim.eswf_push_alarms_eswf_status'::regclass,
       'sim.eswf_push_alarms_push_history'::regclass, 'sim.eswf_push_alarms_push_setup'::regclass,
       'sim.eswf_push_alarms_status'::regclass, 'sim.eswf_status_meter'::regclass,
       'sim.eswf_status_obis_code'::regclass, 'sim.event_logs_acknowledged'::regclass,
       'sim.event_logs_event_code'::regclass, 'sim.event_logs_event_timestamp'::regclass,
       'sim.event_logs_event_type'::regclass, 'sim.event_logs_meter'::regclass, 'sim.event_logs_obis_code'::regclass;
