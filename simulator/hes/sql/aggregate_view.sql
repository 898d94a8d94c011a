-- SPDX-License-Identifier: MIT
-- Days computed from blocks, beside hes.daily_load_profile, which meters have reported. {zone} is the meters' time zone,
-- as a literal: a day is theirs, and a block belongs to the day in which it began.
CREATE OR REPLACE VIEW hes.daily_load_profile_agg AS
SELECT meter_id, date_trunc('day', capture_time - interval '1 second', {zone}) AS day,
       sum(kwh_import) AS kwh_import, sum(kwh_export) AS kwh_export,
       sum(kvah_import) AS kvah_import, sum(kvah_export) AS kvah_export, count(*) AS blocks
FROM hes.block_load_profile
GROUP BY 1, 2
