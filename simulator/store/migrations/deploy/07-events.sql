-- SPDX-License-Identifier: MIT
-- Deploy meterfleet-sim:07-events to pg

BEGIN;

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

INSERT INTO sim.schema_version (version) VALUES (7);

COMMIT;
