-- SPDX-License-Identifier: MIT
-- Deploy meterfleet-sim:05-profiles to pg

BEGIN;

-- The three hot tables carry the key (meter_id, time), which serves each profile read, and a BRIN index on the profile's
-- own code: it is the same in nearly all rows, so a btree would cost much and find nothing.
-- `id` is an integer; its sequence cycles, because old rows leave a meter's buffer long before the numbers come round.

CREATE TABLE sim.instant_profile (
    id               serial PRIMARY KEY,
    obis_code_id     integer REFERENCES sim.obis_codes,
    timestamp        timestamp NOT NULL,
    voltage_r        numeric(10,2),
    voltage_y        numeric(10,2),
    voltage_b        numeric(10,2),
    current_r        numeric(10,3),
    current_y        numeric(10,3),
    current_b        numeric(10,3),
    active_power_r   numeric(10,3),                   -- kW
    active_power_y   numeric(10,3),
    active_power_b   numeric(10,3),
    power_factor_r   numeric(5,3),
    power_factor_y   numeric(5,3),
    power_factor_b   numeric(5,3),
    frequency        numeric(5,2),
    created_at       timestamptz NOT NULL DEFAULT now(),
    meter_id         uuid NOT NULL DEFAULT sim.current_meter() REFERENCES sim.meters ON DELETE CASCADE,
    current_n        numeric(10,3),
    power_factor     numeric(5,3),
    active_power     numeric(10,3),                   -- kW
    apparent_power   numeric(10,3),                   -- kVA
    reactive_power   numeric(10,3),                   -- kvar
    captured         jsonb NOT NULL DEFAULT '{}',     -- further captured cells, key "logical name:attribute"
    UNIQUE (meter_id, timestamp)
);
CREATE INDEX instant_profile_obis_code ON sim.instant_profile USING brin (obis_code_id);
ALTER SEQUENCE sim.instant_profile_id_seq CYCLE;

CREATE TABLE sim.block_load_profile (
    id                      serial PRIMARY KEY,
    obis_code_id            integer REFERENCES sim.obis_codes,
    capture_time            timestamp NOT NULL,       -- end of the block
    kWh_import              numeric(18,3),
    kWh_export              numeric(18,3),
    kVAh_import             numeric(18,3),
    kVAh_export             numeric(18,3),
    average_current_r       numeric(10,3),
    average_current_y       numeric(10,3),
    average_current_b       numeric(10,3),
    average_voltage_r       numeric(10,2),
    average_voltage_y       numeric(10,2),
    average_voltage_b       numeric(10,2),
    block_interval_minutes  integer CHECK (block_interval_minutes IN (1, 5, 10, 15, 20, 30, 60)),
    status_word             varchar(32),              -- the event status word, 16 octets in hex
    created_at              timestamptz NOT NULL DEFAULT now(),
    meter_id                uuid NOT NULL DEFAULT sim.current_meter() REFERENCES sim.meters ON DELETE CASCADE,
    average_current_n       numeric(10,3),
    power_factor            numeric(5,3),
    health                  smallint,                 -- meter health indicator of the block (0.0.96.10.1.255)
    kvarh_q1                numeric(18,3),            -- where the model captures reactive energy per block
    kvarh_q2                numeric(18,3),
    kvarh_q3                numeric(18,3),
    kvarh_q4                numeric(18,3),
    UNIQUE (meter_id, capture_time)
);
CREATE INDEX block_load_profile_obis_code ON sim.block_load_profile USING brin (obis_code_id);
ALTER SEQUENCE sim.block_load_profile_id_seq CYCLE;

CREATE TABLE sim.daily_load_profile (
    id                      serial PRIMARY KEY,
    obis_code_id            integer REFERENCES sim.obis_codes,
    capture_date            date NOT NULL,            -- the midnight after the day
    cumulative_kWh_import   numeric(18,3),
    cumulative_kWh_export   numeric(18,3),
    cumulative_kVAh_import  numeric(18,3),
    cumulative_kVAh_export  numeric(18,3),
    daily_kWh_import        numeric(18,3),
    daily_kWh_export        numeric(18,3),
    daily_kVAh_import       numeric(18,3),
    daily_kVAh_export       numeric(18,3),
    max_demand_kW           numeric(10,3),
    max_demand_time         timestamp,
    power_factor            numeric(5,3),
    created_at              timestamptz NOT NULL DEFAULT now(),
    meter_id                uuid NOT NULL DEFAULT sim.current_meter() REFERENCES sim.meters ON DELETE CASCADE,
    UNIQUE (meter_id, capture_date)
);
CREATE INDEX daily_load_profile_obis_code ON sim.daily_load_profile USING brin (obis_code_id);
ALTER SEQUENCE sim.daily_load_profile_id_seq CYCLE;

CREATE TABLE sim.billing_profile (
    id                      serial PRIMARY KEY,
    obis_code_id            integer REFERENCES sim.obis_codes,
    billing_date            date NOT NULL,            -- the reset day
    reset_count             integer,                  -- billing period counter (0.0.0.1.0.255)
    cumulative_kWh_import   numeric(18,3),
    cumulative_kWh_export   numeric(18,3),
    cumulative_kVAh_import  numeric(18,3),
    cumulative_kVAh_export  numeric(18,3),
    monthly_kWh_import      numeric(18,3),
    monthly_kWh_export      numeric(18,3),
    monthly_kVAh_import     numeric(18,3),
    monthly_kVAh_export     numeric(18,3),
    max_demand_kW           numeric(10,3),
    max_demand_date         timestamp,
    power_factor            numeric(5,3),
    billing_status_word     varchar(32),
    created_at              timestamptz NOT NULL DEFAULT now(),
    meter_id                uuid NOT NULL DEFAULT sim.current_meter() REFERENCES sim.meters ON DELETE CASCADE,
    billing_time            timestamp,                -- the reset, to the second (two resets may share a day)
    max_demand_kva          numeric(10,3),
    max_demand_kva_date     timestamp,
    power_on_minutes        integer,
    captured                jsonb NOT NULL DEFAULT '{}',   -- further captured cells (tariff zones), key "logical name:attribute"
    UNIQUE (meter_id, reset_count)
);
CREATE INDEX billing_profile_meter_date ON sim.billing_profile (meter_id, billing_date);
CREATE INDEX billing_profile_meter_time ON sim.billing_profile (meter_id, billing_time);
CREATE INDEX billing_profile_obis_code ON sim.billing_profile (obis_code_id);

INSERT INTO sim.schema_version (version) VALUES (5);

COMMIT;
