-- SPDX-License-Identifier: MIT
-- Verify meterfleet-hes:06-triggers on pg

SELECT audit_id, operation, modified_at, modified_by, meter_id, timestamp, reading_type, old_value, new_value, old_quality,
       new_quality, old_validation_status, new_validation_status
FROM hes.meter_readings_audit WHERE false;
SELECT 'hes.meter_readings_audit_modified_at'::regclass, 'hes.meter_readings_audit_reading'::regclass,
       'hes.meter_readings_audit_timestamp'::regclass;
SELECT 'hes.check_and_update_validation_status()'::regprocedure, 'hes.process_meter_readings_audit()'::regprocedure,
       'hes.update_modified_timestamp()'::regprocedure;
SELECT 1 / (count(*) = 15)::integer
FROM (VALUES ('hes.billing_profile', 'update_billing_profile_timestamp'),
             ('hes.block_load_profile', 'update_block_load_profile_timestamp'),
             ('hes.current_measurements', 'check_current_measurements_validation'),
             ('hes.current_measurements', 'update_current_measurements_timestamp'),
             ('hes.daily_load_profile', 'update_daily_load_profile_timestamp'),
             ('hes.energy_measurements', 'check_energy_measurements_validation'),
             ('hes.energy_measurements', 'update_energy_measurements_timestamp'),
             ('hes.instant_profile', 'update_instant_profile_timestamp'),
             ('hes.power_readings', 'check_power_readings_validation'),
             ('hes.power_readings', 'update_power_readings_timestamp'),
             ('hes.voltage_measurements', 'check_voltage_measurements_validation'),
             ('hes.voltage_measurements', 'update_voltage_measurements_timestamp'),
             ('public.meter_readings', 'check_meter_readings_validation'),
             ('public.meter_readings', 'meter_readings_audit_trigger'),
             ('public.meter_readings', 'update_meter_readings_timestamp')) AS wanted (relation, name)
JOIN pg_trigger ON tgrelid = relation::regclass AND tgname = name;
