-- SPDX-License-Identifier: MIT
-- Every statement of the store, by name. {…} stands for identifiers and literals, %(…)s for parameters.

-- name: session
-- Time stamps must not depend on who connects, and what a client was told is durable must be.
SELECT set_config('timezone', 'UTC', false), set_config('search_path', 'sim,public', false),
       set_config('synchronous_commit', 'on', false)

-- name: may_check_by_statement
SELECT has_parameter_privilege('session_replication_role', 'SET')

-- name: row_checks_off
-- The check_references triggers of schema.sql take over.
SET LOCAL session_replication_role = replica

-- name: row_checks_on
SET LOCAL session_replication_role = origin

-- name: telemetry
-- For captures: what a crash loses, it loses together with the checkpoint that tells of it.
SET LOCAL synchronous_commit = off

-- name: schema_lock
-- Held to the end of the transaction: two processes must not apply the schema at once.
SELECT pg_advisory_xact_lock(1297368660, 1)

-- name: schema_present
SELECT to_regnamespace('sim') IS NOT NULL,
       to_regclass('sim.schema_version') IS NOT NULL AND to_regprocedure('sim.current_meter()') IS NOT NULL

-- name: strangers
-- What would be lost with a schema although it is not among `ours`: what lies in the schema or has one of the `names`
-- that ours would get, and views elsewhere that rest on it. TimescaleDB's own are parts of ours.
WITH relations AS (
    SELECT oid, relnamespace::regnamespace::text AS place,
           relnamespace::regnamespace || '.' || quote_ident(relname) AS name
    FROM pg_class WHERE relkind IN ('r', 'v', 'm', 'p', 'f')
), lost AS (
    SELECT * FROM relations WHERE place = %(schema)s OR name = ANY (%(names)s::text[])
)
SELECT name FROM lost WHERE name <> ALL (%(ours)s::text[])
UNION
SELECT function.name FROM (
    SELECT pronamespace::regnamespace || '.' || quote_ident(proname) AS name
    FROM pg_proc WHERE pronamespace = to_regnamespace(%(schema)s)) AS function
WHERE function.name <> ALL (%(ours)s::text[])
UNION
SELECT v.name FROM relations v
WHERE v.oid NOT IN (SELECT oid FROM lost) AND v.place !~ '^_timescaledb_' AND EXISTS (
    SELECT FROM pg_rewrite r JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
    WHERE r.ev_class = v.oid AND d.refclassid = 'pg_class'::regclass AND d.refobjid IN (SELECT oid FROM lost))
ORDER BY 1

-- name: schema_version
SELECT coalesce(max(version), 0) FROM sim.schema_version

-- name: adopt_schema
-- A store of before there were migrations, when the whole of it was version 1 or 2, is all of the first nine or ten.
DO $$
BEGIN
    IF to_regclass('sim.schema_version') IS NULL OR to_regprocedure('sim.check_push_references()') IS NULL THEN
        RETURN;
    END IF;
    IF (SELECT count(*) FROM sim.schema_version) = 1 THEN
        INSERT INTO sim.schema_version (version)
        SELECT generate_series(1, CASE max(version) WHEN 1 THEN 9 WHEN 2 THEN 10 END) FROM sim.schema_version
        ON CONFLICT DO NOTHING;
    END IF;
END $$

-- name: migration_lock
-- Held by the session: two programs must not migrate at once.
SELECT pg_try_advisory_lock(1297368660, 4)

-- name: migration_unlock
SELECT pg_advisory_unlock(1297368660, 4)

-- name: has_version
SELECT to_regclass(%s) IS NOT NULL

-- name: version_of
SELECT coalesce(max(version), 0) FROM {schema}.schema_version

-- name: kept_by_sqitch
SELECT EXISTS (SELECT FROM sqitch.changes WHERE project = %s)

-- name: tier
SELECT CASE WHEN EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb')
            THEN coalesce(nullif(current_setting('timescaledb.license', true), ''), 'none') ELSE 'none' END

