-- SPDX-License-Identifier: MIT
-- Revert meterfleet-sim:11-supply from pg

BEGIN;

DROP TABLE sim.supply_ends;

DELETE FROM sim.schema_version WHERE version = 11;

COMMIT;
