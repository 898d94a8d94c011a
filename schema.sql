-- SPDX-License-Identifier: MIT
-- The simulator's own store: schema `sim`, the truth of a fleet. PostgreSQL 15 or newer, no extension needed.
-- Applied once, in one transaction, on a database that has no schema `sim` (Store.ensure_schema does it). One that has it
-- takes the migrations (simulator/store/migrations), which make the same: whoever changes this file adds one.
--
-- Time columns of type `timestamp` and `date` hold what the meter's own clock showed at capture: local, and wrong when
-- that clock is wrong. A block is stamped with its end, a day with the midnight after it, a bill with the reset day.
-- `created_at` is the instant, by the database's clock, at which the row was stored.
-- Energies are exact decimals; there is no float column in this schema.

CREATE SCHEMA sim;

-- The migrations that are in it, by number; those of a new store are all of them. A program refuses a store that is newer
-- than itself.
CREATE TABLE sim.schema_version (
    version     integer PRIMARY KEY,
    created_at  timestamptz NOT NULL DEFAULT now()
);
INSERT INTO sim.schema_version (version) SELECT generate_series(1, 12);

-- The meter that this session speaks for: SET sim.meter_id = '<uuid>'. It is the default of every meter_id, so that a
-- statement that knows of one meter only (INSERT INTO block_load_profile (capture_time, …)) runs unchanged.
CREATE FUNCTION sim.current_meter() RETURNS uuid LANGUAGE sql STABLE
    AS $$ SELECT nullif(current_setting('sim.meter_id', true), '')::uuid $$;

CREATE FUNCTION sim.touch_updated_at() RETURNS trigger LANGUAGE plpgsql
    AS $$ BEGIN NEW.updated_at := clock_timestamp(); RETURN NEW; END $$;

-- ---------------------------------------------------------------------------------------------------- the fleet

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
    status               varchar(20) NOT NULL DEFAULT 'STOPPED' CHECK (status IN ('STOPPED', 'RUNNING', 'FAILED',
                                                                                            'REMOVED')),
    place                integer,                     -- number in the fleet, from 1; meters that follow each other share it
    generation           smallint NOT NULL DEFAULT 0, -- how many meters were in the place before this one
    installed_at         timestamp,
    removed_at           timestamp                    -- when another one took its place; it is REMOVED since then
);
CREATE INDEX meters_status ON sim.meters (status);
CREATE TRIGGER meters_updated_at BEFORE UPDATE ON sim.meters FOR EACH ROW EXECUTE FUNCTION sim.touch_updated_at();

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

-- Restart aid: a cohort's registers at `settled_ms`, written in the transaction of the rows that they belong to.
CREATE TABLE sim.checkpoints (
    cohort      text PRIMARY KEY,
    settled_ms  bigint NOT NULL,
    columns     bytea NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now()
);

-- What clients changed of single meters since their cohort's checkpoint, which takes these rows in and deletes them.
CREATE TABLE sim.row_checkpoints (
    cohort      text NOT NULL,
    row         integer NOT NULL,
    columns     bytea NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (cohort, row)
);

-- The blocks of an image transfer (class 18), counted from 0, as they came; a new transfer deletes those of the last.
CREATE TABLE sim.image_blocks (
    meter_id      uuid NOT NULL REFERENCES sim.meters ON DELETE CASCADE,
    block_number  integer NOT NULL,
    octets        bytea NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (meter_id, block_number)
);

-- What a scenario has done, one row per step, so that a run that goes on does not do it again. Expectations are among
-- them: BEGUN with the mark from which they count, then MET or MISSED.
CREATE TABLE sim.scenario_steps (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    scenario    text NOT NULL,                        -- hash of the scenario with its parameters
    step        text NOT NULL,                        -- its place there, for example timeline.3#2/undo
    kind        text NOT NULL,
    at          timestamp NOT NULL,                   -- what meters' clocks show that are right
    instant_ms  bigint NOT NULL,
    meters      integer NOT NULL CHECK (meters >= 0),
    outcome     varchar(10) NOT NULL CHECK (outcome IN ('DONE', 'PARTLY', 'REFUSED', 'FAILED', 'BEGUN', 'MET', 'MISSED')),
    detail      jsonb NOT NULL DEFAULT '{}',
    created_at  timestamptz NOT NULL DEFAULT now(),
    UNIQUE (scenario, step)
);

