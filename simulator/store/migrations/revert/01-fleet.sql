-- SPDX-License-Identifier: MIT
-- Revert meterfleet-sim:01-fleet from pg

BEGIN;

DROP TABLE sim.meters, sim.fleet, sim.schema_version;
DROP FUNCTION sim.touch_updated_at(), sim.current_meter();
DROP SCHEMA sim;

COMMIT;
