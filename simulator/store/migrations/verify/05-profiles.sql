-- SPDX-License-Identifier: MIT
-- Verify meterfleet-sim:05-profiles on pg

SELECT id, obis_code_id, billing_date, reset_count, cumulative_kwh_import, cumulative_kwh_export, cumulative_kvah_import,
       cumulative_kvah_export, monthly_kwh_import, monthly_kwh_export, monthly_kvah_import, monthly_kvah_export,
       max_demand_kw, max_demand_date, power_factor, billing_status_word, created_at, meter_id, billing_time,
       max_demand_kva, max_demand_kva_date, power_on_minutes, captured
FROM sim.billing_profile WHERE false;
SELECT id, obis_code_id, capture_time, kwh_import, kwh_export, kvah_import, kvah_export, average_current_r,
       average_current_y, average_current_b, average_voltage_r, average_voltage_y, average_voltage_b,
       block_interval_minutes, status_word, created_at, meter_id, average_current_n, power_factor, health, kvarh_q1,
       kvarh_q2, kvarh_q3, kvarh_q4
FROM sim.block_load_profile WHERE false;
SELECT id, obis_code_id, capture_date, cumulative_kwh_import, cumulative_kwh_export, cumulative_kvah_import,
       cumulative_kvah_export, daily_kwh_import, daily_kwh_export, daily_kvah_import, daily_kvah_export,
       max_demand_kw, max_demand_time, power_factor, created_at, meter_id
FROM sim.daily_load_profile WHERE false;
SELECT id, obis_code_id, timestamp, voltage_r, voltage_y, voltage_b, current_r, current_y, current_b, active_power_r,
       active_power_y, active_power_b, power_factor_r, power_factor_y, power_factor_b, frequency, created_at,
       meter_id, current_n, power_factor, active_power, apparent_power, reactive_power, captured
FROM sim.instant_profile WHERE false;
SELECT 'sim.billing_profile_meter_date'::regclass, 'sim.billing_profile_meter_time'::regclass,
       'sim.billing_profile_obis_code'::regclass, 'sim.block_load_profile_obis_code'::regclass,
       'sim.daily_load_profile_obis_code'::regclass, 'sim.instant_profile_obis_code'::regclass;
