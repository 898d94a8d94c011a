-- SPDX-License-Identifier: MIT
-- Revert meterfleet-hes:08-hypertables from pg

BEGIN;

-- A hypertable does not become a table again: it stays one until its table goes, and deploying this once more changes
-- nothing in it.
DELETE FROM hes.schema_version WHERE version = 8;

COMMIT;
