-- SPDX-License-Identifier: MIT
-- Verify meterfleet-hes:05-pushes on pg

SELECT id, meter_id, schedule_id, push_setup_id, timestamp, received_at, status, retry_count, error_message, payload,
       created_at
FROM hes.push_history WHERE false;
SELECT push_history_id, push_object_id, value FROM hes.push_history_objects WHERE false;
SELECT id, push_setup_id, class_id, logical_name, attribute_index, data_index, position, created_at
FROM hes.push_objects WHERE false;
SELECT id, meter_id, obis_code_id, push_setup_id, schedule_type, is_enabled, created_at FROM hes.push_schedules WHERE false;
SELECT id, meter_id, obis_code_id, destination_and_method, communication_window, randomisation_start_interval,
       number_of_retries, repetition_delay, created_at
FROM hes.push_setups WHERE false;
SELECT id, schedule_id, date_pattern, time_pattern, comment, created_at FROM hes.schedule_entries WHERE false;
SELECT 'hes.push_history_meter'::regclass, 'hes.push_history_objects_push_object'::regclass,
       'hes.push_history_push_setup'::regclass, 'hes.push_history_schedule'::regclass,
       'hes.push_history_status'::regclass, 'hes.push_history_timestamp'::regclass,
       'hes.push_schedules_obis_code'::regclass, 'hes.push_schedules_push_setup'::regclass,
       'hes.push_setups_obis_code'::regclass;
