-- SPDX-License-Identifier: MIT
-- Revert meterfleet-hes:09-compression from pg

BEGIN;

DO $$
DECLARE policy record;
BEGIN
    IF hes.tier() <> 'timescale' THEN
        RETURN;
    END IF;
    FOR policy IN SELECT relation FROM hes.policies WHERE kind = 'compression' LOOP
        PERFORM remove_retention_policy(policy.relation::regclass, if_exists => true);
        PERFORM remove_compression_policy(policy.relation::regclass, if_exists => true);
        PERFORM decompress_chunk(chunk, true) FROM show_chunks(policy.relation::regclass) AS chunk;
        EXECUTE format('ALTER TABLE %s SET (timescaledb.compress = false)', policy.relation::regclass);
    END LOOP;
    UPDATE hes.policies SET provided_by = 'apache' WHERE kind = 'hypertable';
    UPDATE hes.policies SET provided_by = 'emulated' WHERE kind IN ('retention', 'compression');
END $$;
DELETE FROM hes.schema_version WHERE version = 9;

COMMIT;
