# SPDX-License-Identifier: GPL-2.0-only
"""Readings as rows of the head-end's tables: quality and flags (S000-19, S000-20), times, pushes, events."""

from __future__ import annotations

import asyncio
import datetime as dt
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from gurux_dlms.GXFloat32 import GXFloat32
from push_bench import ALERT_BODY, BOOK, CONFIRMED, notification, wrapped

from simulator.commands.pushed import labels
from simulator.cosem.status_word import status_bits
from simulator.headend.filing import file_bills, file_blocks, file_instantaneous, undated
from simulator.headend.hearing import Acquainted, Hearer, Hearing
from simulator.headend.judging import (
    AFTER_RETRY,
    CLOCK_INVALID,
    DUPLICATE,
    GAP_BEFORE,
    INVALID,
    LATE,
    LOW_QUALITY,
    NEGATIVE_DELTA,
    OUT_OF_RANGE,
    Circumstances,
    is_spike,
    judged,
)
from simulator.headend.occurrences import event, moved
from simulator.headend.profiles import Column, ProfileTable, table_of
from simulator.headend.readings import CURRENTS, POWERS, REGISTERS, VOLTAGES
from simulator.headend.values import ScalerUnit
from simulator.hes.landing import Batch
from simulator.hes.tables import BILLING, BLOCK, ENERGY, EVENTS, INSTANT, READING_TYPES, READINGS, Table

SERIAL = "9160000007"
ZONE = ZoneInfo("Asia/Kolkata")
CLOCK = Column("", "0.0.1.0.0.255", 8, 2)
VOLTAGE = Column("", "1.0.12.7.0.255", 3, 2, unit="V")
ENERGY_IMPORT = Column("", "1.0.1.8.0.255", 3, 2, unit="Wh", scaler=3)
BLOCK_IMPORT = Column("", "1.0.1.29.0.255", 3, 2, unit="Wh", scaler=3)
AT = dt.datetime(2025, 6, 1, 10, 30, tzinfo=ZONE)


def stamp(moment: dt.datetime, status: int = 0) -> bytearray:
    """date-time (Blue Book 4.1.6.1), deviation not specified."""
    return bytearray(
        moment.year.to_bytes(2, "big")
        + bytes((moment.month, moment.day, 255, moment.hour, moment.minute, moment.second, 0, 0x80, 0, status))
    )


def rows(batch: Batch, table: Table) -> list[dict[str, Any]]:
    return [dict(zip(table.columns[1:], row, strict=True)) for row in batch.rows[table][SERIAL]]


def test_a_clock_that_calls_itself_invalid_makes_its_readings_invalid() -> None:
    """Clock status bit 0 is "invalid value" (Blue Book 4.1.6.1)."""
    scales = {(3, VOLTAGE.obis): ScalerUnit(0, "V"), (3, ENERGY_IMPORT.obis): ScalerUnit(3, "Wh")}
    table = table_of("1.0.94.91.0.255", [CLOCK, VOLTAGE, ENERGY_IMPORT], [[stamp(AT, 1), 230, GXFloat32(12.5)]], scales)
    batch = Batch()
    file_instantaneous(batch, SERIAL, table, Circumstances(), ZONE)
    (reading,) = rows(batch, READINGS)
    assert (reading["timestamp"], reading["quality"]) == (AT, INVALID)
    assert reading["validation_flags"] == (LOW_QUALITY, CLOCK_INVALID)
    assert (reading["value"], reading["original_value"], reading["scaling_factor"]) == (12500, Decimal("12.5"), 3)
    (snapshot,) = rows(batch, INSTANT)
    assert snapshot["rtc_timestamp"] == AT.replace(tzinfo=None)
    assert snapshot["voltage_r"] == 230


@pytest.mark.parametrize(
    ("value", "how", "words", "expected"),
    [
        (230.0, Circumstances(), {"unit": "V"}, (192, ())),
        (800.0, Circumstances(), {"unit": "V"}, (64, (LOW_QUALITY, OUT_OF_RANGE))),
        (9.0, Circumstances(registers={"E": 10.0}), {"register": "E"}, (64, (LOW_QUALITY, NEGATIVE_DELTA))),
        (11.0, Circumstances(registers={"E": 10.0}), {"register": "E"}, (192, ())),
        (1.0, Circumstances(retries=1), {}, (192, (AFTER_RETRY,))),
        (1.0, Circumstances(), {"clock_status": 0x80}, (192, ())),  # daylight saving is no fault
        (1.0, Circumstances(), {"clock_status": 0x09}, (64, (LOW_QUALITY, CLOCK_INVALID))),
        (1.0, Circumstances(), {"clock_status": 0xFF}, (192, ())),  # not specified
    ],
)
def test_quality_and_flags_say_what_is_wrong(
    value: float, how: Circumstances, words: dict[str, Any], expected: tuple[int, tuple[int, ...]]
) -> None:
    assert judged(how, value, **words) == expected


def test_blocks_after_a_gap_and_blocks_that_came_late_are_flagged() -> None:
    half = dt.timedelta(minutes=30)
    table = ProfileTable("1.0.99.1.0.255", [CLOCK, BLOCK_IMPORT], [[AT, 211.0], [AT + 3 * half, 35.0]])
    batch = Batch()
    file_blocks(batch, SERIAL, table, Circumstances(), ZONE, period_s=1800, is_late=True)
    assert [row["validation_flags"] for row in rows(batch, ENERGY)] == [(LATE,), (GAP_BEFORE, LATE)]
    assert [row["kwh_import"] for row in rows(batch, BLOCK)] == [Decimal("0.211"), Decimal("0.035")]


