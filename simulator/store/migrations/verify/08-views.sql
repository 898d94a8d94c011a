-- SPDX-License-Identifier: MIT
-- Verify meterfleet-sim:08-views on pg

SELECT id, schedule_type, logical_name, time_pattern, comment, meter_id, date_pattern, push_setup_id
FROM sim.active_schedules WHERE false;
SELECT logical_name, energy_value, energy_unit, voltage_value, current_value, measurement_time, meter_id, phase
FROM sim.latest_measurements WHERE false;
