-- SPDX-License-Identifier: MIT
-- The head-end's database on any PostgreSQL 15 or newer: schemas `public` and `hes`. Tiers with TimescaleDB start from
-- here too: apache.sql and community.sql turn these tables into hypertables and replace the view by an aggregate.
-- A new database takes these files; one that is there takes the migrations (../migrations), which make the same.
--
-- Time columns are `timestamptz`: the instant, as the head-end reckons it from the meter's clock and its deviation.
-- `rtc_timestamp` is what the meter's clock showed. `created_at` is the time of the last change (the update triggers
-- move it), `inserted_at` that of arrival, which nothing moves.
-- Unique keys contain the time column, because a hypertable demands it.

CREATE SCHEMA hes;

-- The migrations that are in it, by number; those of a new database are all of them.
CREATE TABLE hes.schema_version (
    version     integer PRIMARY KEY,
    created_at  timestamptz NOT NULL DEFAULT now()
);
INSERT INTO hes.schema_version (version) SELECT generate_series(1, 12);

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

-- ---------------------------------------------------------------------------------------- readings, one value a row

-- value = original_value * 10 ^ scaling_factor, where both are known.
-- quality: 192 good, 216 good by manual override (as in OPC DA); 128 estimated, 96 entered by hand, 64 invalid.
CREATE TABLE public.meter_readings (
    meter_id              uuid NOT NULL REFERENCES public.meters ON DELETE CASCADE,
    timestamp             timestamptz NOT NULL,
    reading_type          varchar(50) NOT NULL,
    value                 double precision,
    quality               integer NOT NULL DEFAULT 192 CHECK (quality BETWEEN 0 AND 255),
    unit                  varchar(20),
    created_at            timestamptz NOT NULL DEFAULT now(),
    source                varchar(20) NOT NULL DEFAULT 'NORMAL_READ'
                          CHECK (source IN ('NORMAL_READ', 'AUTO_READ', 'MANUAL_READ', 'ESTIMATED', 'CALCULATED', 'HES_SIMULATOR')),
    capture_period        integer CHECK (capture_period >= 0),                       -- seconds
    validation_status     varchar(20) NOT NULL DEFAULT 'VALID'
                          CHECK (validation_status IN ('UNVALIDATED', 'VALID', 'INVALID', 'ESTIMATED', 'MANUALLY_VALIDATED')),
    validation_flags      integer[] NOT NULL DEFAULT '{}'::integer[],                -- hes.validation_flags
    communication_status  varchar(20) NOT NULL DEFAULT 'SUCCESS'
                          CHECK (communication_status IN ('SUCCESS', 'TIMEOUT', 'ERROR', 'PARTIAL')),
    retry_count           integer NOT NULL DEFAULT 0 CHECK (retry_count >= 0),
    original_value        double precision,
    scaling_factor        integer,
    meter_program_id      varchar(50),
    channel_id            varchar(20),                                               -- the OBIS code
    inserted_at           timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (meter_id, reading_type, timestamp)
);
CREATE INDEX meter_readings_timestamp ON public.meter_readings (timestamp DESC);
CREATE INDEX meter_readings_validation_status ON public.meter_readings (validation_status, timestamp)
    WHERE validation_status <> 'VALID';

-- What the numbers in validation_flags mean.
CREATE TABLE hes.validation_flags (
    flag        integer PRIMARY KEY,
    meaning     text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now()
);
INSERT INTO hes.validation_flags (flag, meaning) VALUES
    (1, 'low quality'), (2, 'estimated'), (3, 'gap before'), (4, 'clock invalid'), (5, 'out of range'),
    (6, 'negative delta'), (7, 'obtained after retry'), (8, 'duplicate'), (9, 'late'), (10, 'spike');

