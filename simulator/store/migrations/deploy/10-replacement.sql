-- SPDX-License-Identifier: MIT
-- Deploy meterfleet-sim:10-replacement to pg

BEGIN;

ALTER TABLE sim.meters
    ADD place         integer,                     -- number in the fleet, from 1; meters that follow each other share it
    ADD generation    smallint NOT NULL DEFAULT 0, -- how many meters were in the place before this one
    ADD installed_at  timestamp,
    ADD removed_at    timestamp,                   -- when another one took its place; it is REMOVED since then
    DROP CONSTRAINT meters_status_check,
    ADD CONSTRAINT meters_status_check CHECK (status IN ('STOPPED', 'RUNNING', 'FAILED', 'REMOVED'));

-- A serial number ends in the number of the place, in seven digits.
UPDATE sim.meters SET place = right(meter_number, 7)::integer WHERE meter_number ~ '^\d{8,}$';

INSERT INTO sim.schema_version (version) VALUES (10);

COMMIT;