-- name: lock_fleet
SELECT pg_try_advisory_lock(1297368660, 2)

-- name: served_databases
SELECT datname::text FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database
WHERE locktype = 'advisory' AND classid = 1297368660 AND objid = 2 AND granted ORDER BY datname

-- name: unlock_fleet
SELECT pg_advisory_unlock_all()

-- name: fleet
SELECT name, seed, version, spec, installed_ms, clock_ms, speed FROM sim.fleet

-- name: save_fleet
INSERT INTO sim.fleet (name, seed, version, spec, installed_ms, clock_ms, speed)
VALUES (%(name)s, %(seed)s, %(version)s, %(spec)s, %(installed_ms)s, %(clock_ms)s, %(speed)s)
ON CONFLICT (id) DO UPDATE SET (name, seed, version, spec, installed_ms, clock_ms, speed) =
    (excluded.name, excluded.seed, excluded.version, excluded.spec, excluded.installed_ms, excluded.clock_ms,
     excluded.speed)

-- name: save_clock
UPDATE sim.fleet SET clock_ms = %(clock_ms)s

-- name: put_obis_codes
INSERT INTO sim.obis_codes AS known (logical_name, class_id, description, unit, scaler)
SELECT * FROM unnest(%(logical_names)s::text[], %(class_ids)s::int[], %(descriptions)s::text[], %(units)s::text[],
                     %(scalers)s::smallint[])
ON CONFLICT (logical_name) DO UPDATE SET (class_id, description, unit, scaler) =
    (excluded.class_id, excluded.description, excluded.unit, excluded.scaler)
WHERE (known.class_id, known.description, known.unit, known.scaler) IS DISTINCT FROM
      (excluded.class_id, excluded.description, excluded.unit, excluded.scaler)

-- name: obis_ids
SELECT logical_name, id FROM sim.obis_codes

-- name: meters
SELECT id, meter_number, meter_type, profile, manufacturer_flag, system_title, logical_device_name, phases,
       utc_offset_minutes, host, port, serial_device, config, status
FROM sim.meters ORDER BY meter_number

-- name: set_status
UPDATE sim.meters SET status = %(status)s
WHERE status NOT IN (%(status)s, 'REMOVED') AND (%(meter_numbers)s::text[] IS NULL OR meter_number = ANY (%(meter_numbers)s::text[]))

-- name: put_attribute
INSERT INTO sim.attribute_values (meter_id, class_id, logical_name, attribute_index, encoded, value)
VALUES (%(meter_id)s, %(class_id)s, %(logical_name)s, %(attribute_index)s, %(encoded)s, %(value)s)
ON CONFLICT (meter_id, class_id, logical_name, attribute_index)
DO UPDATE SET encoded = excluded.encoded, value = excluded.value, updated_at = now()

-- name: keep_confirmations
-- last_confirmation_date_time of push setups.
INSERT INTO sim.attribute_values (meter_id, class_id, logical_name, attribute_index, encoded, value)
SELECT meter_id, 40, logical_name, 13, encoded, value::jsonb
FROM unnest(%(meters)s::uuid[], %(names)s::text[], %(encoded)s::bytea[], %(values)s::text[])
    confirmed (meter_id, logical_name, encoded, value)
ON CONFLICT (meter_id, class_id, logical_name, attribute_index)
DO UPDATE SET encoded = excluded.encoded, value = excluded.value, updated_at = now()

-- name: attributes
SELECT meter_id, class_id, logical_name, attribute_index, encoded, value FROM sim.attribute_values
ORDER BY meter_id, class_id, logical_name, attribute_index

-- name: put_keys
INSERT INTO sim.security_keys (meter_id, client, name, key)
SELECT * FROM unnest(%(meter_ids)s::uuid[], %(clients)s::int[], %(names)s::text[], %(keys)s::bytea[])
ON CONFLICT (meter_id, client, name) DO UPDATE SET key = excluded.key, updated_at = now()

-- name: keys
SELECT meter_id, client, name, key FROM sim.security_keys

