-- SPDX-License-Identifier: MIT
-- Every statement on the head-end's database that is not its schema, by name.

-- name: session
SELECT set_config('timezone', 'UTC', false), set_config('search_path', 'hes,public', false)

-- The one that migrations hold: tables are made by one program at a time, and others wait.
-- name: lock
SELECT pg_advisory_xact_lock(1297368660, 4)

-- name: present
SELECT to_regclass('hes.settings') IS NOT NULL AND to_regprocedure('hes.touch_updated_at()') IS NOT NULL,
       to_regnamespace('hes') IS NOT NULL
       OR EXISTS (SELECT FROM pg_class WHERE relnamespace = 'public'::regnamespace
                  AND relname IN ('meters', 'meter_readings', 'meter_events'))

-- name: timezone
SELECT timezone FROM hes.settings

-- name: set_timezone
SELECT set_config('hes.timezone', %(timezone)s, false)

-- name: is_timezone
SELECT EXISTS (SELECT FROM pg_timezone_names WHERE name = %(timezone)s)

-- name: tier
SELECT hes.tier()

-- name: timescale
SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'

-- name: license
SELECT current_setting('timescaledb.license', true)

-- name: could_have
SELECT default_version::text FROM pg_available_extensions WHERE name = 'timescaledb' AND installed_version IS NULL

-- name: policies
SELECT relation, kind, time_column, span, provided_by FROM hes.policies ORDER BY relation, kind

-- Counted back from the newest row that half of the meters have come to, for they may live in another time than the server,
-- and one of them in its own; never from a future one, nor from one that no meter has said.
-- name: count_expired
SELECT count(*) FROM {relation} WHERE {column} < {newest} - {span}

-- name: delete_expired
DELETE FROM {relation} WHERE {column} < {newest} - {span}

-- name: newest
(SELECT least(now(), percentile_disc(0.5) WITHIN GROUP (ORDER BY newest))
 FROM (SELECT max({column}) AS newest FROM {relation} WHERE communication_status NOT IN ('TIMEOUT', 'ERROR')
       GROUP BY meter_id) AS meters)

-- name: note
INSERT INTO hes.event_logs (event_code, event_type, description, additional_data)
VALUES (0, 'MAINTENANCE', %(description)s, %(data)s)

-- name: analyze
ANALYZE {relation}

-- One by one: TimescaleDB drops no hypertable along with others.
-- name: drop
DROP VIEW IF EXISTS hes.daily_load_profile_check;
DROP VIEW IF EXISTS hes.daily_load_profile_agg;
DROP MATERIALIZED VIEW IF EXISTS hes.daily_load_profile_buckets;
DROP TABLE IF EXISTS hes.power_readings CASCADE;
DROP TABLE IF EXISTS hes.energy_measurements CASCADE;
DROP TABLE IF EXISTS hes.voltage_measurements CASCADE;
DROP TABLE IF EXISTS hes.current_measurements CASCADE;
DROP TABLE IF EXISTS hes.instant_profile CASCADE;
DROP TABLE IF EXISTS hes.block_load_profile CASCADE;
DROP TABLE IF EXISTS hes.daily_load_profile CASCADE;
DROP TABLE IF EXISTS hes.billing_profile CASCADE;
DROP TABLE IF EXISTS public.meter_readings CASCADE;
DROP SCHEMA IF EXISTS hes CASCADE;
DROP TABLE IF EXISTS public.meter_events, public.meters CASCADE

-- ------------------------------------------------------------------------------------------------- readings that land

-- name: meter_id
SELECT id FROM public.meters WHERE meter_number = %(meter)s

-- name: meter_ids
SELECT meter_number, id FROM public.meters

-- name: object_ids
SELECT logical_name, id::text FROM hes.obis_codes

-- name: register
INSERT INTO public.meters (meter_number, meter_type, host, port, timezone)
SELECT serial, type, host, port, %s
FROM unnest(%s::text[], %s::text[], %s::text[], %s::integer[]) AS given (serial, type, host, port)
ON CONFLICT (meter_number) DO UPDATE SET host = EXCLUDED.host, port = EXCLUDED.port
WHERE (meters.host, meters.port) IS DISTINCT FROM (EXCLUDED.host, EXCLUDED.port)

-- name: obis_codes
INSERT INTO hes.obis_codes (logical_name, class_id, description, unit)
SELECT * FROM unnest(%s::text[], %s::integer[], %s::text[], %s::text[])
ON CONFLICT (logical_name) DO NOTHING

-- name: landing_table
CREATE TEMPORARY TABLE IF NOT EXISTS {landing} ON COMMIT DELETE ROWS AS SELECT {columns} FROM {relation} WITH NO DATA