CREATE TABLE hes.power_readings (
    LIKE public.meter_readings INCLUDING DEFAULTS INCLUDING CONSTRAINTS,
    obis_code_id  integer REFERENCES hes.obis_codes,
    phase         varchar(5) NOT NULL DEFAULT 'TOTAL' CHECK (phase IN ('TOTAL', 'R', 'Y', 'B')),
    CHECK (reading_type ~ '^(ACTIVE|REACTIVE|APPARENT)_POWER_(IMPORT|EXPORT)(_[RYB])?$'),
    FOREIGN KEY (meter_id) REFERENCES public.meters ON DELETE CASCADE,
    PRIMARY KEY (meter_id, reading_type, timestamp)
);
CREATE INDEX power_readings_timestamp ON hes.power_readings (timestamp DESC);
CREATE INDEX power_readings_obis_code ON hes.power_readings (obis_code_id);

CREATE TABLE hes.energy_measurements (
    LIKE public.meter_readings INCLUDING DEFAULTS INCLUDING CONSTRAINTS,
    obis_code_id      integer REFERENCES hes.obis_codes,
    measurement_type  varchar(20) NOT NULL DEFAULT 'CUMULATIVE' CHECK (measurement_type IN ('CUMULATIVE', 'INTERVAL')),
    FOREIGN KEY (meter_id) REFERENCES public.meters ON DELETE CASCADE,
    PRIMARY KEY (meter_id, reading_type, measurement_type, timestamp)
);
CREATE INDEX energy_measurements_timestamp ON hes.energy_measurements (timestamp DESC);
CREATE INDEX energy_measurements_obis_code ON hes.energy_measurements (obis_code_id);

CREATE TABLE hes.voltage_measurements (
    LIKE public.meter_readings INCLUDING DEFAULTS INCLUDING CONSTRAINTS,
    obis_code_id  integer REFERENCES hes.obis_codes,
    phase         varchar(1) NOT NULL CHECK (phase IN ('R', 'Y', 'B')),
    FOREIGN KEY (meter_id) REFERENCES public.meters ON DELETE CASCADE,
    PRIMARY KEY (meter_id, phase, timestamp)
);
CREATE INDEX voltage_measurements_timestamp ON hes.voltage_measurements (timestamp DESC);
CREATE INDEX voltage_measurements_obis_code ON hes.voltage_measurements (obis_code_id);

CREATE TABLE hes.current_measurements (
    LIKE public.meter_readings INCLUDING DEFAULTS INCLUDING CONSTRAINTS,
    obis_code_id  integer REFERENCES hes.obis_codes,
    phase         varchar(1) NOT NULL CHECK (phase IN ('R', 'Y', 'B', 'N')),
    FOREIGN KEY (meter_id) REFERENCES public.meters ON DELETE CASCADE,
    PRIMARY KEY (meter_id, phase, timestamp)
);
CREATE INDEX current_measurements_timestamp ON hes.current_measurements (timestamp DESC);
CREATE INDEX current_measurements_obis_code ON hes.current_measurements (obis_code_id);

-- ------------------------------------------------------------------------------------------ what meters have stored

CREATE TABLE hes.instant_profile (
    meter_id              uuid NOT NULL REFERENCES public.meters ON DELETE CASCADE,
    obis_code_id          integer REFERENCES hes.obis_codes,
    timestamp             timestamptz NOT NULL,
    rtc_timestamp         timestamp,
    voltage_r             numeric(10,2),
    voltage_y             numeric(10,2),
    voltage_b             numeric(10,2),
    current_r             numeric(10,3),
    current_y             numeric(10,3),
    current_b             numeric(10,3),
    active_power_r        numeric(10,3),
    active_power_y        numeric(10,3),
    active_power_b        numeric(10,3),
    power_factor_r        numeric(5,3),
    power_factor_y        numeric(5,3),
    power_factor_b        numeric(5,3),
    frequency             numeric(5,2),
    source                varchar(20) NOT NULL DEFAULT 'NORMAL_READ',
    communication_status  varchar(20) NOT NULL DEFAULT 'SUCCESS',
    created_at            timestamptz NOT NULL DEFAULT now(),
    inserted_at           timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (meter_id, timestamp)
);
CREATE INDEX instant_profile_timestamp ON hes.instant_profile (timestamp DESC);
CREATE INDEX instant_profile_obis_code ON hes.instant_profile (obis_code_id);