-- name: put_counters
INSERT INTO sim.invocation_counters (meter_id, client, key, lowest)
SELECT * FROM unnest(%(meter_ids)s::uuid[], %(clients)s::int[], %(keys)s::text[], %(lowest)s::bigint[])
ON CONFLICT (meter_id, client, key) DO UPDATE SET lowest = excluded.lowest, updated_at = now()

-- name: counters
SELECT meter_id, client, key, lowest FROM sim.invocation_counters

-- name: put_checkpoint
-- The cohort's columns include what was kept of its single meters.
WITH taken_in AS (DELETE FROM sim.row_checkpoints WHERE cohort = %(cohort)s)
INSERT INTO sim.checkpoints (cohort, settled_ms, columns) VALUES (%(cohort)s, %(settled_ms)s, %(columns)s)
ON CONFLICT (cohort) DO UPDATE SET settled_ms = excluded.settled_ms, columns = excluded.columns, updated_at = now()

-- name: checkpoints
SELECT cohort, settled_ms, columns FROM sim.checkpoints
WHERE %(cohort)s::text IS NULL OR cohort = %(cohort)s

-- name: put_row_checkpoints
INSERT INTO sim.row_checkpoints (cohort, row, columns)
SELECT %(cohort)s, * FROM unnest(%(rows)s::int[], %(columns)s::bytea[])
ON CONFLICT (cohort, row) DO UPDATE SET columns = excluded.columns, created_at = now()

-- name: row_checkpoints
SELECT cohort, row, columns FROM sim.row_checkpoints
WHERE %(cohort)s::text IS NULL OR cohort = %(cohort)s ORDER BY cohort, row

-- name: next_ids
SELECT nextval(pg_get_serial_sequence(%(table)s, 'id')) FROM generate_series(1, %(count)s)

-- name: acknowledge_cleared
-- Of one meter: bit n of the status word is bit 7 - n mod 8 of byte 15 - n div 8.
UPDATE sim.eswf_push_alarms a SET status = 'ACKNOWLEDGED'
FROM sim.eswf_status s
WHERE s.id = a.eswf_status_id AND s.meter_id = %(meter_id)s AND a.status IN ('PENDING', 'SENT')
  AND (15 - a.byte_position) * 8 + 7 - a.bit_position <> ALL (%(left)s::int[])
RETURNING a.id

-- name: acknowledge_events
-- The event that raised an alarm was logged in the same transaction, with a code that sets the alarm's bit. It is looked
-- for by its meter (OFFSET 0 sees to that): at one instant as many events may have been logged as there are meters.
UPDATE sim.event_logs e SET acknowledged = true
FROM sim.eswf_push_alarms a JOIN sim.eswf_status s ON s.id = a.eswf_status_id
     JOIN unnest(%(codes)s::int[], %(bits)s::int[]) raising (code, bit)
          ON raising.bit = (15 - a.byte_position) * 8 + 7 - a.bit_position
     CROSS JOIN LATERAL (SELECT * FROM sim.event_logs WHERE meter_id = s.meter_id OFFSET 0) logged
WHERE a.id = ANY (%(alarms)s::int[]) AND a.status = 'ACKNOWLEDGED' AND logged.event_timestamp = a.alarm_timestamp
  AND logged.created_at = a.created_at AND logged.event_code = raising.code
  AND logged.acknowledged IS DISTINCT FROM true AND e.id = logged.id

-- name: events
SELECT m.meter_number AS meter, e.event_timestamp AS time, e.event_code AS code, e.event_type AS type, e.description,
       e.sequence_number AS number, e.additional_data AS snapshot, e.acknowledged
FROM sim.event_logs e LEFT JOIN sim.meters m ON m.id = e.meter_id
WHERE (%(type)s::text IS NULL OR e.event_type = %(type)s::text)
  AND (%(code)s::int IS NULL OR e.event_code = %(code)s::int)
  AND (%(since)s::timestamp IS NULL OR e.event_timestamp >= %(since)s::timestamp)
  AND (%(meter_numbers)s::text[] IS NULL OR m.meter_number = ANY (%(meter_numbers)s::text[]))