-- name: landing_copy
COPY {relation} ({columns}) FROM STDIN

-- name: landing_merge
INSERT INTO {relation} AS old ({columns})
SELECT DISTINCT ON ({key}) {columns} FROM {landing}
ON CONFLICT ({key}) DO UPDATE SET {changes} WHERE ({old}) IS DISTINCT FROM ({new}) {or_flagged} {or_whole}

-- What a meter has recorded does not change: if it says another value, what was stored is kept in the log.
-- name: landing_changed
INSERT INTO hes.event_logs (meter_id, event_code, event_type, description, additional_data)
SELECT meter_id, 0, 'ROWS_CHANGED',
       'stored rows of ' || {name} || ' that have become others: ' || count(*)
           || ', from ' || min({time}) || ' to ' || max({time}),
       jsonb_build_object('relation', {name}, 'before', jsonb_agg(jsonb_strip_nulls(to_jsonb(old) - ARRAY[
           'meter_id', 'obis_code_id', 'rtc_timestamp', 'source', 'communication_status', 'created_at', 'inserted_at'
       ]) ORDER BY {time}))
FROM (SELECT DISTINCT ON ({key}) {columns} FROM {landing}) AS new JOIN {relation} AS old USING ({key})
WHERE {differs}
GROUP BY meter_id

-- Or came a second time, which is a fact of its own: flag 8.
-- name: or_flagged
 OR (8 = ANY (EXCLUDED.validation_flags) AND NOT 8 = ANY (old.validation_flags))

-- Or was part of an answer that broke off, and has come again in a whole one.
-- name: or_whole
 OR (old.communication_status = 'PARTIAL' AND EXCLUDED.communication_status = 'SUCCESS')

-- Differences of successive registers, of rows that have come and of those that follow them.
-- name: fill_days
UPDATE hes.daily_load_profile d
SET (daily_kwh_import, daily_kwh_export, daily_kvah_import, daily_kvah_export)
  = (n.kwh_import, n.kwh_export, n.kvah_import, n.kvah_export)
FROM (SELECT now.meter_id, now.capture_date,
             now.cumulative_kwh_import - b.cumulative_kwh_import AS kwh_import,
             now.cumulative_kwh_export - b.cumulative_kwh_export AS kwh_export,
             now.cumulative_kvah_import - b.cumulative_kvah_import AS kvah_import,
             now.cumulative_kvah_export - b.cumulative_kvah_export AS kvah_export
      FROM hes.daily_load_profile now
      LEFT JOIN hes.daily_load_profile b ON b.meter_id = now.meter_id AND b.capture_date = now.capture_date - 1
      WHERE now.meter_id = ANY (%(meters)s::uuid[]) AND now.capture_date BETWEEN %(first)s AND %(last)s + 1) AS n
WHERE d.meter_id = n.meter_id AND d.capture_date = n.capture_date
  AND (d.daily_kwh_import, d.daily_kwh_export, d.daily_kvah_import, d.daily_kvah_export)
      IS DISTINCT FROM (n.kwh_import, n.kwh_export, n.kvah_import, n.kvah_export)

-- name: fill_bills
UPDATE hes.billing_profile d
SET (monthly_kwh_import, monthly_kwh_export, monthly_kvah_import, monthly_kvah_export)
  = (n.kwh_import, n.kwh_export, n.kvah_import, n.kvah_export)
FROM (SELECT now.meter_id, now.billing_date, now.reset_count,
             now.cumulative_kwh_import - b.cumulative_kwh_import AS kwh_import,
             now.cumulative_kwh_export - b.cumulative_kwh_export AS kwh_export,
             now.cumulative_kvah_import - b.cumulative_kvah_import AS kvah_import,
             now.cumulative_kvah_export - b.cumulative_kvah_export AS kvah_export
      FROM hes.billing_profile now
      LEFT JOIN hes.billing_profile b ON b.meter_id = now.meter_id AND b.reset_count = now.reset_count - 1
      WHERE now.meter_id = ANY (%(meters)s::uuid[]) AND now.reset_count BETWEEN %(first)s AND %(last)s + 1) AS n
WHERE d.meter_id = n.meter_id AND d.billing_date = n.billing_date AND d.reset_count = n.reset_count
  AND (d.monthly_kwh_import, d.monthly_kwh_export, d.monthly_kvah_import, d.monthly_kvah_export)
      IS DISTINCT FROM (n.kwh_import, n.kwh_export, n.kvah_import, n.kvah_export)

