-- SPDX-License-Identifier: MIT
-- Days computed from blocks, beside hes.daily_load_profile, which meters have reported. A day is the meters' own, so their
-- zone stands in the view as a literal; a block belongs to the day in which it began.

DO $$
BEGIN
    EXECUTE format($view$
        CREATE OR REPLACE VIEW hes.daily_load_profile_agg AS
        SELECT meter_id, date_trunc('day', capture_time - interval '1 second', %L) AS day,
               sum(kwh_import) AS kwh_import, sum(kwh_export) AS kwh_export,
               sum(kvah_import) AS kvah_import, sum(kvah_export) AS kvah_export, count(*) AS blocks
        FROM hes.block_load_profile
        GROUP BY 1, 2
    $view$, (SELECT timezone FROM hes.settings));
END $$;
