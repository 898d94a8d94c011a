-- SPDX-License-Identifier: MIT
-- Deploy meterfleet-sim:08-views to pg

BEGIN;

CREATE VIEW sim.active_schedules AS
SELECT ps.id, ps.schedule_type, oc.logical_name, se.time_pattern, se.comment,
       ps.meter_id, se.date_pattern, ps.push_setup_id
FROM sim.push_schedules ps
JOIN sim.obis_codes oc ON ps.obis_code_id = oc.id
JOIN sim.schedule_entries se ON se.schedule_id = ps.id
WHERE ps.is_enabled;

-- One row per meter and code. Joining the three tables on the code alone would pair every sample with every other one,
-- of all meters; so each table first yields its newest row per meter and code.
CREATE VIEW sim.latest_measurements AS
SELECT oc.logical_name, e.value AS energy_value, e.unit AS energy_unit, v.value AS voltage_value,
       c.value AS current_value, greatest(e.timestamp, v.timestamp, c.timestamp) AS measurement_time,
       meter_id, coalesce(v.phase, c.phase) AS phase
FROM (SELECT DISTINCT ON (meter_id, obis_code_id) * FROM sim.energy_measurements
      ORDER BY meter_id, obis_code_id, timestamp DESC) e
FULL JOIN (SELECT DISTINCT ON (meter_id, obis_code_id) * FROM sim.voltage_measurements
           ORDER BY meter_id, obis_code_id, timestamp DESC) v USING (meter_id, obis_code_id)
FULL JOIN (SELECT DISTINCT ON (meter_id, obis_code_id) * FROM sim.current_measurements
           ORDER BY meter_id, obis_code_id, timestamp DESC) c USING (meter_id, obis_code_id)
JOIN sim.obis_codes oc ON oc.id = obis_code_id;

INSERT INTO sim.schema_version (version) VALUES (8);

COMMIT;
