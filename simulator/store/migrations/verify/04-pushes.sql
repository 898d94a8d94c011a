-- SPDX-License-Identifier: MIT
-- Verify meterfleet-sim:04-pushes on pg

SELECT id, schedule_id, push_setup_id, timestamp, status, retry_count, error_message, created_at, trigger, payload,
       destination
FROM sim.push_history WHERE false;
SELECT push_history_id, push_object_id, value FROM sim.push_history_objects WHERE false;
SELECT id, push_setup_id, class_id, logical_name, attribute_index, data_index, created_at, position
FROM sim.push_objects WHERE false;
SELECT id, obis_code_id, schedule_type, is_enabled, created_at, push_setup_id, meter_id FROM sim.push_schedules WHERE false;
SELECT id, obis_code_id, destination_and_method, communication_window, randomisation_start_interval, number_of_retries,
       repetition_delay, created_at, meter_id
FROM sim.push_setups WHERE false;
SELECT id, schedule_id, date_pattern, time_pattern, comment, created_at FROM sim.schedule_entries WHERE false;
SELECT 'sim.push_history_objects_push_object'::regclass, 'sim.push_history_push_setup'::regclass,
       'sim.push_history_schedule'::regclass, 'sim.push_history_status'::regclass,
       'sim.push_history_timestamp'::regclass, 'sim.push_objects_push_setup'::regclass,
       'sim.push_schedules_is_enabled'::regclass, 'sim.push_schedules_meter'::regclass,
       'sim.push_schedules_obis_code'::regclass, 'sim.push_schedules_push_setup'::regclass,
       'sim.push_schedules_schedule_type'::regclass, 'sim.push_setups_meter'::regclass,
       'sim.push_setups_obis_code'::regclass, 'sim.schedule_entries_schedule'::regclass;
