-- SPDX-License-Identifier: MIT
-- Verify meterfleet-sim:03-progress on pg

SELECT cohort, settled_ms, columns, created_at, updated_at FROM sim.checkpoints WHERE false;
SELECT meter_id, block_number, octets, created_at FROM sim.image_blocks WHERE false;
SELECT cohort, row, columns, created_at FROM sim.row_checkpoints WHERE false;
SELECT id, scenario, step, kind, at, instant_ms, meters, outcome, detail, created_at FROM sim.scenario_steps WHERE false;