ORDER BY e.event_timestamp DESC, e.id DESC LIMIT %(limit)s

-- name: alarms
SELECT a.id, m.meter_number AS meter, a.alarm_timestamp AS time, a.alarm_type AS alarm,
       (15 - a.byte_position) * 8 + 7 - a.bit_position AS bit, a.status, a.retry_count AS retries,
       a.last_retry_timestamp AS last_retry
FROM sim.eswf_push_alarms a JOIN sim.eswf_status s ON s.id = a.eswf_status_id JOIN sim.meters m ON m.id = s.meter_id
WHERE (%(status)s::text IS NULL OR a.status = %(status)s::text)
  AND (%(meter_numbers)s::text[] IS NULL OR m.meter_number = ANY (%(meter_numbers)s::text[]))
ORDER BY a.alarm_timestamp DESC, a.id DESC LIMIT %(limit)s

-- name: acknowledge_alarms
UPDATE sim.eswf_push_alarms a SET status = 'ACKNOWLEDGED'
FROM sim.eswf_status s JOIN sim.meters m ON m.id = s.meter_id
WHERE s.id = a.eswf_status_id AND a.status = ANY (%(open)s::text[])
  AND (%(meter_numbers)s::text[] IS NULL OR m.meter_number = ANY (%(meter_numbers)s::text[]))
RETURNING a.id

-- name: forget_all
DELETE FROM {table} WHERE meter_id = ANY (%(meter_ids)s)

-- name: forget_after
DELETE FROM {table} WHERE meter_id = ANY (%(meter_ids)s) AND {column} > %(after)s::timestamp

-- name: image_blocks
SELECT block_number, octets FROM sim.image_blocks WHERE meter_id = %(meter_id)s ORDER BY block_number

-- name: copy_rows
COPY {table} ({columns}) FROM STDIN (FORMAT BINARY)

-- name: delete_meters
DELETE FROM sim.meters WHERE meter_number = ANY(%(meter_numbers)s) RETURNING meter_number

-- name: drop_schema
DROP SCHEMA IF EXISTS sim CASCADE

-- name: server_version
SELECT version()

-- name: listen
LISTEN {channel}

-- name: notify
SELECT pg_notify(%(channel)s, %(payload)s)

-- name: stage_meters
CREATE TEMP TABLE staged_meters (LIKE sim.meters INCLUDING DEFAULTS) ON COMMIT DROP

-- name: merge_meters
INSERT INTO sim.meters SELECT * FROM staged_meters
ON CONFLICT (id) DO UPDATE SET host = excluded.host, port = excluded.port, serial_device = excluded.serial_device,
                               config = excluded.config, status = excluded.status

-- name: replace_meters
-- Another meter in the place of each of these: where it is reached, and all that its model says, stays.
WITH replaced AS (
    UPDATE sim.meters m SET status = 'REMOVED', removed_at = timestamp 'epoch' + %(local_s)s * interval '1 second'
    FROM unnest(%(old_ids)s::uuid[], %(ids)s::uuid[], %(numbers)s::text[], %(titles)s::bytea[], %(names)s::text[])
         AS new (old_id, id, meter_number, system_title, logical_device_name)
    WHERE m.id = new.old_id
    RETURNING m.*, new.id AS new_id, new.meter_number AS new_number, new.system_title AS new_title,
              new.logical_device_name AS new_name)
INSERT INTO sim.meters (id, meter_number, meter_type, profile, manufacturer_flag, system_title, logical_device_name,
                        phases, utc_offset_minutes, host, port, serial_device, config, status, place, generation,
                        installed_at)
SELECT new_id, new_number, meter_type, profile, manufacturer_flag, new_title, new_name, phases, utc_offset_minutes, host,
       port, serial_device, config, 'RUNNING', place, generation + 1, removed_at
FROM replaced

