-- SPDX-License-Identifier: MIT
-- Verify meterfleet-hes:09-compression on pg

-- What the server is said to keep, it has a job for.
DO $$
BEGIN
    IF hes.tier() = 'timescale' THEN
        PERFORM 1 / (count(*) = 0)::integer FROM hes.policies
        WHERE kind IN ('retention', 'compression') AND provided_by = 'timescale' AND ('policy_' || kind, relation) NOT IN
            (SELECT proc_name, format('%s.%s', hypertable_schema, hypertable_name) FROM timescaledb_information.jobs
             WHERE hypertable_name IS NOT NULL);
    END IF;
END $$;