-- name: last
SELECT m.meter_number, max(p.{time}) FROM {relation} p JOIN public.meters m ON m.id = p.meter_id
WHERE p.source <> 'AUTO_READ' AND p.communication_status <> 'PARTIAL' GROUP BY 1

-- name: in_use
SELECT meter_number FROM public.meters WHERE status <> 'RETIRED'

-- name: last_events
SELECT m.meter_number, max(e.timestamp) FROM public.meter_events e JOIN public.meters m ON m.id = e.meter_id
WHERE e.source = 'EVENT_LOG' GROUP BY 1

-- The status word that the newest alert has told, in hexadecimal.
-- name: last_words
SELECT DISTINCT ON (e.meter_id) m.meter_number, e.additional_data ->> 'word'
FROM public.meter_events e JOIN public.meters m ON m.id = e.meter_id
WHERE e.source IN ('PUSH_ALARM', 'ESW_DIFF') AND e.additional_data ? 'word'
ORDER BY e.meter_id, e.received_at DESC, e.timestamp DESC

-- name: push_lists
SELECT m.meter_number, c.logical_name, o.class_id, o.logical_name, o.attribute_index
FROM hes.push_objects o JOIN hes.push_setups s ON s.id = o.push_setup_id
JOIN public.meters m ON m.id = s.meter_id JOIN hes.obis_codes c ON c.id = s.obis_code_id
ORDER BY s.id, o.position

-- Two neighbours that are further apart than a block.
-- name: block_gaps
SELECT meter_number, previous + step, capture_time - step
FROM (SELECT meter_id, capture_time, make_interval(mins => block_interval_minutes) AS step,
             lag(capture_time) OVER (PARTITION BY meter_id ORDER BY capture_time) AS previous
      FROM hes.block_load_profile) AS blocks
JOIN public.meters m ON m.id = meter_id
WHERE capture_time - previous > step
ORDER BY 1, 2

-- Whatever its quality: after a value that was wrong, the right ones must not be held against that one for ever.
-- name: last_registers
SELECT DISTINCT ON (meter_id, reading_type) m.meter_number, e.reading_type, e.value
FROM hes.energy_measurements e JOIN public.meters m ON m.id = e.meter_id
WHERE measurement_type = 'CUMULATIVE' AND e.value IS NOT NULL
ORDER BY meter_id, reading_type, e.timestamp DESC

-- Of what was read of late, as the meter's own newest row has it: one clock that is ahead must not hide all others.
-- name: last_scalers
SELECT DISTINCT ON (meter_id, measurement_type, channel_id) m.meter_number, measurement_type, channel_id, scaling_factor
FROM hes.energy_measurements e JOIN public.meters m ON m.id = e.meter_id
JOIN (SELECT meter_id, max(timestamp) AS newest FROM hes.energy_measurements GROUP BY 1) n USING (meter_id)
WHERE source <> 'AUTO_READ' AND scaling_factor IS NOT NULL AND channel_id IS NOT NULL
  AND e.timestamp > n.newest - interval '2 days'
ORDER BY meter_id, measurement_type, channel_id, e.timestamp DESC

-- name: last_intervals
SELECT m.meter_number, e.reading_type, array_agg(e.value ORDER BY e.timestamp)
FROM hes.energy_measurements e JOIN public.meters m ON m.id = e.meter_id
JOIN (SELECT meter_id, max(timestamp) AS newest FROM hes.energy_measurements GROUP BY 1) n USING (meter_id)
WHERE measurement_type = 'INTERVAL' AND e.value IS NOT NULL
  AND e.timestamp > n.newest - interval '2 days'
GROUP BY 1, 2

-- name: log
INSERT INTO hes.event_logs (meter_id, event_code, event_type, description)
VALUES (%(meter)s, %(code)s, %(type)s, %(description)s)

-- name: meter_status
UPDATE public.meters m SET status = given.status,
       last_communication = CASE given.status WHEN 'CONNECTED' THEN now() ELSE m.last_communication END
FROM unnest(%(ids)s::uuid[], %(status)s::text[]) AS given (id, status) WHERE m.id = given.id

