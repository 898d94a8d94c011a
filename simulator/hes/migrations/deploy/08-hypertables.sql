-- SPDX-License-Identifier: MIT
-- Deploy meterfleet-hes:08-hypertables to pg

BEGIN;

-- With TimescaleDB under either licence: the nine tables become hypertables. The Apache licence, as
-- Debian packages it, has nothing more; retention stays with `meterfleet db maintain`.
DO $$
DECLARE policy record;
BEGIN
    IF hes.tier() = 'none' THEN
        RETURN;
    END IF;
    FOR policy IN SELECT relation, time_column FROM hes.policies WHERE kind = 'hypertable' LOOP
        PERFORM create_hypertable(policy.relation::regclass, policy.time_column::name,
                                  chunk_time_interval => CASE WHEN policy.time_column LIKE '%date' THEN interval '90 days'
                                                              ELSE interval '1 day' END,
                                  create_default_indexes => false, migrate_data => true, if_not_exists => true);
    END LOOP;
    UPDATE hes.policies SET provided_by = 'apache' WHERE kind = 'hypertable';
END $$;

INSERT INTO hes.schema_version (version) VALUES (8);

COMMIT;
