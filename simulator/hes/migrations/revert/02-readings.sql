-- SPDX-License-Identifier: MIT
-- Revert meterfleet-hes:02-readings from pg

BEGIN;

-- One by one: TimescaleDB drops no hypertable along with others.
DROP TABLE hes.current_measurements;
DROP TABLE hes.voltage_measurements;
DROP TABLE hes.energy_measurements;
DROP TABLE hes.power_readings;
DROP TABLE hes.validation_flags;
DROP TABLE public.meter_readings;
DELETE FROM hes.schema_version WHERE version = 2;

COMMIT;
