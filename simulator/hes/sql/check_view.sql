-- SPDX-License-Identifier: MIT
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
