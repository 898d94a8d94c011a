-- SPDX-License-Identifier: MIT
-- Deploy meterfleet-hes:04-events to pg

BEGIN;

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

INSERT INTO hes.schema_version (version) VALUES (4);

COMMIT;