-- What a meter is set to push: {"setups": {obis: {..., "objects": [[class, obis, attribute, index], ...]}},
-- "schedules": {obis: {"setup": obis, "type": ..., "times": [...]}}}; what is gone from it goes here too.
-- name: configure
WITH given AS (
    SELECT key AS obis, value FROM jsonb_each((%(setups)s::jsonb) -> 'setups')
), setups AS (
    INSERT INTO hes.push_setups AS old (meter_id, obis_code_id, destination_and_method, communication_window,
                                        randomisation_start_interval, number_of_retries, repetition_delay)
    SELECT %(meter)s, o.id, value ->> 'destination', value -> 'window', (value ->> 'randomisation')::integer,
           (value ->> 'retries')::integer, (value ->> 'delay')::integer
    FROM given JOIN hes.obis_codes o ON o.logical_name = obis
    ON CONFLICT (meter_id, obis_code_id) DO UPDATE
    SET destination_and_method = EXCLUDED.destination_and_method, communication_window = EXCLUDED.communication_window,
        randomisation_start_interval = EXCLUDED.randomisation_start_interval,
        number_of_retries = EXCLUDED.number_of_retries, repetition_delay = EXCLUDED.repetition_delay
    RETURNING id, obis_code_id
), named AS (
    SELECT s.id, o.logical_name AS obis FROM setups s JOIN hes.obis_codes o ON o.id = s.obis_code_id
), objects AS (
    INSERT INTO hes.push_objects (push_setup_id, class_id, logical_name, attribute_index, data_index, position)
    SELECT named.id, (object ->> 0)::integer, object ->> 1, (object ->> 2)::integer, (object ->> 3)::integer, place
    FROM given JOIN named USING (obis), jsonb_array_elements(value -> 'objects') WITH ORDINALITY AS one (object, place)
    ON CONFLICT (push_setup_id, position) DO UPDATE
    SET class_id = EXCLUDED.class_id, logical_name = EXCLUDED.logical_name,
        attribute_index = EXCLUDED.attribute_index, data_index = EXCLUDED.data_index
), shorter AS (
    DELETE FROM hes.push_objects o USING given JOIN named USING (obis)
    WHERE o.push_setup_id = named.id AND o.position > jsonb_array_length(value -> 'objects')
), schedules AS (
    INSERT INTO hes.push_schedules AS old (meter_id, obis_code_id, push_setup_id, schedule_type)
    SELECT %(meter)s, o.id, named.id, s.value ->> 'type'
    FROM jsonb_each((%(setups)s::jsonb) -> 'schedules') AS s
    JOIN hes.obis_codes o ON o.logical_name = s.key JOIN named ON named.obis = s.value ->> 'setup'
    ON CONFLICT (meter_id, obis_code_id, push_setup_id) DO UPDATE
    SET schedule_type = EXCLUDED.schedule_type, is_enabled = true
    RETURNING id, obis_code_id
), stopped AS (
    UPDATE hes.push_schedules SET is_enabled = false
    WHERE meter_id = %(meter)s AND id NOT IN (SELECT id FROM schedules)
), times AS (
    SELECT schedules.id, time FROM schedules JOIN hes.obis_codes o ON o.id = schedules.obis_code_id,
           jsonb_array_elements_text((%(setups)s::jsonb) -> 'schedules' -> o.logical_name -> 'times') AS time
), others AS (
    DELETE FROM hes.schedule_entries e WHERE e.schedule_id IN (SELECT id FROM schedules)
    AND (e.schedule_id, e.time_pattern) NOT IN (SELECT id, time FROM times)
)
INSERT INTO hes.schedule_entries (schedule_id, time_pattern) SELECT id, time FROM times
ON CONFLICT (schedule_id, date_pattern, time_pattern) DO NOTHING

-- The same push again, with the same instant of its arrival, is a batch whose commit was not heard of.
-- name: push
WITH setup AS (
    INSERT INTO hes.push_setups AS old (meter_id, obis_code_id)
    SELECT %(meter)s, id FROM hes.obis_codes WHERE logical_name = %(setup)s
    ON CONFLICT (meter_id, obis_code_id) DO UPDATE SET obis_code_id = EXCLUDED.obis_code_id RETURNING id
), pushed AS (
    INSERT INTO hes.push_history (meter_id, push_setup_id, schedule_id, timestamp, received_at, status, error_message,
                                  payload)
    SELECT %(meter)s, (SELECT id FROM setup),
            (SELECT s.id FROM hes.push_schedules s WHERE s.push_setup_id = (SELECT id FROM setup) AND s.is_enabled LIMIT 1),
            %(moment)s, %(received)s, %(status)s, %(problem)s, %(payload)s
    WHERE NOT EXISTS (SELECT FROM hes.push_history WHERE meter_id = %(meter)s AND timestamp = %(moment)s
                      AND received_at = %(received)s AND payload = %(payload)s)
    RETURNING id
)
INSERT INTO hes.push_history_objects (push_history_id, push_object_id, value)
SELECT pushed.id, o.id, one.value
FROM pushed, jsonb_array_elements(%(values)s::jsonb) WITH ORDINALITY AS one (value, place)
JOIN hes.push_objects o ON o.position = one.place AND o.push_setup_id = (SELECT id FROM setup)

