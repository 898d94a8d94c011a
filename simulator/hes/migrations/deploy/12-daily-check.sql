-- SPDX-License-Identifier: MIT
-- Deploy meterfleet-hes:12-daily-check to pg

BEGIN;

-- What meters have reported of a day beside what their blocks make of it. Only complete days must agree: those whose
-- blocks fill them, be they of 23 or 25 hours. Meters that send float32 are right to some watt-hours only.
DO $$
BEGIN
    EXECUTE format($view$
        CREATE VIEW hes.daily_load_profile_check AS
        SELECT coalesce(d.meter_id, a.meter_id) AS meter_id, coalesce(d.capture_date, a.capture_date) AS capture_date,
               a.blocks,
               a.blocks * b.block_interval_minutes * interval '1 minute' = a.midnight - a.day AS is_complete,
               d.daily_kwh_import, a.kwh_import AS blocks_kwh_import,
               d.daily_kwh_import - a.kwh_import AS difference_kwh_import,
               d.daily_kwh_export, a.kwh_export AS blocks_kwh_export,
               d.daily_kwh_export - a.kwh_export AS difference_kwh_export,
               d.daily_kvah_import, a.kvah_import AS blocks_kvah_import,
               d.daily_kvah_import - a.kvah_import AS difference_kvah_import,
               d.daily_kvah_export, a.kvah_export AS blocks_kvah_export,
               d.daily_kvah_export - a.kvah_export AS difference_kvah_export
        FROM hes.daily_load_profile d
        FULL JOIN (SELECT meter_id, day, (day AT TIME ZONE %1$L)::date + 1 AS capture_date,
                          ((day AT TIME ZONE %1$L)::date + 1)::timestamp AT TIME ZONE %1$L AS midnight,
                          kwh_import, kwh_export, kvah_import, kvah_export, blocks
                   FROM hes.daily_load_profile_agg) a
        ON a.meter_id = d.meter_id AND a.capture_date = d.capture_date
        LEFT JOIN hes.block_load_profile b ON b.meter_id = a.meter_id AND b.capture_time = a.midnight
    $view$, (SELECT timezone FROM hes.settings));
END $$;

-- What no meter says: the differences of successive registers, of rows that are there already.
UPDATE hes.daily_load_profile d
SET daily_kwh_import = d.cumulative_kwh_import - b.cumulative_kwh_import,
    daily_kwh_export = d.cumulative_kwh_export - b.cumulative_kwh_export,
    daily_kvah_import = d.cumulative_kvah_import - b.cumulative_kvah_import,
    daily_kvah_export = d.cumulative_kvah_export - b.cumulative_kvah_export
FROM hes.daily_load_profile b
WHERE b.meter_id = d.meter_id AND b.capture_date = d.capture_date - 1;
UPDATE hes.billing_profile d
SET monthly_kwh_import = d.cumulative_kwh_import - b.cumulative_kwh_import,
    monthly_kwh_export = d.cumulative_kwh_export - b.cumulative_kwh_export,
    monthly_kvah_import = d.cumulative_kvah_import - b.cumulative_kvah_import,
    monthly_kvah_export = d.cumulative_kvah_export - b.cumulative_kvah_export
FROM hes.billing_profile b
WHERE b.meter_id = d.meter_id AND b.reset_count = d.reset_count - 1;

INSERT INTO hes.schema_version (version) VALUES (12);

COMMIT;
