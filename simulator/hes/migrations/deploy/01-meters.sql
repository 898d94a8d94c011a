-- SPDX-License-Identifier: MIT
-- Deploy meterfleet-hes:01-meters to pg

BEGIN;

CREATE SCHEMA hes;

-- The migrations that are in it, by number; those of a new database are all of them.
CREATE TABLE hes.schema_version (
    version     integer PRIMARY KEY,
    created_at  timestamptz NOT NULL DEFAULT now()
);

-- One row: the meters' time zone, which decides where their days begin. Whoever makes the tables says it by
-- SET hes.timezone.
CREATE TABLE hes.settings (
    id          smallint PRIMARY KEY DEFAULT 1 CHECK (id = 1),
    timezone    text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now()
);
INSERT INTO hes.settings (timezone)
VALUES (coalesce(nullif(current_setting('hes.timezone', true), ''), 'Asia/Kolkata'));

CREATE TABLE public.meters (
    id                  uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    meter_number        varchar(50) NOT NULL UNIQUE,
    meter_type          varchar(50) NOT NULL,
    created_at          timestamptz NOT NULL DEFAULT now(),
    updated_at          timestamptz NOT NULL DEFAULT now(),
    timezone            varchar(50) NOT NULL DEFAULT 'UTC',
    host                varchar(255),
    port                integer CHECK (port BETWEEN 0 AND 65535),
    status              varchar(20) NOT NULL DEFAULT 'DISCONNECTED'
                        CHECK (status IN ('DISCONNECTED', 'CONNECTED', 'ERROR', 'RETIRED')),
    last_communication  timestamptz
);
CREATE INDEX meters_status ON public.meters (status);

CREATE FUNCTION hes.touch_updated_at() RETURNS trigger LANGUAGE plpgsql
    AS $$ BEGIN NEW.updated_at := clock_timestamp(); RETURN NEW; END $$;
CREATE TRIGGER meters_updated_at BEFORE UPDATE ON public.meters
    FOR EACH ROW EXECUTE FUNCTION hes.touch_updated_at();

CREATE TABLE hes.obis_codes (
    id            serial PRIMARY KEY,
    logical_name  varchar(50) NOT NULL UNIQUE,
    class_id      integer NOT NULL,
    description   text,
    code          varchar(50) GENERATED ALWAYS AS (logical_name) STORED,
    unit          varchar(20),
    created_at    timestamptz NOT NULL DEFAULT now()
);

INSERT INTO hes.schema_version (version) VALUES (1);

COMMIT;
