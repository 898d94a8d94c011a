-- SPDX-License-Identifier: MIT
-- Revert meterfleet-sim:12-push-time from pg

BEGIN;

ALTER TABLE sim.push_history DROP told_at;

DELETE FROM sim.schema_version WHERE version = 12;

COMMIT;
