-- SPDX-License-Identifier: MIT
-- Revert meterfleet-hes:11-continuous-aggregate from pg

BEGIN;

DO $$
BEGIN
    IF hes.tier() <> 'timescale' THEN
        RETURN;
    END IF;
    EXECUTE format($view$
        CREATE OR REPLACE VIEW hes.daily_load_profile_agg AS
        SELECT meter_id, date_trunc('day', capture_time - interval '1 second', %L) AS day,
               sum(kwh_import) AS kwh_import, sum(kwh_export) AS kwh_export,
               sum(kvah_import) AS kvah_import, sum(kvah_export) AS kvah_export, count(*) AS blocks
        FROM hes.block_load_profile
        GROUP BY 1, 2
    $view$, (SELECT timezone FROM hes.settings));
    DROP MATERIALIZED VIEW hes.daily_load_profile_buckets;
    UPDATE hes.policies SET provided_by = 'emulated' WHERE kind = 'aggregate';
END $$;
DELETE FROM hes.schema_version WHERE version = 11;

COMMIT;
