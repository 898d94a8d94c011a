-- SPDX-License-Identifier: MIT
-- Verify meterfleet-hes:01-meters on pg

SELECT id, logical_name, class_id, description, code, unit, created_at FROM hes.obis_codes WHERE false;
SELECT version, created_at FROM hes.schema_version WHERE false;
SELECT id, timezone, created_at FROM hes.settings WHERE false;
SELECT id, meter_number, meter_type, created_at, updated_at, timezone, host, port, status, last_communication
FROM public.meters WHERE false;
SELECT 'public.meters_status'::regclass;
SELECT 'hes.touch_updated_at()'::regprocedure;
SELECT 1 / (count(*) = 1)::integer
FROM (VALUES ('public.meters', 'meters_updated_at')) AS wanted (relation, name)
JOIN pg_trigger ON tgrelid = relation::regclass AND tgname = name;
