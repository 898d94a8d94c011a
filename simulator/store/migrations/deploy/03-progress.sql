-- SPDX-License-Identifier: MIT
-- Deploy meterfleet-sim:03-progress to pg

BEGIN;

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

INSERT INTO sim.schema_version (version) VALUES (3);

COMMIT;
