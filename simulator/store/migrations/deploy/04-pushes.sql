-- SPDX-License-Identifier: MIT
-- Deploy meterfleet-sim:04-pushes to pg

BEGIN;

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
    destination    text
);
CREATE INDEX push_history_push_setup ON sim.push_history (push_setup_id, timestamp);
CREATE INDEX push_history_schedule ON sim.push_history (schedule_id);
CREATE INDEX push_history_timestamp ON sim.push_history (timestamp);
CREATE INDEX push_history_status ON sim.push_history (status, timestamp);

CREATE TABLE sim.push_history_objects (
    push_history_id  bigint NOT NULL REFERENCES sim.push_history ON DELETE CASCADE,
    push_object_id   integer NOT NULL REFERENCES sim.push_objects ON DELETE CASCADE,
    value            jsonb,
    PRIMARY KEY (push_history_id, push_object_id)
);
CREATE INDEX push_history_objects_push_object ON sim.push_history_objects (push_object_id);

INSERT INTO sim.schema_version (version) VALUES (4);

COMMIT;
