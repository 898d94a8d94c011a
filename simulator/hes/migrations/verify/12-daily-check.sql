-- SPDX-License-Identifier: MIT
-- Verify meterfleet-hes:12-daily-check on pg

SELECT meter_id, capture_date, blocks, is_complete, difference_kwh_import, difference_kwh_export, difference_kvah_import,
       difference_kvah_export
FROM hes.daily_load_profile_check WHERE false;
