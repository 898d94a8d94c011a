-- SPDX-License-Identifier: MIT
-- Deploy meterfleet-sim:02-objects to pg

BEGIN;

-- Every logical name that any meter of the fleet knows.
CREATE TABLE sim.obis_codes (
    id            serial PRIMARY KEY,
    logical_name  varchar(50) NOT NULL UNIQUE,
    class_id      integer NOT NULL,
    description   text,
    created_at    timestamptz NOT NULL DEFAULT now(),
    code          varchar(50) GENERATED ALWAYS AS (logical_name) STORED,   -- the head-end's word for the same thing
    unit          varchar(20),
    scaler        smallint
);

-- What clients have written: a meter's attributes that no longer follow its model (copy on write).
CREATE TABLE sim.attribute_values (
    meter_id         uuid NOT NULL DEFAULT sim.current_meter() REFERENCES sim.meters ON DELETE CASCADE,
    logical_name     varchar(50) NOT NULL,
    class_id         integer NOT NULL,
    attribute_index  smallint NOT NULL,
    encoded          bytea NOT NULL,                  -- A-XDR, as it is answered to a GET
    value            jsonb,                           -- the same for people
    updated_at       timestamptz NOT NULL DEFAULT now(),
    created_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (meter_id, class_id, logical_name, attribute_index)
);

-- Keys and secrets that do not follow from the fleet's seed: given in a key file, or changed by a client since.
CREATE TABLE sim.security_keys (
    meter_id    uuid NOT NULL DEFAULT sim.current_meter() REFERENCES sim.meters ON DELETE CASCADE,
    client      integer NOT NULL CHECK (client BETWEEN 0 AND 65535),    -- whose security setup; 0: that of all clients
    name        varchar(10) NOT NULL CHECK (name IN ('ek', 'bk', 'ak', 'master', 'secret')),
    key         bytea NOT NULL,
    updated_at  timestamptz NOT NULL DEFAULT now(),
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (meter_id, client, name)
);

-- After a restart: the lowest invocation counter that a client may use with a key, and the lowest that the meter itself
-- (client 0) may send. Written ahead of the counters in use, so that none comes twice however the meter stops.
CREATE TABLE sim.invocation_counters (
    meter_id    uuid NOT NULL DEFAULT sim.current_meter() REFERENCES sim.meters ON DELETE CASCADE,
    client      integer NOT NULL CHECK (client BETWEEN 0 AND 65535),
    key         varchar(10) NOT NULL CHECK (key IN ('unicast', 'broadcast')),
    lowest      bigint NOT NULL CHECK (lowest BETWEEN 0 AND 4294967296),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (meter_id, client, key)
);

INSERT INTO sim.schema_version (version) VALUES (2);

COMMIT;
