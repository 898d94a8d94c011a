-- SPDX-License-Identifier: MIT
-- Revert meterfleet-hes:12-daily-check from pg

BEGIN;

DROP VIEW hes.daily_load_profile_check;
DELETE FROM hes.schema_version WHERE version = 12;

COMMIT;
