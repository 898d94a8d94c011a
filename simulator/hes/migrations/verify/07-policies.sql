-- SPDX-License-Identifier: MIT
-- Verify meterfleet-hes:07-policies on pg

SELECT relation, kind, time_column, span, provided_by, created_at FROM hes.policies WHERE false;
SELECT 'hes.tier()'::regprocedure;
