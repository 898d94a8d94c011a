-- SPDX-License-Identifier: MIT
-- Verify meterfleet-hes:03-profiles on pg

SELECT meter_id, obis_code_id, billing_date, reset_count, rtc_timestamp, cumulative_kwh_import, cumulative_kwh_export,
       cumulative_kvah_import, cumulative_kvah_export, monthly_kwh_import, monthly_kwh_export, monthly_kvah_import,
       monthly_kvah_export, max_demand_kw, max_demand_date, power_factor, billing_status_word, source,
       communication_status, created_at, inserted_at
FROM hes.billing_profile WHERE false;
SELECT meter_id, obis_code_id, capture_time, rtc_timestamp, kwh_import, kwh_export, kvah_import, kvah_export,
       average_current_r, average_current_y, average_current_b, average_voltage_r, average_voltage_y,
       average_voltage_b, block_interval_minutes, status_word, source, communication_status, created_at, inserted_at
FROM hes.block_load_profile WHERE false;
SELECT meter_id, obis_code_id, capture_date, rtc_timestamp, cumulative_kwh_import, cumulative_kwh_export,
       cumulative_kvah_import, cumulative_kvah_export, daily_kwh_import, daily_kwh_export, daily_kvah_import,
       daily_kvah_export, max_demand_kw, max_demand_time, power_factor, source, communication_status, created_at,
       inserted_at
FROM hes.daily_load_profile WHERE false;
SELECT meter_id, obis_code_id, timestamp, rtc_timestamp, voltage_r, voltage_y, voltage_b, current_r, current_y, current_b,
       active_power_r, active_power_y, active_power_b, power_factor_r, power_factor_y, power_factor_b, frequency,
       source, communication_status, created_at, inserted_at
FROM hes.instant_profile WHERE false;
SELECT 'hes.billing_profile_billing_date'::regclass, 'hes.billing_profile_obis_code'::regclass,
       'hes.block_load_profile_capture_time'::regclass, 'hes.block_load_profile_obis_code'::regclass,
       'hes.daily_load_profile_capture_date'::regclass, 'hes.daily_load_profile_obis_code'::regclass,
       'hes.instant_profile_obis_code'::regclass, 'hes.instant_profile_timestamp'::regclass;