CREATE TABLE hes.block_load_profile (
    meter_id                uuid NOT NULL REFERENCES public.meters ON DELETE CASCADE,
    obis_code_id            integer REFERENCES hes.obis_codes,
    capture_time            timestamptz NOT NULL,      -- end of the block
    rtc_timestamp           timestamp,
    kwh_import              numeric(18,3),
    kwh_export              numeric(18,3),
    kvah_import             numeric(18,3),
    kvah_export             numeric(18,3),
    average_current_r       numeric(10,3),
    average_current_y       numeric(10,3),
    average_current_b       numeric(10,3),
    average_voltage_r       numeric(10,2),
    average_voltage_y       numeric(10,2),
    average_voltage_b       numeric(10,2),
    block_interval_minutes  integer CHECK (block_interval_minutes IN (1, 5, 10, 15, 20, 30, 60)),
    status_word             varchar(32),
    source                  varchar(20) NOT NULL DEFAULT 'NORMAL_READ',
    communication_status    varchar(20) NOT NULL DEFAULT 'SUCCESS',
    created_at              timestamptz NOT NULL DEFAULT now(),
    inserted_at             timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (meter_id, capture_time)
);
CREATE INDEX block_load_profile_capture_time ON hes.block_load_profile (capture_time DESC);
CREATE INDEX block_load_profile_obis_code ON hes.block_load_profile (obis_code_id);

CREATE TABLE hes.daily_load_profile (
    meter_id                uuid NOT NULL REFERENCES public.meters ON DELETE CASCADE,
    obis_code_id            integer REFERENCES hes.obis_codes,
    capture_date            date NOT NULL,             -- the midnight after the day, in the meter's own calendar
    rtc_timestamp           timestamp,
    cumulative_kwh_import   numeric(18,3),
    cumulative_kwh_export   numeric(18,3),
    cumulative_kvah_import  numeric(18,3),
    cumulative_kvah_export  numeric(18,3),
    daily_kwh_import        numeric(18,3),
    daily_kwh_export        numeric(18,3),
    daily_kvah_import       numeric(18,3),
    daily_kvah_export       numeric(18,3),
    max_demand_kw           numeric(10,3),
    max_demand_time         timestamptz,
    power_factor            numeric(5,3),
    source                  varchar(20) NOT NULL DEFAULT 'NORMAL_READ',
    communication_status    varchar(20) NOT NULL DEFAULT 'SUCCESS',
    created_at              timestamptz NOT NULL DEFAULT now(),
    inserted_at             timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (meter_id, capture_date)
);
CREATE INDEX daily_load_profile_capture_date ON hes.daily_load_profile (capture_date DESC);
CREATE INDEX daily_load_profile_obis_code ON hes.daily_load_profile (obis_code_id);

CREATE TABLE hes.billing_profile (
    meter_id                uuid NOT NULL REFERENCES public.meters ON DELETE CASCADE,
    obis_code_id            integer REFERENCES hes.obis_codes,
    billing_date            date NOT NULL,
    reset_count             integer NOT NULL DEFAULT 0,
    rtc_timestamp           timestamp,
    cumulative_kwh_import   numeric(18,3),
    cumulative_kwh_export   numeric(18,3),
    cumulative_kvah_import  numeric(18,3),
    cumulative_kvah_export  numeric(18,3),
    monthly_kwh_import      numeric(18,3),
    monthly_kwh_export      numeric(18,3),
    monthly_kvah_import     numeric(18,3),
    monthly_kvah_export     numeric(18,3),
    max_demand_kw           numeric(10,3),
    max_demand_date         timestamptz,
    power_factor            numeric(5,3),
    billing_status_word     varchar(32),
    source                  varchar(20) NOT NULL DEFAULT 'NORMAL_READ',
    communication_status    varchar(20) NOT NULL DEFAULT 'SUCCESS',
    created_at              timestamptz NOT NULL DEFAULT now(),
    inserted_at             timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (meter_id, billing_date, reset_count)
);
CREATE INDEX billing_profile_billing_date ON hes.billing_profile (billing_date DESC);
CREATE INDEX billing_profile_obis_code ON hes.billing_profile (obis_code_id);

