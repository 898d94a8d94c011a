-- SPDX-License-Identifier: MIT
-- Revert meterfleet-sim:03-progress from pg

BEGIN;

DROP TABLE sim.scenario_steps, sim.image_blocks, sim.row_checkpoints, sim.checkpoints;
DELETE FROM sim.schema_version WHERE version = 3;

COMMIT;