-- What befell the supply of meters for a while only, and when it ends: a fleet that was stopped or killed ends it when it
-- was promised.
CREATE TABLE sim.supply_ends (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at_ms       bigint NOT NULL,                      -- instant
    told        jsonb NOT NULL,                       -- the order, as `meterfleet power` and `supply` give it
    created_at  timestamptz NOT NULL DEFAULT now()
);

-- --------------------------------------------------------------------------------------------- push (class 40, 22)

CREATE TABLE sim.push_setups (
    id                            serial PRIMARY KEY,
    obis_code_id                  integer REFERENCES sim.obis_codes,
    destination_and_method        text,
    communication_window          jsonb,
    randomisation_start_interval  integer CHECK (randomisation_start_interval BETWEEN 0 AND 65535),   -- seconds
    number_of_retries             integer CHECK (number_of_retries BETWEEN 0 AND 255),
    repetition_delay              integer CHECK (repetition_delay BETWEEN 0 AND 65535),               -- seconds
    created_at                    timestamptz NOT NULL DEFAULT now(),
    meter_id                      uuid NOT NULL DEFAULT sim.current_meter() REFERENCES sim.meters ON DELETE CASCADE
);
CREATE INDEX push_setups_meter ON sim.push_setups (meter_id, obis_code_id);
CREATE INDEX push_setups_obis_code ON sim.push_setups (obis_code_id);

CREATE TABLE sim.push_objects (
    id               serial PRIMARY KEY,
    push_setup_id    integer REFERENCES sim.push_setups ON DELETE CASCADE,
    class_id         integer NOT NULL,
    logical_name     varchar(50) NOT NULL,
    attribute_index  integer NOT NULL,
    data_index       integer NOT NULL,
    created_at       timestamptz NOT NULL DEFAULT now(),
    position         smallint NOT NULL DEFAULT 0      -- place in the pushed structure
);
CREATE INDEX push_objects_push_setup ON sim.push_objects (push_setup_id, position);

CREATE TABLE sim.push_schedules (
    id             serial PRIMARY KEY,
    obis_code_id   integer REFERENCES sim.obis_codes,
    schedule_type  varchar(20) NOT NULL CHECK (schedule_type IN ('FIFTEEN_MIN', 'THIRTY_MIN', 'ONE_HOUR', 'FOUR_HOUR',
                                                                 'EIGHT_HOUR', 'TWELVE_HOUR', 'TWENTY_FOUR_HOUR')),
    is_enabled     boolean DEFAULT true,
    created_at     timestamptz NOT NULL DEFAULT now(),
    push_setup_id  integer REFERENCES sim.push_setups ON DELETE CASCADE,   -- what the schedule pushes
    meter_id       uuid NOT NULL DEFAULT sim.current_meter() REFERENCES sim.meters ON DELETE CASCADE
);
CREATE INDEX push_schedules_meter ON sim.push_schedules (meter_id);
CREATE INDEX push_schedules_obis_code ON sim.push_schedules (obis_code_id);
CREATE INDEX push_schedules_push_setup ON sim.push_schedules (push_setup_id);
CREATE INDEX push_schedules_schedule_type ON sim.push_schedules (schedule_type);
CREATE INDEX push_schedules_is_enabled ON sim.push_schedules (is_enabled);

