-- SPDX-License-Identifier: MIT
-- Deploy meterfleet-hes:11-continuous-aggregate to pg

BEGIN;

-- The same as a continuous aggregate, with TimescaleDB under its own licence. It cannot shift its time column, so its
-- buckets begin one second after midnight inside, and the view over it shows the midnight.
DO $$
BEGIN
    IF hes.tier() <> 'timescale' THEN
        RETURN;
    END IF;
    EXECUTE format($aggregate$
        CREATE MATERIALIZED VIEW hes.daily_load_profile_buckets
        WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
        SELECT meter_id, time_bucket('1 day', capture_time, %L, "offset" => interval '1 second') AS bucket,
               sum(kwh_import) AS kwh_import, sum(kwh_export) AS kwh_export,
               sum(kvah_import) AS kvah_import, sum(kvah_export) AS kvah_export, count(*) AS blocks
        FROM hes.block_load_profile
        GROUP BY 1, 2
        WITH NO DATA
    $aggregate$, (SELECT timezone FROM hes.settings));
    PERFORM add_continuous_aggregate_policy('hes.daily_load_profile_buckets', start_offset => interval '32 days',
                                            end_offset => interval '1 hour', schedule_interval => interval '1 hour');
    CREATE OR REPLACE VIEW hes.daily_load_profile_agg AS
    SELECT meter_id, bucket - interval '1 second' AS day, kwh_import, kwh_export, kvah_import, kvah_export, blocks
    FROM hes.daily_load_profile_buckets;
    UPDATE hes.policies SET provided_by = 'timescale' WHERE kind = 'aggregate';
END $$;

INSERT INTO hes.schema_version (version) VALUES (11);

COMMIT;
