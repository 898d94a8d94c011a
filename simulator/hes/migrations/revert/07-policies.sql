-- SPDX-License-Identifier: MIT
-- Revert meterfleet-hes:07-policies from pg

BEGIN;

DROP FUNCTION hes.tier();
DROP TABLE hes.policies;
DELETE FROM hes.schema_version WHERE version = 7;

COMMIT;