-- name: give_up_alarms
-- What a meter that is removed has not told yet it never will.
UPDATE sim.eswf_push_alarms a SET status = 'FAILED'
FROM sim.eswf_status s
WHERE s.id = a.eswf_status_id AND s.meter_id = ANY (%(meter_ids)s::uuid[]) AND a.status = 'PENDING'

-- name: push_lists
-- What each push setup of each meter sends, in order; most meters have the same lists, so they come as text.
SELECT m.meter_number, c.logical_name,
       string_agg(format('%s/%s/%s', o.class_id, o.logical_name, o.attribute_index), ' ' ORDER BY o.position, o.id)
FROM sim.push_objects o
JOIN sim.push_setups s ON s.id = o.push_setup_id
JOIN sim.meters m ON m.id = s.meter_id
JOIN sim.obis_codes c ON c.id = s.obis_code_id
GROUP BY m.meter_number, c.logical_name

-- name: tables
SELECT table_name::text FROM information_schema.tables
WHERE table_schema = 'sim' AND table_type = 'BASE TABLE' ORDER BY table_name

-- name: count_rows
SELECT count(*) FROM {table}

-- name: column_types
SELECT attname, format_type(atttypid, NULL) FROM pg_attribute
WHERE attrelid = to_regclass(%(table)s) AND attnum > 0 AND NOT attisdropped

-- name: profile_range
-- All rows as one bytea of big-endian int8: the client parses it in one step. `chosen` is sorted, and string_agg takes
-- its rows as they come. The lower end of a range may go into the inner query, because the rows from there on are a
-- newest part of the buffer; the upper end may not: it would push older rows into the depth.
SELECT coalesce(string_agg({cells}, ''::bytea), ''::bytea)
FROM (SELECT * FROM (SELECT * FROM {table} WHERE {rows} ORDER BY {time} DESC, id DESC LIMIT %(depth)s) newest
      WHERE %(last)s::timestamp IS NULL OR {time} <= %(last)s::timestamp
      ORDER BY {time}, id) chosen

-- name: profile_entries
WITH held AS (SELECT count(*) AS entries FROM (SELECT FROM {table} WHERE {rows} LIMIT %(depth)s) buffer)
SELECT coalesce(string_agg({cells}, ''::bytea), ''::bytea)
FROM (SELECT * FROM (SELECT * FROM {table} WHERE {rows} ORDER BY {time} DESC, id DESC
                     OFFSET (SELECT greatest(entries - %(last_entry)s, 0) FROM held)
                     LIMIT (SELECT greatest(least(entries, %(last_entry)s) - %(first_entry)s + 1, 0) FROM held)) newest
      ORDER BY {time}, id) chosen

-- name: profile_latest
SELECT coalesce(string_agg({cells}, ''::bytea ORDER BY place), ''::bytea)
FROM unnest(%(meter_ids)s::uuid[]) WITH ORDINALITY wanted (wanted_id, place)
LEFT JOIN LATERAL (SELECT * FROM {table} WHERE {rows} ORDER BY {time} DESC, id DESC LIMIT 1) newest ON true

-- name: profile_count
SELECT count(*) FROM (SELECT FROM {table} WHERE {rows} LIMIT %(depth)s) buffer

-- name: rows_of_meter
meter_id = %(meter_id)s

-- name: rows_of_code
obis_code_id = %(obis_code_id)s

-- name: rows_from
{time} >= %(first)s::timestamp

-- name: cell_number
int8send(coalesce(({column} * {factor})::bigint, {missing}))

-- name: cell_key
int8send(coalesce((({column} ->> {key})::numeric * {factor})::bigint, {missing}))

-- name: cell_key_time
int8send(coalesce(extract(epoch FROM ({column} ->> {key})::timestamp)::bigint, {missing}))

-- name: cell_time
int8send(coalesce(extract(epoch FROM {column})::bigint, {missing}))

-- name: databases
SELECT datname FROM pg_database WHERE NOT datistemplate ORDER BY datname

-- name: holds_fleet
SELECT to_regclass('sim.fleet') IS NOT NULL

