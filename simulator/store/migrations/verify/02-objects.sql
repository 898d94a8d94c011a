-- SPDX-License-Identifier: MIT
-- Verify meterfleet-sim:02-objects on pg

SELECT meter_id, logical_name, class_id, attribute_index, encoded, value, updated_at, created_at
FROM sim.attribute_values WHERE false;
SELECT meter_id, client, key, lowest, updated_at, created_at FROM sim.invocation_counters WHERE false;
SELECT id, logical_name, class_id, description, created_at, code, unit, scaler FROM sim.obis_codes WHERE false;
SELECT meter_id, client, name, key, updated_at, created_at FROM sim.security_keys WHERE false;