-- execution_time of a single action schedule (Blue Book 4.5.7): octets in hex, FF = any. FF:0F:00:FF = every hour at :15.
CREATE TABLE sim.schedule_entries (
    id            serial PRIMARY KEY,
    schedule_id   integer NOT NULL REFERENCES sim.push_schedules ON DELETE CASCADE,
    date_pattern  varchar(20) NOT NULL DEFAULT 'FF:FF:FF:FF:FF',
    time_pattern  varchar(20) NOT NULL,
    comment       text,
    created_at    timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX schedule_entries_schedule ON sim.schedule_entries (schedule_id);

-- One row per attempt to deliver a DataNotification.
CREATE TABLE sim.push_history (
    id             bigserial PRIMARY KEY,
    schedule_id    integer REFERENCES sim.push_schedules ON DELETE SET NULL,   -- null: an alarm, or pushed by hand
    push_setup_id  integer NOT NULL REFERENCES sim.push_setups ON DELETE CASCADE,
    timestamp      timestamp NOT NULL,
    status         varchar(20) NOT NULL CHECK (status IN ('SUCCESS', 'FAILED', 'RETRY', 'CANCELLED')),
    retry_count    integer NOT NULL DEFAULT 0,
    error_message  text,
    created_at     timestamptz NOT NULL DEFAULT now(),
    trigger        varchar(20) NOT NULL DEFAULT 'SCHEDULE' CHECK (trigger IN ('SCHEDULE', 'ALARM', 'MANUAL')),
    payload        bytea,                             -- the APDU as it went out
    destination    text,
    told_at        timestamp                          -- what the push says of its time: a repeated one says its first
);
CREATE INDEX push_history_push_setup ON sim.push_history (push_setup_id, timestamp);
CREATE INDEX push_history_schedule ON sim.push_history (schedule_id);
CREATE INDEX push_history_timestamp ON sim.push_history (timestamp);
CREATE INDEX push_history_status ON sim.push_history (status, timestamp);
CREATE INDEX push_history_told_at ON sim.push_history USING brin (told_at);

CREATE TABLE sim.push_history_objects (
    push_history_id  bigint NOT NULL REFERENCES sim.push_history ON DELETE CASCADE,
    push_object_id   integer NOT NULL REFERENCES sim.push_objects ON DELETE CASCADE,
    value            jsonb,
    PRIMARY KEY (push_history_id, push_object_id)
);
CREATE INDEX push_history_objects_push_object ON sim.push_history_objects (push_object_id);

-- ------------------------------------------------------------------------------------------------------ profiles

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

-- --------------------------------------------------------------------------------- measurements, one value a row

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

-- ---------------------------------------------------------------------------------------------- events and alarms

-- The meter's own logs. `obis_code_id` is the log (0.0.99.98.x.255); without a meter: an entry of the fleet itself.
CREATE TABLE sim.event_logs (
    id               serial PRIMARY KEY,
    obis_code_id     integer REFERENCES sim.obis_codes,
    event_timestamp  timestamp NOT NULL,
    event_code       integer NOT NULL,
    event_type       varchar(50) NOT NULL CHECK (event_type IN (
                         'POWER_FAILURE', 'VOLTAGE_RELATED', 'CURRENT_RELATED', 'POWER_QUALITY', 'FIRMWARE',
                         'COMMUNICATION', 'ACCESS', 'CONFIGURATION', 'CLOCK', 'BILLING')),
    description      text,
    additional_data  jsonb,                           -- the snapshot that the log captures
    acknowledged     boolean DEFAULT false,
    created_at       timestamptz NOT NULL DEFAULT now(),
    meter_id         uuid DEFAULT sim.current_meter() REFERENCES sim.meters ON DELETE CASCADE,
    sequence_number  bigint                           -- per meter and log
);
CREATE INDEX event_logs_meter ON sim.event_logs (meter_id, obis_code_id, event_timestamp, id);
CREATE INDEX event_logs_obis_code ON sim.event_logs (obis_code_id);
CREATE INDEX event_logs_event_timestamp ON sim.event_logs (event_timestamp);
CREATE INDEX event_logs_event_code ON sim.event_logs (event_code, event_timestamp);
CREATE INDEX event_logs_event_type ON sim.event_logs (event_type, event_timestamp);
CREATE INDEX event_logs_acknowledged ON sim.event_logs (acknowledged, event_timestamp);

-- Event status word, 128 bits. esw_byte_15 is the first octet on the wire; bit n of the DLMS bit string is bit
-- 7 - n % 8 of byte 15 - n / 8 (IS 15959).
CREATE TABLE sim.eswf_status (
    id            serial PRIMARY KEY,
    obis_code_id  integer REFERENCES sim.obis_codes,
    timestamp     timestamp NOT NULL,
    esw_byte_15   smallint DEFAULT 0 CHECK (esw_byte_15 BETWEEN 0 AND 255),
    esw_byte_14   smallint DEFAULT 0 CHECK (esw_byte_14 BETWEEN 0 AND 255),
    esw_byte_13   smallint DEFAULT 0 CHECK (esw_byte_13 BETWEEN 0 AND 255),
    esw_byte_12   smallint DEFAULT 0 CHECK (esw_byte_12 BETWEEN 0 AND 255),
    esw_byte_11   smallint DEFAULT 0 CHECK (esw_byte_11 BETWEEN 0 AND 255),
    esw_byte_10   smallint DEFAULT 0 CHECK (esw_byte_10 BETWEEN 0 AND 255),
    esw_byte_9    smallint DEFAULT 0 CHECK (esw_byte_9 BETWEEN 0 AND 255),
    esw_byte_8    smallint DEFAULT 0 CHECK (esw_byte_8 BETWEEN 0 AND 255),
    esw_byte_7    smallint DEFAULT 0 CHECK (esw_byte_7 BETWEEN 0 AND 255),
    esw_byte_6    smallint DEFAULT 0 CHECK (esw_byte_6 BETWEEN 0 AND 255),
    esw_byte_5    smallint DEFAULT 0 CHECK (esw_byte_5 BETWEEN 0 AND 255),
    esw_byte_4    smallint DEFAULT 0 CHECK (esw_byte_4 BETWEEN 0 AND 255),
    esw_byte_3    smallint DEFAULT 0 CHECK (esw_byte_3 BETWEEN 0 AND 255),
    esw_byte_2    smallint DEFAULT 0 CHECK (esw_byte_2 BETWEEN 0 AND 255),
    esw_byte_1    smallint DEFAULT 0 CHECK (esw_byte_1 BETWEEN 0 AND 255),
    esw_byte_0    smallint DEFAULT 0 CHECK (esw_byte_0 BETWEEN 0 AND 255),
    created_at    timestamptz NOT NULL DEFAULT now(),
    meter_id      uuid NOT NULL DEFAULT sim.current_meter() REFERENCES sim.meters ON DELETE CASCADE
);
CREATE INDEX eswf_status_meter ON sim.eswf_status (meter_id, timestamp);
CREATE INDEX eswf_status_obis_code ON sim.eswf_status (obis_code_id);

CREATE TABLE sim.eswf_push_alarms (
    id                    serial PRIMARY KEY,
    eswf_status_id        integer REFERENCES sim.eswf_status ON DELETE CASCADE,
    push_setup_id         integer REFERENCES sim.push_setups ON DELETE CASCADE,
    alarm_timestamp       timestamp NOT NULL,
    alarm_type            varchar(50) NOT NULL,
    byte_position         integer NOT NULL CHECK (byte_position BETWEEN 0 AND 15),
    bit_position          integer NOT NULL CHECK (bit_position BETWEEN 0 AND 7),
    status                varchar(20) NOT NULL CHECK (status IN ('PENDING', 'SENT', 'FAILED', 'ACKNOWLEDGED')),
    retry_count           integer DEFAULT 0,
    last_retry_timestamp  timestamp,
    created_at            timestamptz NOT NULL DEFAULT now(),
    push_history_id       bigint REFERENCES sim.push_history ON DELETE SET NULL    -- the bytes that carried it
);
CREATE INDEX eswf_push_alarms_eswf_status ON sim.eswf_push_alarms (eswf_status_id);
CREATE INDEX eswf_push_alarms_push_setup ON sim.eswf_push_alarms (push_setup_id);
CREATE INDEX eswf_push_alarms_push_history ON sim.eswf_push_alarms (push_history_id);
CREATE INDEX eswf_push_alarms_alarm_timestamp ON sim.eswf_push_alarms (alarm_timestamp);
CREATE INDEX eswf_push_alarms_status ON sim.eswf_push_alarms (status, alarm_timestamp);

-- --------------------------------------------------------------------------------------------------------- views

CREATE VIEW sim.active_schedules AS
SELECT ps.id, ps.schedule_type, oc.logical_name, se.time_pattern, se.comment,
       ps.meter_id, se.date_pattern, ps.push_setup_id
FROM sim.push_schedules ps
JOIN sim.obis_codes oc ON ps.obis_code_id = oc.id
JOIN sim.schedule_entries se ON se.schedule_id = ps.id
WHERE ps.is_enabled;

-- One row per meter and code. Joining the three tables on the code alone would pair every sample with every other one,
-- of all meters; so each table first yields its newest row per meter and code.
CREATE VIEW sim.latest_measurements AS
SELECT oc.logical_name, e.value AS energy_value, e.unit AS energy_unit, v.value AS voltage_value,
       c.value AS current_value, greatest(e.timestamp, v.timestamp, c.timestamp) AS measurement_time,
       meter_id, coalesce(v.phase, c.phase) AS phase
FROM (SELECT DISTINCT ON (meter_id, obis_code_id) * FROM sim.energy_measurements
      ORDER BY meter_id, obis_code_id, timestamp DESC) e
FULL JOIN (SELECT DISTINCT ON (meter_id, obis_code_id) * FROM sim.voltage_measurements
           ORDER BY meter_id, obis_code_id, timestamp DESC) v USING (meter_id, obis_code_id)
FULL JOIN (SELECT DISTINCT ON (meter_id, obis_code_id) * FROM sim.current_measurements
           ORDER BY meter_id, obis_code_id, timestamp DESC) c USING (meter_id, obis_code_id)
JOIN sim.obis_codes oc ON oc.id = obis_code_id;

-- ------------------------------------------------------------------------- references, checked once per statement

-- A foreign key is checked row by row, and that takes two thirds of the time of a large COPY (500,000 blocks: 4.0 s with
-- the two keys, 1.3 s without, 1.6 s with this trigger). So a session that may set session_replication_role runs its
-- COPY with the row checks off, and these triggers, which fire only then, check the same keys once per parent: the
-- share lock on the parent makes a concurrent DELETE wait, as the row check does. All other sessions, and all other
-- statements, have the foreign keys as they stand.
CREATE FUNCTION sim.check_references() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM (SELECT DISTINCT meter_id FROM fresh) f
               WHERE NOT EXISTS (SELECT FROM sim.meters m WHERE m.id = f.meter_id FOR KEY SHARE)) THEN
        RAISE foreign_key_violation USING TABLE = TG_TABLE_NAME, SCHEMA = TG_TABLE_SCHEMA, COLUMN = 'meter_id',
            MESSAGE = format('rows for table "%s" name a meter that is not in "meters"', TG_TABLE_NAME);
    END IF;
    IF EXISTS (SELECT FROM (SELECT DISTINCT obis_code_id FROM fresh WHERE obis_code_id IS NOT NULL) f
               WHERE NOT EXISTS (SELECT FROM sim.obis_codes o WHERE o.id = f.obis_code_id FOR KEY SHARE)) THEN
        RAISE foreign_key_violation USING TABLE = TG_TABLE_NAME, SCHEMA = TG_TABLE_SCHEMA, COLUMN = 'obis_code_id',
            MESSAGE = format('rows for table "%s" name a code that is not in "obis_codes"', TG_TABLE_NAME);
    END IF;
    RETURN NULL;