-- name: unused_databases
SELECT datname FROM pg_database d WHERE NOT datistemplate AND NOT EXISTS (
    SELECT FROM pg_stat_activity a WHERE a.datid = d.oid AND a.backend_type = 'client backend') ORDER BY datname

-- name: create_database
CREATE DATABASE {database}

-- name: drop_database
DROP DATABASE IF EXISTS {database} WITH (FORCE)

-- name: drop_unused_database
DROP DATABASE IF EXISTS {database}

-- name: copy_database
CREATE DATABASE {database} TEMPLATE {template}

-- name: rename_database
ALTER DATABASE {database} RENAME TO {new_name}

-- name: make_hasty
-- Commits do not wait for the disk: only a machine that fails could lose them, never the server.
ALTER DATABASE {database} SET synchronous_commit = off

-- name: lock_templates
SELECT pg_advisory_lock(1297368660, 3)

-- name: unlock_templates
SELECT pg_advisory_unlock(1297368660, 3)

-- name: scenario_steps
SELECT scenario, step, kind, instant_ms, (extract(epoch FROM at) * 1000)::bigint, meters, outcome, detail
FROM sim.scenario_steps WHERE scenario = %(scenario)s ORDER BY id

-- name: forget_scenario_steps
DELETE FROM sim.scenario_steps WHERE scenario = %(scenario)s AND step = ANY (%(steps)s)

-- name: put_scenario_step
INSERT INTO sim.scenario_steps (scenario, step, kind, at, instant_ms, meters, outcome, detail)
VALUES (%(scenario)s, %(step)s, %(kind)s, timestamp 'epoch' + %(local_ms)s * interval '1 millisecond', %(instant_ms)s,
        %(meters)s, %(outcome)s, %(detail)s)
ON CONFLICT (scenario, step) DO NOTHING

-- name: supply_ends
SELECT id, at_ms, told FROM sim.supply_ends ORDER BY at_ms, id

-- name: put_supply_end
INSERT INTO sim.supply_ends (at_ms, told) VALUES (%(at_ms)s, %(told)s) RETURNING id

-- name: change_supply_end
UPDATE sim.supply_ends SET told = %(told)s WHERE id = %(id)s

-- name: remove_supply_end
DELETE FROM sim.supply_ends WHERE id = %(id)s

-- name: newest_id
SELECT coalesce(max(id), 0) FROM {table}

-- name: only_read
SET TRANSACTION READ ONLY

-- name: events_told
SELECT count(*), count(DISTINCT meter_id) FROM sim.event_logs
WHERE id > %(after)s AND meter_id = ANY (%(meters)s) AND event_code = ANY (%(codes)s)

-- name: alarms_told
SELECT count(*), count(DISTINCT s.meter_id)
FROM sim.eswf_push_alarms a JOIN sim.eswf_status s ON s.id = a.eswf_status_id
WHERE a.id > %(after)s AND s.meter_id = ANY (%(meters)s)
  AND (%(bits)s::int[] IS NULL OR (15 - a.byte_position) * 8 + 7 - a.bit_position = ANY (%(bits)s))
  AND (%(status)s::text IS NULL OR a.status = %(status)s)

-- name: pushes_told
SELECT count(*), count(DISTINCT s.meter_id)
FROM sim.push_history h JOIN sim.push_setups s ON s.id = h.push_setup_id JOIN sim.obis_codes o ON o.id = s.obis_code_id
WHERE h.id > %(after)s AND s.meter_id = ANY (%(meters)s) AND h.status = %(status)s
  AND o.logical_name = %(setup)s

-- name: events_since
SELECT e.id, m.meter_number AS serial, e.event_code AS code, e.event_timestamp AS at, e.event_type AS type,
       coalesce(e.additional_data, '{}') AS snapshot
FROM sim.event_logs e JOIN sim.meters m ON m.id = e.meter_id WHERE e.id > %(after)s ORDER BY e.id

