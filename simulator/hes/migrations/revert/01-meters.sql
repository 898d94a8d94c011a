-- SPDX-License-Identifier: MIT
-- Revert meterfleet-hes:01-meters from pg

BEGIN;

DROP TABLE hes.obis_codes, public.meters, hes.settings, hes.schema_version;
DROP FUNCTION hes.touch_updated_at();
DROP SCHEMA hes;

COMMIT;
