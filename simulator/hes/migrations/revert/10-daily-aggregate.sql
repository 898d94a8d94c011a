-- SPDX-License-Identifier: MIT
-- Revert meterfleet-hes:10-daily-aggregate from pg

BEGIN;

DROP VIEW hes.daily_load_profile_agg;
DELETE FROM hes.schema_version WHERE version = 10;

COMMIT;