DO $$
DECLARE profile text;
BEGIN
    FOREACH profile IN ARRAY ARRAY['instant_profile', 'block_load_profile', 'daily_load_profile', 'billing_profile'] LOOP
        EXECUTE format('ALTER TABLE hes.%1$I ADD CONSTRAINT %1$s_source_check CHECK (source IN '
                       '(''NORMAL_READ'', ''AUTO_READ'', ''MANUAL_READ'', ''ESTIMATED'', ''CALCULATED'', ''HES_SIMULATOR'')), '
                       'ADD CONSTRAINT %1$s_communication_status_check CHECK (communication_status IN '
                       '(''SUCCESS'', ''TIMEOUT'', ''ERROR'', ''PARTIAL''))', profile);
    END LOOP;
END $$;

-- ---------------------------------------------------------------------------------------------------- events, pushes

CREATE TABLE public.meter_events (
    id               uuid NOT NULL DEFAULT gen_random_uuid() PRIMARY KEY,
    meter_id         uuid NOT NULL REFERENCES public.meters ON DELETE CASCADE,
    timestamp        timestamptz NOT NULL,
    event_code       integer NOT NULL,
    event_type       varchar(50) NOT NULL,
    severity         varchar(20) NOT NULL DEFAULT 'INFO' CHECK (severity IN ('INFO', 'WARNING', 'CRITICAL')),
    description      text,
    source           varchar(20) NOT NULL DEFAULT 'EVENT_LOG' CHECK (source IN ('EVENT_LOG', 'PUSH_ALARM', 'ESW_DIFF')),
    sequence_number  bigint,
    additional_data  jsonb,
    acknowledged_at  timestamptz,
    acknowledged_by  text,
    received_at      timestamptz NOT NULL DEFAULT now(),
    created_at       timestamptz NOT NULL DEFAULT now(),
    UNIQUE (meter_id, timestamp, event_code, source)
);
CREATE INDEX meter_events_timestamp ON public.meter_events (timestamp);
CREATE INDEX meter_events_event_code ON public.meter_events (event_code, timestamp);