-- name: pushes_since
-- A value by its object; elements of one attribute by their data index as well.
SELECT h.id, m.meter_number AS serial, c.logical_name AS setup, h.status, h.timestamp AS at, h.trigger,
       h.retry_count AS retries, h.destination, h.payload, h.error_message AS error,
       (SELECT coalesce(jsonb_object_agg(o.logical_name || ':' || o.attribute_index
                                         || CASE o.data_index WHEN 0 THEN '' ELSE '.' || o.data_index END, v.value), '{}')
        FROM sim.push_history_objects v JOIN sim.push_objects o ON o.id = v.push_object_id
        WHERE v.push_history_id = h.id) AS values
FROM sim.push_history h JOIN sim.push_setups s ON s.id = h.push_setup_id JOIN sim.obis_codes c ON c.id = s.obis_code_id
JOIN sim.meters m ON m.id = s.meter_id WHERE h.id > %(after)s ORDER BY h.id

-- name: curves
WITH span AS (SELECT timestamp 'epoch' + %(from_ms)s * interval '1 millisecond' AS first,
                     timestamp 'epoch' + %(to_ms)s * interval '1 millisecond' AS last),
     told AS (
        SELECT 'load' AS name, capture_time AS at, sum(kwh_import * 60 / block_interval_minutes) AS value
        FROM sim.block_load_profile, span WHERE capture_time BETWEEN first AND last GROUP BY capture_time
        UNION ALL
        SELECT 'events', event_timestamp, count(*) FROM sim.event_logs, span
        WHERE event_timestamp BETWEEN first AND last GROUP BY event_timestamp
        UNION ALL
        SELECT 'alarms', alarm_timestamp, count(*) FROM sim.eswf_push_alarms, span
        WHERE alarm_timestamp BETWEEN first AND last GROUP BY alarm_timestamp
        UNION ALL
        SELECT 'pushes', timestamp, count(*) FROM sim.push_history, span
        WHERE timestamp BETWEEN first AND last GROUP BY timestamp)
SELECT name, (extract(epoch FROM at) * 1000)::bigint, value FROM told WHERE value IS NOT NULL ORDER BY name, at

-- name: row_of_wanted
meter_id = wanted_id

-- name: push_setups
-- With the ids of their objects in the order of their positions, and what tells whether these are other ones by now.
SELECT s.meter_id, s.obis_code_id, s.id, coalesce(o.ids, '{}'), coalesce(o.digest, '')
FROM sim.push_setups s LEFT JOIN LATERAL (
    SELECT array_agg(id ORDER BY position) ids,
           md5(string_agg(concat_ws(' ', class_id, logical_name, attribute_index, data_index), ',' ORDER BY position))
               digest
    FROM sim.push_objects WHERE push_setup_id = s.id) o ON true

-- name: push_objects
SELECT id FROM sim.push_objects WHERE push_setup_id = %(id)s ORDER BY position

-- name: push_rows_of
SELECT wanted.number, s.id, coalesce(p.id, 0),
       coalesce((SELECT array_agg(id ORDER BY position) FROM sim.push_objects WHERE push_setup_id = s.id), '{}')
FROM unnest(%(meters)s::uuid[], %(setups)s::int[], %(schedules)s::int[])
         WITH ORDINALITY AS wanted (meter_id, setup, schedule, number)
JOIN sim.push_setups s ON s.meter_id = wanted.meter_id AND s.obis_code_id = wanted.setup
LEFT JOIN sim.push_schedules p ON p.meter_id = wanted.meter_id AND p.obis_code_id = wanted.schedule

-- name: push_schedules
SELECT p.meter_id, p.obis_code_id, p.id,
       coalesce((SELECT md5(string_agg(date_pattern || ' ' || time_pattern, ',' ORDER BY id))
                 FROM sim.schedule_entries WHERE schedule_id = p.id), '')
FROM sim.push_schedules p

-- name: change_push_setups
UPDATE sim.push_setups SET (destination_and_method, communication_window, randomisation_start_interval,
                            number_of_retries, repetition_delay) =
    (%(destination)s, %(windows)s::jsonb, %(interval)s, %(retries)s, %(delay)s)
