-- SPDX-License-Identifier: MIT
-- Deploy meterfleet-hes:05-pushes to pg

BEGIN;

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

INSERT INTO hes.schema_version (version) VALUES (5);

COMMIT;
