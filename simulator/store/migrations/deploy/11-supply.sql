-- SPDX-License-Identifier: MIT
-- Deploy meterfleet-sim:11-supply to pg

BEGIN;

-- What befell the supply of meters for a while only, and when it ends: a fleet that was stopped or killed ends it when it
-- was promised.
CREATE TABLE sim.supply_ends (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at_ms       bigint NOT NULL,                      -- instant
    told        jsonb NOT NULL,                       -- the order, as `meterfleet power` and `supply` give it
    created_at  timestamptz NOT NULL DEFAULT now()
);

INSERT INTO sim.schema_version (version) VALUES (11);

COMMIT;
