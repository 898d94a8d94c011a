-- SPDX-License-Identifier: MIT
-- Verify meterfleet-sim:06-measurements on pg

SELECT id, obis_code_id, timestamp, value, created_at, meter_id, phase FROM sim.current_measurements WHERE false;
SELECT id, obis_code_id, timestamp, value, unit, created_at, meter_id, measurement_type FROM sim.energy_measurements WHERE false;
SELECT id, obis_code_id, timestamp, value, created_at, meter_id, phase FROM sim.voltage_measurements WHERE false;
SELECT 'sim.current_measurements_latest'::regclass, 'sim.current_measurements_obis_code'::regclass,
       'sim.energy_measurements_latest'::regclass, 'sim.energy_measurements_obis_code'::regclass,
       'sim.voltage_measurements_latest'::regclass, 'sim.voltage_measurements_obis_code'::regclass;
