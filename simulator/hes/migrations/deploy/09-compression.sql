-- SPDX-License-Identifier: MIT
-- Deploy meterfleet-hes:09-compression to pg

BEGIN;

-- With TimescaleDB under its own licence: retention and compression.
-- Retention comes before compression: both start at once, and the other order has been seen to deadlock.
DO $$
DECLARE policy record;
BEGIN
    IF hes.tier() <> 'timescale' THEN
        RETURN;
    END IF;
    FOR policy IN SELECT relation, span FROM hes.policies WHERE kind = 'retention' LOOP
        PERFORM add_retention_policy(policy.relation::regclass, policy.span, if_not_exists => true);
    END LOOP;
    FOR policy IN SELECT relation, span FROM hes.policies WHERE kind = 'compression' LOOP
        EXECUTE format('ALTER TABLE %s SET (timescaledb.compress, timescaledb.compress_segmentby = ''meter_id'')',
                       policy.relation::regclass);
        PERFORM add_compression_policy(policy.relation::regclass, policy.span, if_not_exists => true,
                                       initial_start => now() + interval '1 hour');
    END LOOP;
    UPDATE hes.policies SET provided_by = 'timescale' WHERE kind IN ('hypertable', 'retention', 'compression');
END $$;

INSERT INTO hes.schema_version (version) VALUES (9);

COMMIT;
