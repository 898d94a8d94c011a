-- SPDX-License-Identifier: MIT
-- Every statement on the head-end's database that is not its schema, by name.

-- name: session
SELECT set_config('timezone', 'UTC', false), set_config('search_path', 'hes,public', false)

-- name: lock
SELECT pg_advisory_xact_lock(1297368660, 3)

-- name: present
SELECT to_regclass('hes.settings') IS NOT NULL,
       EXISTS (SELECT FROM pg_class WHERE relnamespace IN (to_regnamespace('hes'), 'public'::regnamespace)
               AND relname IN ('meters', 'meter_readings', 'meter_events'))

-- name: settings
SELECT version, timezone FROM hes.settings

-- name: remember
INSERT INTO hes.settings (version, timezone) VALUES (%(version)s, %(timezone)s)

-- name: is_timezone
SELECT EXISTS (SELECT FROM pg_timezone_names WHERE name = %(timezone)s)

-- name: tier
SELECT CASE WHEN EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb')
            THEN coalesce(nullif(current_setting('timescaledb.license', true), ''), 'none') ELSE 'none' END

-- name: could_have
SELECT default_version::text FROM pg_available_extensions WHERE name = 'timescaledb' AND installed_version IS NULL

-- name: policies
SELECT relation, kind, time_column, span, provided_by FROM hes.policies ORDER BY relation, kind

-- name: count_expired
SELECT count(*) FROM {relation} WHERE {column} < now() - {span}

-- name: delete_expired
DELETE FROM {relation} WHERE {column} < now() - {span}

-- name: note
INSERT INTO hes.event_logs (event_code, event_type, description, additional_data)
VALUES (0, 'MAINTENANCE', %(description)s, %(data)s)

-- name: analyze
ANALYZE {relation}

-- name: drop
DROP SCHEMA IF EXISTS hes CASCADE;
DROP TABLE IF EXISTS public.meter_events, public.meter_readings, public.meters CASCADE
