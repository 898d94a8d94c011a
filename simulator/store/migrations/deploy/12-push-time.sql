-- SPDX-License-Identifier: MIT
-- Deploy meterfleet-sim:12-push-time to pg

BEGIN;

ALTER TABLE sim.push_history
    ADD told_at timestamp;                            -- what the push says of its time: a repeated one says its first
CREATE INDEX push_history_told_at ON sim.push_history USING brin (told_at);

INSERT INTO sim.schema_version (version) VALUES (12);

COMMIT;