WHERE id = ANY (%(ids)s) AND (destination_and_method, communication_window, randomisation_start_interval,
                              number_of_retries, repetition_delay) IS DISTINCT FROM
    (%(destination)s, %(windows)s::jsonb, %(interval)s::int, %(retries)s::int, %(delay)s::int)

-- name: release_push_objects
-- What was pushed of them stays in the history; they belong to no setup any more.
UPDATE sim.push_objects SET push_setup_id = NULL WHERE push_setup_id = ANY (%(ids)s)

-- name: change_push_schedules
WITH emptied AS (DELETE FROM sim.schedule_entries WHERE schedule_id = ANY (%(ids)s))
UPDATE sim.push_schedules p SET (schedule_type, is_enabled, push_setup_id) =
    (%(schedule_type)s, %(is_enabled)s, wanted.setup_id)
FROM unnest(%(ids)s::int[], %(setup_ids)s::int[]) AS wanted (id, setup_id) WHERE p.id = wanted.id

-- name: pushed_successfully
SELECT DISTINCT s.meter_id FROM sim.push_setups s JOIN sim.push_history h ON h.push_setup_id = s.id
WHERE s.obis_code_id = %(obis_code_id)s AND h.status = 'SUCCESS'

-- name: claim_alarms
-- Each meter's alarms go out with one push of one setup.
UPDATE sim.eswf_push_alarms a SET push_setup_id = wanted.setup_id
FROM sim.eswf_status s, unnest(%(meter_ids)s::uuid[], %(setup_ids)s::int[]) AS wanted (meter_id, setup_id)
WHERE s.id = a.eswf_status_id AND s.meter_id = wanted.meter_id AND a.status = 'PENDING' AND a.push_setup_id IS NULL
RETURNING s.meter_id, a.id

-- name: open_alarms
SELECT s.meter_id, a.id, a.push_setup_id IS NOT NULL
FROM sim.eswf_push_alarms a JOIN sim.eswf_status s ON s.id = a.eswf_status_id WHERE a.status = 'PENDING'

-- name: release_alarms
UPDATE sim.eswf_push_alarms SET push_setup_id = NULL WHERE id = ANY (%(ids)s) AND status = 'PENDING'

-- name: settle_alarms
-- What the head-end has acknowledged meanwhile stays acknowledged; what was given up, for the meter was removed, and
-- came through in that moment was sent.
UPDATE sim.eswf_push_alarms a
SET status = CASE WHEN a.status = 'PENDING' OR (a.status = 'FAILED' AND told.status <> 'PENDING') THEN told.status
                  ELSE a.status END,
    retry_count = told.retry_count, last_retry_timestamp = coalesce(told.retried, a.last_retry_timestamp),
    push_history_id = told.history_id
FROM unnest(%(ids)s::int[], %(statuses)s::text[], %(retry_counts)s::int[], %(retried)s::timestamp[],
            %(history_ids)s::bigint[]) AS told (id, status, retry_count, retried, history_id)
WHERE a.id = told.id

-- name: pushes
SELECT to_char(h.timestamp, 'YYYY-MM-DD HH24:MI:SS') AS time, m.meter_number AS meter, o.logical_name AS setup,
       h.trigger, h.status, h.retry_count AS retries, h.destination, octet_length(h.payload) AS octets,
       h.error_message AS error
FROM sim.push_history h JOIN sim.push_setups s ON s.id = h.push_setup_id
JOIN sim.meters m ON m.id = s.meter_id JOIN sim.obis_codes o ON o.id = s.obis_code_id
WHERE (%(status)s::text IS NULL OR h.status = %(status)s)
  AND (%(setup)s::text IS NULL OR o.logical_name = %(setup)s)
  AND (%(meter_numbers)s::text[] IS NULL OR m.meter_number = ANY (%(meter_numbers)s))
ORDER BY h.id DESC LIMIT %(limit)s
