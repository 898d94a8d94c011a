-- SPDX-License-Identifier: MIT
-- Verify meterfleet-sim:09-references on pg

SELECT 'sim.check_push_references()'::regprocedure, 'sim.check_references()'::regprocedure;
SELECT 1 / (count(*) = 8)::integer
FROM (VALUES ('sim.block_load_profile', 'check_references'),
             ('sim.current_measurements', 'check_references'),
             ('sim.daily_load_profile', 'check_references'),
             ('sim.energy_measurements', 'check_references'),
             ('sim.instant_profile', 'check_references'),
             ('sim.push_history_objects', 'check_references'),
             ('sim.push_objects', 'check_references'),
             ('sim.voltage_measurements', 'check_references')) AS wanted (relation, name)
JOIN pg_trigger ON tgrelid = relation::regclass AND tgname = name;
