-- SPDX-License-Identifier: MIT
-- Verify meterfleet-hes:11-continuous-aggregate on pg

DO $$
BEGIN
    IF EXISTS (SELECT FROM hes.policies WHERE kind = 'aggregate' AND provided_by = 'timescale') THEN
        PERFORM 'hes.daily_load_profile_buckets'::regclass;
    END IF;
END $$;
