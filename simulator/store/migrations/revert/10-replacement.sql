-- SPDX-License-Identifier: MIT
-- Revert meterfleet-sim:10-replacement from pg

BEGIN;

-- Meters that others have replaced go, with their rows: before this there were none.
DELETE FROM sim.meters WHERE status = 'REMOVED';
ALTER TABLE sim.meters
    DROP place,
    DROP generation,
    DROP installed_at,
    DROP removed_at,
    DROP CONSTRAINT meters_status_check,
    ADD CONSTRAINT meters_status_check CHECK (status IN ('STOPPED', 'RUNNING', 'FAILED'));

DELETE FROM sim.schema_version WHERE version = 10;

COMMIT;
