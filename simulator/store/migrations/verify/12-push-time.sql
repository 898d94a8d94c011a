-- SPDX-License-Identifier: MIT
-- Verify meterfleet-sim:12-push-time on pg

SELECT told_at FROM sim.push_history WHERE false;
SELECT 'sim.push_history_told_at'::regclass;
