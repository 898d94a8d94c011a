-- SPDX-License-Identifier: MIT
-- Deploy meterfleet-sim:01-fleet to pg

BEGIN;

CREATE SCHEMA sim;

-- The migrations that are in it, by number; those of a new store are all of them. A program refuses a store that is newer
-- than itself.
CREATE TABLE sim.schema_version (
    version     integer PRIMARY KEY,
    created_at  timestamptz NOT NULL DEFAULT now()
);

-- The meter that this session speaks for: SET sim.meter_id = '<uuid>'. It is the default of every meter_id, so that a
-- statement that knows of one meter only (INSERT INTO block_load_profile (capture_time, …)) runs unchanged.
CREATE FUNCTION sim.current_meter() RETURNS uuid LANGUAGE sql STABLE
    AS $$ SELECT nullif(current_setting('sim.meter_id', true), '')::uuid $$;

CREATE FUNCTION sim.touch_updated_at() RETURNS trigger LANGUAGE plpgsql
    AS $$ BEGIN NEW.updated_at := clock_timestamp(); RETURN NEW; END $$;

-- One row: what this database simulates and how far its clock has come (milliseconds since 1970, UTC).
CREATE TABLE sim.fleet (
    id            smallint PRIMARY KEY DEFAULT 1 CHECK (id = 1),
    name          text NOT NULL,
    seed          bigint NOT NULL,                    -- decides every random choice of the fleet
    version       text NOT NULL,                      -- of the program that installed it
    spec          jsonb NOT NULL,                     -- the scenario as it was read
    installed_ms  bigint NOT NULL,
    clock_ms      bigint NOT NULL,
    speed         text NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now()
);
CREATE TRIGGER fleet_updated_at BEFORE UPDATE ON sim.fleet FOR EACH ROW EXECUTE FUNCTION sim.touch_updated_at();

CREATE TABLE sim.meters (
    id                   uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    meter_number         varchar(50) NOT NULL UNIQUE,
    meter_type           varchar(50) NOT NULL,
    created_at           timestamptz NOT NULL DEFAULT now(),
    updated_at           timestamptz NOT NULL DEFAULT now(),
    profile              varchar(100),                -- the model: name of a file in profiles/meters
    manufacturer_flag    character(3),                -- DLMS UA FLAG id, first three octets of the system title
    system_title         bytea CHECK (octet_length(system_title) = 8),
    logical_device_name  varchar(16),
    phases               smallint NOT NULL DEFAULT 3 CHECK (phases BETWEEN 1 AND 3),
    utc_offset_minutes   smallint NOT NULL DEFAULT 0 CHECK (utc_offset_minutes BETWEEN -840 AND 840),
    host                 varchar(255),
    port                 integer CHECK (port BETWEEN 0 AND 65535),
    serial_device        varchar(255),
    config               jsonb NOT NULL DEFAULT '{}',
    status               varchar(20) NOT NULL DEFAULT 'STOPPED' CHECK (status IN ('STOPPED', 'RUNNING', 'FAILED'))
);
CREATE INDEX meters_status ON sim.meters (status);
CREATE TRIGGER meters_updated_at BEFORE UPDATE ON sim.meters FOR EACH ROW EXECUTE FUNCTION sim.touch_updated_at();

INSERT INTO sim.schema_version (version) VALUES (1);

COMMIT;
