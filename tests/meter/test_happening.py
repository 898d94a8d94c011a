# SPDX-License-Identifier: MIT
"""Events on a real store: rows, counters, status words and alarms of many meters in one transaction."""

from __future__ import annotations

import numpy as np
import pytest
from meter_bench import Install, data

from simulator.errors import StoreUnavailable
from simulator.meter.behaviour import story
from simulator.meter.happening import Happening
from simulator.store.embedded import EmbeddedPostgres

WORD, FILTER, TAMPERS = "0.0.94.91.18.255", "0.0.94.91.26.255", "0.0.94.91.0.255"
ALL = np.arange(3)
ALARMS = "eswf_push_alarms a JOIN eswf_status s ON s.id = eswf_status_id"


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
    assert meters.of_meter(alarms, ALARMS, order="a.id") == [
        ("Over current in any phase", 14, 4, "PENDING"),
        ("Magnet / electromagnet influence", 5, 6, "PENDING"),
    ]
    rows = await meters.read("0.0.99.98.1.255")
    assert [row[1] for row in rows] == [67]
    assert rows[0][-1] == 1
    assert rows[0][5] == pytest.approx(await meters.read("1.0.32.7.0.255"))
    await story.notice(meters.cohort, [Happening(ALL, 68)])
    assert (await meters.read(WORD))[1].hex() == "00000000000000000000" + "42" + "0000000000"
    assert len(heard) == 2


async def test_nineteen_bits_of_a_thousand_meters(install: Install) -> None:
    """One moment, one transaction; each alarm's status row has the alarm's bit."""
    meters = await install("is15959-3ph", count=1000)
    codes = (1, 3, 5, 7, 9, 11, 51, 53, 55, 63, 65, 67, 205, 201, 203, 251, 301, 101, 166)
    everybody = np.arange(1000)
    await story.notice(meters.cohort, [Happening(everybody, code) for code in codes])
    assert meters.sql("SELECT count(*), count(DISTINCT meter_id) FROM event_logs") == [(19_000, 1000)]
    assert meters.sql("SELECT count(*), count(DISTINCT meter_id) FROM eswf_status") == [(1000, 1000)]
    octets = ", ".join(f"esw_byte_{byte}" for byte in range(16))
    raised = f"(ARRAY[{octets}])[byte_position + 1] & (1 << bit_position) <> 0"
    counted = f"SELECT count(*), count(DISTINCT meter_id), bool_and({raised}), min(status), max(status) FROM {ALARMS}"
    assert meters.sql(counted) == [(19_000, 1000, True, "PENDING", "PENDING")]
    for row in (0, 499, 999):
        assert (await meters.read(WORD, row=row))[1].hex() == "fff80000000000000000" + "7d" + "0000000000"
        assert await meters.read(TAMPERS, row=row) == 10
    again = await meters.restarted()
    assert await again.read(TAMPERS, row=999) == 10


async def test_a_filter_of_a_meters_own_decides_over_its_alarms(install: Install) -> None:
    """The word itself moves whatever the filter says."""
    meters = await install("is15959-1ph")
    assert await meters.write(FILTER, 2, data("bit-string[128]", [81])) == 0
    heard: list[list[int]] = []
    object.__setattr__(meters.cohort.around, "alert", lambda cohort, rows, at_ms: heard.append(rows.tolist()))
    await story.notice(meters.cohort, [Happening(ALL, 67)])
    assert heard == [[1, 2]]
    assert (await meters.read(WORD))[1][1] == 0x10
    assert [len(meters.of_meter("a.id", ALARMS, row=row, order="a.id")) for row in ALL] == [0, 1, 1]


async def test_a_bit_that_is_raised_and_gone_in_one_moment_is_no_alarm(install: Install) -> None:
    meters = await install("is15959-1ph")
    await story.notice(meters.cohort, [Happening(ALL, 67), Happening(ALL, 68)])
    assert meters.sql("SELECT count(*) FROM event_logs") == [(6,)]
    assert meters.sql("SELECT count(*) FROM eswf_status") == [(0,)]


