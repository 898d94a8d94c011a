# SPDX-License-Identifier: MIT
"""Acknowledged alarms and the events that raised them, where a whole fleet has noticed the same in one instant."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg

from simulator.cosem.catalogue import raisers
from simulator.store.queries import query

_METERS, _DAYS, _ACKNOWLEDGED = 3_000, 10, 50
_ID = "('00000000-0000-0000-0000-' || lpad(meter::text, 12, '0'))::uuid"
_EVENTS = "INSERT INTO event_logs (obis_code_id, event_timestamp, event_code, event_type, meter_id)"
_WORDS = "INSERT INTO eswf_status (obis_code_id, timestamp, meter_id)"
_ALARMS = """
INSERT INTO eswf_push_alarms (eswf_status_id, alarm_timestamp, alarm_type, byte_position, bit_position, status)
SELECT id, timestamp, 'bit', 15 - %(bit)s / 8, 7 - %(bit)s %% 8, 'ACKNOWLEDGED' FROM eswf_status ORDER BY id DESC"""


def steps(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from steps(part)


def test_the_events_of_a_storm_are_found_by_their_meters(database: str) -> None:
    """What the server knows of the tables is older than the storm, and takes few rows of one instant for granted."""
    told: dict[str, Any] = dict(raisers())
    told |= {"code": told["codes"][0], "bit": told["bits"][0]}
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("SET search_path = sim")
        connection.execute("SET session_replication_role = replica")  # there are no such meters
        days = f"FROM generate_series(1, {_METERS}) meter, generate_series(1, {_DAYS}) day"
        moment = "'2025-01-01'::timestamp + (meter * 7 + day * 1001) * interval '1 s'"
        connection.execute(f"{_EVENTS} SELECT 1, {moment}, 201 + day %% 8, 'ACCESS', {_ID} {days}", told)
        connection.execute(f"{_WORDS} SELECT 1, {moment}, {_ID} {days}")
        connection.execute(_ALARMS, told)
        connection.execute("ANALYZE")
        storm = f"FROM generate_series(1, {_METERS}) meter"
        with connection.transaction():
            connection.execute(f"{_EVENTS} SELECT 1, '2025-06-01', %(code)s, 'ACCESS', {_ID} {storm}", told)
            connection.execute(f"{_WORDS} SELECT 1, '2025-06-01', {_ID} {storm}")
            connection.execute(f"{_ALARMS} LIMIT {_METERS}", told)
        newest = connection.execute("SELECT id FROM eswf_push_alarms ORDER BY id DESC LIMIT %s", [_ACKNOWLEDGED])
        told["alarms"] = [alarm for (alarm,) in newest]
        statement = b"EXPLAIN (ANALYZE, FORMAT JSON) " + query("acknowledge_events")
        ((plans,),) = connection.execute(statement, told)
        most = max(step["Actual Rows"] * step["Actual Loops"] for step in steps(plans[0]["Plan"]))
        assert most <= _ACKNOWLEDGED * (_DAYS + 2)
        acknowledged = connection.execute("SELECT count(*) FROM event_logs WHERE acknowledged")
        assert acknowledged.fetchall() == [(_ACKNOWLEDGED,)]
