-- SPDX-License-Identifier: MIT
-- On top of apache.sql, with TimescaleDB under its own licence: retention and compression.
-- Retention comes before compression: both start at once, and the other order has been seen to deadlock.
-- Segments are made by all columns of foreign and primary keys: TimescaleDB compresses no table else.

DO $$
DECLARE policy record;
BEGIN
    IF hes.tier() <> 'timescale' THEN
        RETURN;
    END IF;
    FOR policy IN SELECT relation, span FROM hes.policies WHERE kind = 'retention' LOOP
        PERFORM add_retention_policy(policy.relation::regclass, policy.span, if_not_exists => true);
    END LOOP;
    FOR policy IN
        SELECT p.relation, p.time_column, p.span, string_agg(DISTINCT quote_ident(a.attname), ', ') AS segments
        FROM hes.policies p
        JOIN pg_constraint c ON c.conrelid = p.relation::regclass AND c.contype IN ('p', 'f')
        JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey)
        WHERE p.kind = 'compression' AND a.attname <> p.time_column
        GROUP BY 1, 2, 3
    LOOP
        EXECUTE format('ALTER TABLE %s SET (timescaledb.compress, timescaledb.compress_segmentby = %L, '
                       'timescaledb.compress_orderby = %L)',
                       policy.relation::regclass, policy.segments, quote_ident(policy.time_column) || ' DESC');
        PERFORM add_compression_policy(policy.relation::regclass, policy.span, if_not_exists => true,
                                       initial_start => now() + interval '1 hour');
    END LOOP;
    UPDATE hes.policies SET provided_by = 'timescale' WHERE kind IN ('hypertable', 'retention', 'compression');
END $$;
