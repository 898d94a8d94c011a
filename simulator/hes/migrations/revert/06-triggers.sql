-- SPDX-License-Identifier: MIT
-- Revert meterfleet-hes:06-triggers from pg

BEGIN;

DROP TRIGGER meter_readings_audit_trigger ON public.meter_readings;
DROP TRIGGER update_meter_readings_timestamp ON public.meter_readings;
DROP TRIGGER check_meter_readings_validation ON public.meter_readings;
DROP TRIGGER update_power_readings_timestamp ON hes.power_readings;
DROP TRIGGER check_power_readings_validation ON hes.power_readings;
DROP TRIGGER update_energy_measurements_timestamp ON hes.energy_measurements;
DROP TRIGGER check_energy_measurements_validation ON hes.energy_measurements;
DROP TRIGGER update_voltage_measurements_timestamp ON hes.voltage_measurements;
DROP TRIGGER check_voltage_measurements_validation ON hes.voltage_measurements;
DROP TRIGGER update_current_measurements_timestamp ON hes.current_measurements;
DROP TRIGGER check_current_measurements_validation ON hes.current_measurements;
DROP TRIGGER update_instant_profile_timestamp ON hes.instant_profile;
DROP TRIGGER update_block_load_profile_timestamp ON hes.block_load_profile;
DROP TRIGGER update_daily_load_profile_timestamp ON hes.daily_load_profile;
DROP TRIGGER update_billing_profile_timestamp ON hes.billing_profile;
DROP TABLE hes.meter_readings_audit;
DROP FUNCTION hes.process_meter_readings_audit(), hes.update_modified_timestamp(),
    hes.check_and_update_validation_status();
DELETE FROM hes.schema_version WHERE version = 6;

COMMIT;