END $$;

DO $$
DECLARE hot text;
BEGIN
    FOREACH hot IN ARRAY ARRAY['instant_profile', 'block_load_profile', 'daily_load_profile',
                               'energy_measurements', 'voltage_measurements', 'current_measurements'] LOOP
        EXECUTE format('CREATE TRIGGER check_references AFTER INSERT ON sim.%I REFERENCING NEW TABLE AS fresh '
                       'FOR EACH STATEMENT EXECUTE FUNCTION sim.check_references()', hot);
        EXECUTE format('ALTER TABLE sim.%I ENABLE REPLICA TRIGGER check_references', hot);
    END LOOP;
END $$;

-- The same for what every push leaves behind: its objects, and with each attempt their values.
CREATE FUNCTION sim.check_push_references() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE reference record;
        is_missing boolean;
BEGIN
    FOR reference IN SELECT a.attname AS column, c.confrelid::regclass AS parent
                     FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
                     WHERE c.conrelid = TG_RELID AND c.contype = 'f' LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM (SELECT DISTINCT %1$I AS id FROM fresh WHERE %1$I IS NOT NULL) f '
                       'WHERE NOT EXISTS (SELECT FROM %2$s p WHERE p.id = f.id FOR KEY SHARE))',
                       reference.column, reference.parent) INTO is_missing;
        IF is_missing THEN
            RAISE foreign_key_violation USING TABLE = TG_TABLE_NAME, SCHEMA = TG_TABLE_SCHEMA, COLUMN = reference.column,
                MESSAGE = format('rows for table "%s" name what is not in "%s"', TG_TABLE_NAME, reference.parent);
        END IF;
    END LOOP;
    RETURN NULL;
END $$;

DO $$
DECLARE hot text;
BEGIN
    FOREACH hot IN ARRAY ARRAY['push_objects', 'push_history_objects'] LOOP
        EXECUTE format('CREATE TRIGGER check_references AFTER INSERT ON sim.%I REFERENCING NEW TABLE AS fresh '
                       'FOR EACH STATEMENT EXECUTE FUNCTION sim.check_push_references()', hot);
        EXECUTE format('ALTER TABLE sim.%I ENABLE REPLICA TRIGGER check_references', hot);
    END LOOP;
END $$;
