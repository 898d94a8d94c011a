-- SPDX-License-Identifier: MIT
-- Verify meterfleet-sim:11-supply on pg

SELECT id, at_ms, told, created_at FROM sim.supply_ends WHERE false;
