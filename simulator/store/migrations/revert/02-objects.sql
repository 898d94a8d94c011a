-- SPDX-License-Identifier: MIT
-- Revert meterfleet-sim:02-objects from pg

BEGIN;

DROP TABLE sim.invocation_counters, sim.security_keys, sim.attribute_values, sim.obis_codes;
DELETE FROM sim.schema_version WHERE version = 2;

COMMIT;
