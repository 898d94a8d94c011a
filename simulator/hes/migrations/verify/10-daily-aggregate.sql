-- SPDX-License-Identifier: MIT
-- Verify meterfleet-hes:10-daily-aggregate on pg

SELECT meter_id, day, kwh_import, kwh_export, kvah_import, kvah_export, blocks FROM hes.daily_load_profile_agg WHERE false;