def test_a_block_that_comes_twice_is_filed_once_and_flagged() -> None:
    rows_of_meter = [[AT, 211.0], [AT, 211.0], [AT + dt.timedelta(minutes=30), 35.0]]
    table = ProfileTable("1.0.99.1.0.255", [CLOCK, BLOCK_IMPORT], rows_of_meter)
    batch = Batch()
    file_blocks(batch, SERIAL, table, Circumstances(), ZONE, period_s=1800)
    assert [row["validation_flags"] for row in rows(batch, ENERGY)] == [(DUPLICATE,), ()]
    assert len(rows(batch, BLOCK)) == 2


def test_a_spike_needs_a_day_to_stand_out_of() -> None:
    """Five times the largest of 48; what follows is held against the spike, too."""
    how = Circumstances()
    assert not any(is_spike(how, "E", value) for value in (100.0, 9_000.0, *[200.0] * 46))
    assert not is_spike(how, "E", 44_000.0)
    how.usual.clear()
    assert [is_spike(how, "E", value) for value in (*[100.0] * 48, 501.0, 2_000.0)][47:] == [False, True, False]
    assert not any(is_spike(how, "none", value) for value in (*[0.0] * 48, 5.0))


def test_rows_without_a_time_are_counted_and_left_out() -> None:
    table = ProfileTable("1.0.99.1.0.255", [CLOCK, BLOCK_IMPORT], [["*-06-01 10:00:00", 1.0], [AT, 2.0]])
    batch = Batch()
    file_blocks(batch, SERIAL, table, Circumstances(), ZONE, period_s=1800)
    assert undated(table) == 1
    assert len(rows(batch, BLOCK)) == 1


def test_the_types_that_readings_by_hand_may_have_are_those_that_are_made() -> None:
    named = {name for objects in (POWERS, VOLTAGES, CURRENTS) for name, _ in objects.values()}
    assert {*REGISTERS.values(), *named} == set(READING_TYPES)


def test_the_time_of_a_maximum_is_of_the_meters_zone_if_it_does_not_say() -> None:
    """Blue Book 4.1.6.1: a deviation may be left open."""
    maximum = Column("maximum demand", "1.0.1.6.0.255", 4, 5)
    table = ProfileTable("1.0.98.1.0.255", [CLOCK, maximum], [[dt.datetime(2025, 6, 1), dt.datetime(2025, 5, 7, 19)]])
    batch = Batch()
    file_bills(batch, SERIAL, table, Circumstances(), ZONE, resets=1)
    (bill,) = rows(batch, BILLING)
    assert bill["max_demand_date"] == dt.datetime(2025, 5, 7, 19, tzinfo=ZONE)


def test_a_code_that_nobody_knows_is_kept_all_the_same() -> None:
    assert event(AT, 60_000, "EVENT_LOG", {})[1] == 60_000


def test_status_words_differ_by_what_was_raised_and_what_was_cleared() -> None:
    first, second = [bit for bit in status_bits() if bit.occurrence and bit.restoration][:2]
    codes = [row[1] for row in moved(AT, [first], [second])]
    assert codes == [second.occurrence, first.restoration]


async def test_a_pushed_alarm_is_an_event_of_at_least_a_warning() -> None:
    """S001-19; the next status word that differs says what was cleared, too."""
    batches: list[Batch] = []
    came = asyncio.Event()
    loop = asyncio.get_running_loop()

    def hand_in(batch: Batch) -> None:
        batches.append(batch)
        loop.call_soon_threadsafe(came.set)

    known = Acquainted({SERIAL: SERIAL, "MFL" + SERIAL: SERIAL}, BOOK, labels(lambda _serial: "is15959-1ph", {}))
    clear = ALERT_BODY[:-16] + bytes(16)
    with Hearing(("127.0.0.1", 0), known, Hearer(ZONE), hand_in) as ear:
        for body in (ALERT_BODY, clear):
            came.clear()
            _, writer = await asyncio.open_connection("127.0.0.1", ear.port)
            writer.write(wrapped(notification(body)))
            await asyncio.wait_for(came.wait(), 20)
            writer.close()
    alarm, cleared = batches
    (raised,) = rows(alarm, EVENTS)
    assert raised["source"] == "PUSH_ALARM"
    assert raised["severity"] in ("WARNING", "CRITICAL")
    assert [row["source"] for row in rows(cleared, EVENTS)] in ([], ["ESW_DIFF"])
    assert [(push.serial, push.setup) for push in alarm.pushes] == [(SERIAL, "0.4.25.9.0.255")]


async def test_what_was_confirmed_is_handed_in_before_the_end() -> None:
    """A meter does not push again what was confirmed to it: who stops listening has to file what waits."""
    handed: list[Batch] = []
    confirmed = 40
    known = Acquainted({SERIAL: SERIAL, "MFL" + SERIAL: SERIAL}, BOOK, labels(lambda _serial: "is15959-1ph", {}))
    ear = Hearing(("127.0.0.1", 0), known, Hearer(ZONE), handed.append)
    with ear:
        reader, writer = await asyncio.open_connection("127.0.0.1", ear.port)
        for number in range(confirmed):
            writer.write(wrapped(notification(ALERT_BODY, invoke=CONFIRMED | number)))
        for _ in range(confirmed):
            header = await asyncio.wait_for(reader.readexactly(8), 20)
            await reader.readexactly(int.from_bytes(header[6:], "big"))
        writer.close()
        await asyncio.to_thread(ear.close)
    assert sum(len(batch.pushes) for batch in handed) == confirmed
