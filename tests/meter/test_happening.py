# SPDX-License-Identifier: MIT
"""Events on a real store: rows, counters, status words and alarms of many meters in one transaction."""

from __future__ import annotations

import numpy as np
import pytest
from meter_bench import Install

from simulator.meter.behaviour import story
from simulator.meter.happening import Happening

WORD, FILTER, TAMPERS = "0.0.94.91.18.255", "0.0.94.91.26.255", "0.0.94.91.0.255"
ALL = np.arange(3)


async def test_an_occurrence_and_its_restoration(install: Install) -> None:
    meters = await install("is15959-3ph")
    heard: list[tuple[list[int], int]] = []
    object.__setattr__(meters.cohort.around, "alert", lambda cohort, rows, at_ms: heard.append((rows.tolist(), at_ms)))
    await meters.until("2025-05-20T10:10:07")
    await story.notice(meters.cohort, [Happening(ALL, 67), Happening(ALL[:1], 201)])
    assert heard == [([0, 1, 2], meters.now_ms)]
    logged = meters.of_meter("event_code, event_type, sequence_number, event_timestamp::time::text", "event_logs")
    assert logged == [(67, "CURRENT_RELATED", 1, "10:10:07"), (201, "ACCESS", 1, "10:10:07")]
    assert await meters.read(TAMPERS) == 2
    count, octets = await meters.read(WORD)
    assert (count, octets.hex()) == (128, "00100000000000000000" + "42" + "0000000000")
    (row,) = meters.of_meter(", ".join(f"esw_byte_{15 - i}" for i in range(16)), "eswf_status")
    assert bytes(row) == octets
    alarms = "alarm_type, byte_position, bit_position, a.status"
    joined = "eswf_push_alarms a JOIN eswf_status s ON s.id = eswf_status_id"
    assert meters.of_meter(alarms, joined, order="a.id") == [
        ("Over current in any phase", 14, 4, "PENDING"),
        ("Magnetic influence", 5, 6, "PENDING"),
    ]
    rows = await meters.read("0.0.99.98.1.255")
    assert [row[1] for row in rows] == [67]
    assert rows[0][-1] == 1
    assert rows[0][5] == pytest.approx(await meters.read("1.0.32.7.0.255"))
    await story.notice(meters.cohort, [Happening(ALL, 68)])
    assert (await meters.read(WORD))[1].hex() == "00000000000000000000" + "42" + "0000000000"
    assert len(heard) == 2