-- ------------------------------------------------------------------------------------------------------- verification

-- name: read_only
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY;
SELECT set_config('datestyle', 'ISO', true), set_config('extra_float_digits', '1', true)

-- name: rows
SELECT ({meter})::text COLLATE "C" AS meter, ({time})::timestamp(0) AS clock, ({number})::text AS number,
       {values} AS shown, ({came})::timestamptz AS came {cells} FROM {source}

-- name: truth_once
SELECT DISTINCT ON (meter, clock, number) * FROM (
    SELECT ({meter})::text COLLATE "C" AS meter, ({time})::timestamp(0) AS clock, ({number})::text AS number,
           {values} AS shown, ({came})::timestamptz AS came {cells} FROM {source}) AS told
ORDER BY meter, clock, number, came

-- The sum of rows' hashes needs no order among them. Two servers that hash differently only make all days suspect.
-- By COPY, because the plan of a cursor is never a parallel one. OFFSET 0 hides from the planner what days are made of:
-- else it expects as many of them as there are instants, and sorts all rows instead of gathering them by hash.
-- name: digests
COPY (
    SELECT meter, day, count(*), sum(hash_record_extended(ROW(clock, number {names}), 0)),
           min(came), max(came)
    FROM (SELECT *, clock::date AS day FROM ({rows}) AS shown_rows OFFSET 0) AS dated_rows
    WHERE meter = ANY ({serials}) AND ({first}::timestamp IS NULL OR clock >= {first}::timestamp)
      AND ({last}::timestamp IS NULL OR clock <= {last}::timestamp)
    GROUP BY 1, 2 ORDER BY 1, 2
) TO STDOUT

-- name: details
SELECT meter, day, clock::text, number, shown, came
FROM (SELECT *, to_char(clock, 'YYYY-MM-DD') AS day FROM ({rows}) AS shown_rows WHERE meter = ANY (%(serials)s)) AS days
JOIN unnest(%(meters)s::text[], %(days)s::text[]) AS wanted (meter, day) USING (meter, day)
WHERE (%(first)s::timestamp IS NULL OR clock >= %(first)s::timestamp)
  AND (%(last)s::timestamp IS NULL OR clock <= %(last)s::timestamp)
ORDER BY 1, 2, 3, 4, 5

-- ----------------------------------------------------------------------------------------- readings by hand, reviews

-- name: actor
SELECT set_config('hes.actor', %(actor)s, true)

-- name: put
INSERT INTO public.meter_readings AS old (meter_id, timestamp, reading_type, value, quality, unit, source,
                                          validation_status, validation_flags)
VALUES (%(meter)s, %(timestamp)s, %(reading_type)s, %(value)s, %(quality)s, %(unit)s, %(source)s, %(status)s, %(flags)s)
ON CONFLICT (meter_id, reading_type, timestamp) DO UPDATE
SET value = EXCLUDED.value, quality = EXCLUDED.quality, unit = coalesce(EXCLUDED.unit, old.unit),
    source = EXCLUDED.source, validation_status = EXCLUDED.validation_status,
    validation_flags = EXCLUDED.validation_flags, original_value = NULL, scaling_factor = NULL
WHERE (old.value, old.quality, old.unit)
      IS DISTINCT FROM (EXCLUDED.value, EXCLUDED.quality, coalesce(EXCLUDED.unit, old.unit))

-- name: quality
SELECT {relation}, validation_status, quality, validation_flags, source, communication_status, count(*)
FROM {table} WHERE timestamp >= %(since)s AND (%(until)s::timestamptz IS NULL OR timestamp < %(until)s)
GROUP BY 1, 2, 3, 4, 5, 6

-- name: flag_meanings
SELECT flag, meaning FROM hes.validation_flags

-- name: audit
SELECT a.modified_at, a.modified_by, a.operation, m.meter_number, a.timestamp, a.reading_type, a.old_value, a.new_value,
       a.old_quality, a.new_quality, a.old_validation_status, a.new_validation_status
FROM hes.meter_readings_audit a LEFT JOIN public.meters m ON m.id = a.meter_id
WHERE (%(meter)s::text IS NULL OR m.meter_number = %(meter)s) AND a.modified_at >= %(since)s
  AND (NOT %(changed)s OR (a.operation = 'U' AND a.old_value IS DISTINCT FROM a.new_value))
ORDER BY a.audit_id

-- name: exported
SELECT p.* FROM {relation} p
WHERE p.meter_id = %(meter)s AND p.{time} > %(first)s::timestamp {zone} AND p.{time} <= %(last)s::timestamp {zone}
ORDER BY p.{time}