async def test_what_is_raised_already_is_no_new_alarm_unless_it_is_single(install: Install) -> None:
    """Load switch events share bit 84, which stays until it is written: each of them is told."""
    meters = await install("is15959-1ph")
    for code in (67, 67, 301, 302):
        await story.notice(meters.cohort, [Happening(ALL[:1], code)])
    assert [bit for (bit,) in meters.of_meter("byte_position", ALARMS, order="a.id")] == [14, 5, 5]
    assert len(meters.of_meter("id", "eswf_status")) == 3


async def test_last_gasp_and_first_breath_take_turns(install: Install) -> None:
    """IS 15959: bit 86 stays set in normal operation, and is gone while bit 85 is set."""
    meters = await install("is15959-1ph")
    shown = []
    for code in (101, 102, 101):
        await story.notice(meters.cohort, [Happening(ALL, code)])
        shown.append((await meters.read(WORD))[1][10])
    assert shown == [0x04, 0x02, 0x04]


async def test_the_non_rollover_log_stops_when_it_is_full(install: Install) -> None:
    """Its depth is the model's, 2; the third opening still counts as a tamper and raises its bit."""
    meters = await install("is15959-1ph")
    for _ in range(3):
        await story.notice(meters.cohort, [Happening(ALL, 251)])
    assert meters.of_meter("sequence_number", "event_logs") == [(1,), (2,)]
    assert len(await meters.read("0.0.99.98.5.255")) == 2
    assert await meters.read(TAMPERS) == 3
    assert len(meters.of_meter("a.id", ALARMS, order="a.id")) == 3


async def test_other_logs_roll_over(install: Install) -> None:
    meters = await install("is15959-1ph")
    await story.notice(meters.cohort, [Happening(ALL, code) for code in (7, 8)] * 26)
    rows = await meters.read("0.0.99.98.0.255")
    assert [row[1] for row in rows] == [7, 8] * 25
    assert meters.of_meter("max(sequence_number)", "event_logs", order="1") == [(52,)]


async def test_a_head_end_clears_bits_and_acknowledges_their_alarms(install: Install) -> None:
    """A write can clear bits and set none; what it leaves set stays open."""
    meters = await install("is15959-1ph")
    await story.notice(meters.cohort, [Happening(ALL, 251), Happening(ALL, 201)])
    assert await meters.write(WORD, 2, data("bit-string[128]", [0, 81, 86])) == 0
    assert (await meters.read(WORD))[1].hex() == "00000000000000000000" + "42" + "0000000000"
    assert meters.of_meter("byte_position, bit_position, a.status", ALARMS, order="a.id") == [
        (5, 4, "ACKNOWLEDGED"),
        (5, 6, "PENDING"),
    ]
    assert meters.of_meter("event_code, acknowledged", "event_logs") == [(251, True), (201, False)]
    assert meters.of_meter("acknowledged", "event_logs", row=1) == [(False,)] * 2
    assert meters.of_meter("esw_byte_5", "eswf_status") == [(0x52,), (0x42,)]
    assert meters.of_meter("a.status", ALARMS, row=1, order="a.id") == [("PENDING",)] * 2
    assert await meters.write(WORD, 2, data("bit-string[128]", []), client=32) == 3  # the reader may not
    again = await meters.restarted()
    assert (await again.read(WORD))[1][10] == 0x42


async def test_an_event_while_the_store_is_away_has_not_happened(install: Install, postgres: EmbeddedPostgres) -> None:
    """And when it is back one happens at once: that the session is another one is nobody's failure."""
    meters = await install("is15959-1ph")
    await story.notice(meters.cohort, [Happening(ALL, 67)])
    postgres.stop()
    try:
        with pytest.raises(StoreUnavailable):
            await story.notice(meters.cohort, [Happening(ALL, 201)])
        assert await meters.read(TAMPERS) == 1
        assert (await meters.read(WORD))[1][10] == 0x02
    finally:
        postgres.start()
    await story.notice(meters.cohort, [Happening(ALL, 203)])
    postgres.stop()
    postgres.start()
    await story.notice(meters.cohort, [Happening(ALL, 201)])
    assert await meters.read(TAMPERS) == 3
    assert meters.sql("SELECT count(*) FROM event_logs WHERE event_code IN (67, 201, 203)") == [(9,)]
