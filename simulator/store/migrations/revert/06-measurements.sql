-- SPDX-License-Identifier: MIT
-- Revert meterfleet-sim:06-measurements from pg

BEGIN;

DROP TABLE sim.current_measurements, sim.voltage_measurements, sim.energy_measurements;
DELETE FROM sim.schema_version WHERE version = 6;

COMMIT;
