-- SPDX-License-Identifier: MIT
-- Deploy meterfleet-hes:07-policies to pg

BEGIN;

-- What TimescaleDB does by itself, where it is there, and `meterfleet db maintain` where it is not.
CREATE TABLE hes.policies (
    relation    text NOT NULL,
    kind        varchar(20) NOT NULL CHECK (kind IN ('hypertable', 'retention', 'compression', 'aggregate')),
    time_column text NOT NULL,
    span        interval,                              -- keep this long; compress, refresh what is older than this
    provided_by varchar(20) NOT NULL DEFAULT 'emulated' CHECK (provided_by IN ('emulated', 'apache', 'timescale')),
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (relation, kind)
);
INSERT INTO hes.policies (relation, kind, time_column, span)
SELECT relation, kind, time_column, CASE kind WHEN 'retention' THEN keep WHEN 'compression' THEN interval '7 days' END
FROM (VALUES ('public.meter_readings', 'timestamp', interval '3 months'),
             ('hes.power_readings', 'timestamp', interval '3 months'),
             ('hes.energy_measurements', 'timestamp', interval '3 months'),
             ('hes.voltage_measurements', 'timestamp', interval '3 months'),
             ('hes.current_measurements', 'timestamp', interval '3 months'),
             ('hes.instant_profile', 'timestamp', interval '3 months'),
             ('hes.block_load_profile', 'capture_time', interval '3 years'),
             ('hes.daily_load_profile', 'capture_date', interval '10 years'),
             ('hes.billing_profile', 'billing_date', interval '10 years')) AS relations (relation, time_column, keep),
     (VALUES ('hypertable'), ('retention'), ('compression')) AS kinds (kind);
INSERT INTO hes.policies (relation, kind, time_column, span)
VALUES ('hes.daily_load_profile_agg', 'aggregate', 'day', interval '1 hour');

-- `none`, `apache` or `timescale`: what TimescaleDB allows here.
CREATE FUNCTION hes.tier() RETURNS text LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb')
                THEN coalesce(nullif(current_setting('timescaledb.license', true), ''), 'none') ELSE 'none' END
$$;

INSERT INTO hes.schema_version (version) VALUES (7);

COMMIT;
