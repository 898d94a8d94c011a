-- SPDX-License-Identifier: MIT
-- Verify meterfleet-sim:10-replacement on pg

SELECT place, generation, installed_at, removed_at FROM sim.meters WHERE false;
SELECT 1 / count(*) FROM pg_constraint
WHERE conrelid = 'sim.meters'::regclass AND pg_get_constraintdef(oid) LIKE '%REMOVED%';
