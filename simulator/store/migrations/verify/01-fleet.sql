-- SPDX-License-Identifier: MIT
-- Verify meterfleet-sim:01-fleet on pg

SELECT id, name, seed, version, spec, installed_ms, clock_ms, speed, created_at, updated_at
FROM sim.fleet WHERE false;
SELECT id, meter_number, meter_type, created_at, updated_at, profile, manufacturer_flag, system_title, logical_device_name,
       phases, utc_offset_minutes, host, port, serial_device, config, status
FROM sim.meters WHERE false;
SELECT version, created_at FROM sim.schema_version WHERE false;
SELECT 'sim.meters_status'::regclass;
SELECT 'sim.current_meter()'::regprocedure, 'sim.touch_updated_at()'::regprocedure;
SELECT 1 / (count(*) = 2)::integer
FROM (VALUES ('sim.fleet', 'fleet_updated_at'),
             ('sim.meters', 'meters_updated_at')) AS wanted (relation, name)
JOIN pg_trigger ON tgrelid = relation::regclass AND tgname = name;
