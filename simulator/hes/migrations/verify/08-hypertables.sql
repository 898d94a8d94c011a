-- SPDX-License-Identifier: MIT
-- Verify meterfleet-hes:08-hypertables on pg

-- What is said to be a hypertable is one.
DO $$
BEGIN
    IF hes.tier() <> 'none' THEN
        PERFORM 1 / (count(*) = 0)::integer FROM hes.policies
        WHERE kind = 'hypertable' AND provided_by <> 'emulated' AND relation NOT IN
            (SELECT format('%s.%s', hypertable_schema, hypertable_name) FROM timescaledb_information.hypertables);
    END IF;
END $$;