-- The head-end's own log; without a meter: an entry of the system.
CREATE TABLE hes.event_logs (
    id               bigserial PRIMARY KEY,
    meter_id         uuid REFERENCES public.meters ON DELETE CASCADE,
    event_timestamp  timestamptz NOT NULL DEFAULT now(),
    event_code       integer NOT NULL,
    event_type       varchar(50) NOT NULL,
    description      text,
    additional_data  jsonb,
    acknowledged     boolean NOT NULL DEFAULT false,
    created_at       timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX event_logs_meter ON hes.event_logs (meter_id, event_timestamp);
CREATE INDEX event_logs_event_timestamp ON hes.event_logs (event_timestamp);

CREATE TABLE hes.push_setups (
    id                            serial PRIMARY KEY,
    meter_id                      uuid NOT NULL REFERENCES public.meters ON DELETE CASCADE,
    obis_code_id                  integer REFERENCES hes.obis_codes,
    destination_and_method        text,
    communication_window          jsonb,
    randomisation_start_interval  integer CHECK (randomisation_start_interval BETWEEN 0 AND 65535),
    number_of_retries             integer CHECK (number_of_retries BETWEEN 0 AND 255),
    repetition_delay              integer CHECK (repetition_delay BETWEEN 0 AND 65535),
    created_at                    timestamptz NOT NULL DEFAULT now(),
    UNIQUE (meter_id, obis_code_id)
);
CREATE INDEX push_setups_obis_code ON hes.push_setups (obis_code_id);

CREATE TABLE hes.push_objects (
    id               serial PRIMARY KEY,
    push_setup_id    integer REFERENCES hes.push_setups ON DELETE CASCADE,
    class_id         integer NOT NULL,
    logical_name     varchar(50) NOT NULL,
    attribute_index  integer NOT NULL,
    data_index       integer NOT NULL,
    position         smallint NOT NULL DEFAULT 0,
    created_at       timestamptz NOT NULL DEFAULT now(),
    UNIQUE (push_setup_id, position)
);

CREATE TABLE hes.push_schedules (
    id             serial PRIMARY KEY,
    meter_id       uuid NOT NULL REFERENCES public.meters ON DELETE CASCADE,
    obis_code_id   integer REFERENCES hes.obis_codes,
    push_setup_id  integer REFERENCES hes.push_setups ON DELETE CASCADE,
    schedule_type  varchar(20) NOT NULL CHECK (schedule_type IN ('FIFTEEN_MIN', 'THIRTY_MIN', 'ONE_HOUR', 'FOUR_HOUR',
                                                                 'EIGHT_HOUR', 'TWELVE_HOUR', 'TWENTY_FOUR_HOUR')),
    is_enabled     boolean DEFAULT true,
    created_at     timestamptz NOT NULL DEFAULT now(),
    UNIQUE (meter_id, obis_code_id, push_setup_id)
);
CREATE INDEX push_schedules_obis_code ON hes.push_schedules (obis_code_id);
CREATE INDEX push_schedules_push_setup ON hes.push_schedules (push_setup_id);

CREATE TABLE hes.schedule_entries (
    id            serial PRIMARY KEY,
    schedule_id   integer NOT NULL REFERENCES hes.push_schedules ON DELETE CASCADE,
    date_pattern  varchar(20) NOT NULL DEFAULT 'FF:FF:FF:FF:FF',
    time_pattern  varchar(20) NOT NULL,
    comment       text,
    created_at    timestamptz NOT NULL DEFAULT now(),
    UNIQUE (schedule_id, date_pattern, time_pattern)
);

-- Notifications as they were received.
CREATE TABLE hes.push_history (
    id             bigserial PRIMARY KEY,
    meter_id       uuid NOT NULL REFERENCES public.meters ON DELETE CASCADE,
    schedule_id    integer REFERENCES hes.push_schedules ON DELETE SET NULL,
    push_setup_id  integer REFERENCES hes.push_setups ON DELETE CASCADE,
    timestamp      timestamptz NOT NULL,
    received_at    timestamptz NOT NULL DEFAULT now(),
    status         varchar(20) NOT NULL CHECK (status IN ('SUCCESS', 'FAILED', 'RETRY', 'CANCELLED')),
    retry_count    integer NOT NULL DEFAULT 0,
    error_message  text,
    payload        bytea,
    created_at     timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX push_history_meter ON hes.push_history (meter_id, timestamp);
CREATE INDEX push_history_schedule ON hes.push_history (schedule_id);
CREATE INDEX push_history_push_setup ON hes.push_history (push_setup_id);
CREATE INDEX push_history_timestamp ON hes.push_history (timestamp);
CREATE INDEX push_history_status ON hes.push_history (status, timestamp);

CREATE TABLE hes.push_history_objects (
    push_history_id  bigint NOT NULL REFERENCES hes.push_history ON DELETE CASCADE,
    push_object_id   integer NOT NULL REFERENCES hes.push_objects ON DELETE CASCADE,
    value            jsonb,
    PRIMARY KEY (push_history_id, push_object_id)
);
CREATE INDEX push_history_objects_push_object ON hes.push_history_objects (push_object_id);

-- ---------------------------------------------------------------------------------------------------------- triggers

-- Quality below good is not validated, whatever the writer claims; 216, a validation by hand, is left alone.
CREATE FUNCTION hes.check_and_update_validation_status() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.quality < 192 THEN
        NEW.validation_status := 'UNVALIDATED';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION hes.update_modified_timestamp() RETURNS trigger LANGUAGE plpgsql
    AS $$ BEGIN NEW.created_at := CURRENT_TIMESTAMP; RETURN NEW; END $$;

CREATE TABLE hes.meter_readings_audit (
    audit_id               serial PRIMARY KEY,
    operation              char(1) NOT NULL CHECK (operation IN ('I', 'U', 'D')),
    modified_at            timestamptz NOT NULL DEFAULT clock_timestamp(),
    modified_by            text DEFAULT coalesce(nullif(current_setting('hes.actor', true), ''), session_user::text),
    meter_id               uuid NOT NULL,
    timestamp              timestamptz NOT NULL,
    reading_type           varchar(50) NOT NULL,
    old_value              double precision,
    new_value              double precision,
    old_quality            integer,
    new_quality            integer,
    old_validation_status  varchar(20),
    new_validation_status  varchar(20)
);
CREATE INDEX meter_readings_audit_reading ON hes.meter_readings_audit (meter_id, timestamp);
CREATE INDEX meter_readings_audit_timestamp ON hes.meter_readings_audit (timestamp);
CREATE INDEX meter_readings_audit_modified_at ON hes.meter_readings_audit (modified_at);

CREATE FUNCTION hes.process_meter_readings_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO hes.meter_readings_audit (operation, meter_id, timestamp, reading_type, new_value, new_quality,
                                              new_validation_status)
        VALUES ('I', NEW.meter_id, NEW.timestamp, NEW.reading_type, NEW.value, NEW.quality, NEW.validation_status);
    ELSIF TG_OP = 'UPDATE' THEN
        INSERT INTO hes.meter_readings_audit (operation, meter_id, timestamp, reading_type, old_value, new_value,
                                              old_quality, new_quality, old_validation_status, new_validation_status)
        VALUES ('U', NEW.meter_id, NEW.timestamp, NEW.reading_type, OLD.value, NEW.value, OLD.quality, NEW.quality,
                OLD.validation_status, NEW.validation_status);
    ELSE
        INSERT INTO hes.meter_readings_audit (operation, meter_id, timestamp, reading_type, old_value, old_quality,
                                              old_validation_status)
        VALUES ('D', OLD.meter_id, OLD.timestamp, OLD.reading_type, OLD.value, OLD.quality, OLD.validation_status);
    END IF;
    RETURN NULL;
END $$;

DO $$
DECLARE relation regclass; short text;
BEGIN
    FOREACH relation IN ARRAY ARRAY['public.meter_readings', 'hes.power_readings', 'hes.energy_measurements',
                                    'hes.voltage_measurements', 'hes.current_measurements', 'hes.instant_profile',
                                    'hes.block_load_profile', 'hes.daily_load_profile', 'hes.billing_profile']::regclass[]
    LOOP
        short := (SELECT relname FROM pg_class WHERE oid = relation);
        EXECUTE format('CREATE TRIGGER update_%s_timestamp BEFORE UPDATE ON %s '
                       'FOR EACH ROW EXECUTE FUNCTION hes.update_modified_timestamp()', short, relation);
        IF short NOT LIKE '%profile' THEN
            EXECUTE format('CREATE TRIGGER check_%s_validation BEFORE INSERT OR UPDATE ON %s '
                           'FOR EACH ROW EXECUTE FUNCTION hes.check_and_update_validation_status()', short, relation);
        END IF;
    END LOOP;
END $$;
CREATE TRIGGER meter_readings_audit_trigger AFTER INSERT OR UPDATE OR DELETE ON public.meter_readings
    FOR EACH ROW EXECUTE FUNCTION hes.process_meter_readings_audit();

-- ------------------------------------------------------------------------------------------ what the tier has to give

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
