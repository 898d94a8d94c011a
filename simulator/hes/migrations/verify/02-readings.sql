-- SPDX-License-Identifier: MIT
-- Verify meterfleet-hes:02-readings on pg

SELECT meter_id, timestamp, reading_type, value, quality, unit, created_at, source, capture_period, validation_status,
       validation_flags, communication_status, retry_count, original_value, scaling_factor, meter_program_id,
       channel_id, inserted_at, obis_code_id, phase
FROM hes.current_measurements WHERE false;
SELECT meter_id, timestamp, reading_type, value, quality, unit, created_at, source, capture_period, validation_status,
       validation_flags, communication_status, retry_count, original_value, scaling_factor, meter_program_id,
       channel_id, inserted_at, obis_code_id, measurement_type
FROM hes.energy_measurements WHERE false;
SELECT meter_id, timestamp, reading_type, value, quality, unit, created_at, source, capture_period, validation_status,
       validation_flags, communication_status, retry_count, original_value, scaling_factor, meter_program_id,
       channel_id, inserted_at, obis_code_id, phase
FROM hes.power_readings WHERE false;
SELECT flag, meaning, created_at FROM hes.validation_flags WHERE false;
SELECT meter_id, timestamp, reading_type, value, quality, unit, created_at, source, capture_period, validation_status,
       validation_flags, communication_status, retry_count, original_value, scaling_factor, meter_program_id,
       channel_id, inserted_at, obis_code_id, phase
FROM hes.voltage_measurements WHERE false;
SELECT meter_id, timestamp, reading_type, value, quality, unit, created_at, source, capture_period, validation_status,
       validation_flags, communication_status, retry_count, original_value, scaling_factor, meter_program_id,
       channel_id, inserted_at
FROM public.meter_readings WHERE false;
SELECT 'hes.current_measurements_obis_code'::regclass, 'hes.current_measurements_timestamp'::regclass,
       'hes.energy_measurements_obis_code'::regclass, 'hes.energy_measurements_timestamp'::regclass,
       'hes.power_readings_obis_code'::regclass, 'hes.power_readings_timestamp'::regclass,
       'hes.voltage_measurements_obis_code'::regclass, 'hes.voltage_measurements_timestamp'::regclass,
       'public.meter_readings_timestamp'::regclass, 'public.meter_readings_validation_status'::regclass;
