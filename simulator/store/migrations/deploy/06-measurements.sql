-- SPDX-License-Identifier: MIT
-- Deploy meterfleet-sim:06-measurements to pg

BEGIN;

CREATE TABLE sim.energy_measurements (
    id                bigserial PRIMARY KEY,
    obis_code_id      integer NOT NULL REFERENCES sim.obis_codes,
    timestamp         timestamp NOT NULL,
    value             numeric(18,3) NOT NULL,
    unit              varchar(10) NOT NULL,
    created_at        timestamptz NOT NULL DEFAULT now(),
    meter_id          uuid NOT NULL DEFAULT sim.current_meter() REFERENCES sim.meters ON DELETE CASCADE,
    measurement_type  varchar(20) NOT NULL DEFAULT 'CUMULATIVE' CHECK (measurement_type IN ('CUMULATIVE', 'INTERVAL'))
);
CREATE INDEX energy_measurements_latest ON sim.energy_measurements (meter_id, obis_code_id, timestamp DESC);
CREATE INDEX energy_measurements_obis_code ON sim.energy_measurements USING brin (obis_code_id);

CREATE TABLE sim.voltage_measurements (
    id            bigserial PRIMARY KEY,
    obis_code_id  integer NOT NULL REFERENCES sim.obis_codes,
    timestamp     timestamp NOT NULL,
    value         numeric(10,2) NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    meter_id      uuid NOT NULL DEFAULT sim.current_meter() REFERENCES sim.meters ON DELETE CASCADE,
    phase         varchar(1) NOT NULL CHECK (phase IN ('R', 'Y', 'B'))
);
CREATE INDEX voltage_measurements_latest ON sim.voltage_measurements (meter_id, obis_code_id, timestamp DESC);
CREATE INDEX voltage_measurements_obis_code ON sim.voltage_measurements USING brin (obis_code_id);

CREATE TABLE sim.current_measurements (
    id            bigserial PRIMARY KEY,
    obis_code_id  integer NOT NULL REFERENCES sim.obis_codes,
    timestamp     timestamp NOT NULL,
    value         numeric(10,3) NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    meter_id      uuid NOT NULL DEFAULT sim.current_meter() REFERENCES sim.meters ON DELETE CASCADE,
    phase         varchar(1) NOT NULL CHECK (phase IN ('R', 'Y', 'B', 'N'))
);
CREATE INDEX current_measurements_latest ON sim.current_measurements (meter_id, obis_code_id, timestamp DESC);
CREATE INDEX current_measurements_obis_code ON sim.current_measurements USING brin (obis_code_id);

INSERT INTO sim.schema_version (version) VALUES (6);

COMMIT;
