# SPDX-License-Identifier: MIT
"""Capture periods, billing dates, MD reset (Blue Book 4.3.6, 4.5.7; IS 15959: events 152 to 154 and 166)."""

from __future__ import annotations

import numpy as np
import pytest
from meter_bench import BILLING, BLOCK, Install, data

from simulator.meter.behaviour import story

D1 = "is15959-1ph"
PERIOD, DEMAND_PERIOD = "1.0.0.8.4.255", "1.0.0.8.0.255"
SCHEDULE, RESET = "0.0.15.0.0.255", "0.0.10.0.1.255"
TIMES = "array(structure(stamp-time,stamp-date))"
REFUSED = 250


@pytest.mark.parametrize(
    ("period_s", "marks"), [(900, ["11:30", "11:45", "12:00"]), (3600, ["10:00", "11:00", "12:00"])]
)
async def test_a_new_capture_period_empties_the_buffer_and_holds(
    install: Install, period_s: int, marks: list[str]
) -> None:
    meters = await install(D1)
    await meters.until("2025-05-20T09:40:00")
    assert await meters.write(PERIOD, 2, data("double-long-unsigned", period_s)) == 0
    assert await meters.read(BLOCK) == ()
    assert await meters.read(BLOCK, 4) == await meters.read(PERIOD) == period_s
    assert await meters.read(DEMAND_PERIOD) == period_s
    meters = await meters.restarted()
    await meters.until("2025-05-20T12:10:00")
    rows = meters.of_meter(
        "capture_time::time::text, block_interval_minutes", "block_load_profile", order="capture_time"
    )
    assert [(at[:5], minutes) for at, minutes in rows[-3:]] == [(mark, period_s // 60) for mark in marks]
    assert len(meters.of_meter("1", "block_load_profile", row=1)) == 24
    # What the emptied buffer and the days hold together is what the register counted.
    await meters.until("2025-05-21T00:00:00")
    (day,) = meters.of_meter(
        "(daily_kwh_import * 1000)::bigint, (cumulative_kwh_import * 1000)::bigint", "daily_load_profile"
    )
    assert day[1] - day[0] == meters.cohort.population.initial_wh[0, 0]
    (kept,) = meters.of_meter("(sum(kwh_import) * 1000)::bigint", "block_load_profile", order="1")
    assert kept[0] < day[0]
    await meters.until("2025-05-22T00:00:00")
    (kept,) = meters.of_meter(
        "(sum(kwh_import) FILTER (WHERE capture_time > '2025-05-21') * 1000)::bigint", "block_load_profile", order="1"
    )
    days = meters.of_meter("(daily_kwh_import * 1000)::bigint", "daily_load_profile", order="capture_date")
    assert kept == days[1]


async def test_a_period_that_is_none_is_refused(install: Install) -> None:
    meters = await install(D1)
    assert await meters.write(PERIOD, 2, data("double-long-unsigned", 700)) == REFUSED
    assert await meters.write(PERIOD, 2, data("long-unsigned", 900)) == 12  # type unmatched


async def test_billing_dates_can_be_moved(install: Install) -> None:
    meters = await install(D1)
    assert await meters.write(SCHEDULE, 4, data(TIMES, [["06:10:00", "*-*-25"]])) == 0
    await meters.until("2025-05-20T09:40:00")
    meters = await meters.restarted()
    await meters.until("2025-06-02T00:00:00")
    moments = [at for (at,) in meters.of_meter("billing_time::text", "billing_profile")]
    assert moments == ["2025-05-25 06:30:00"]  # at the first block mark from then on
    assert [at for (at,) in meters.of_meter("billing_time::text", "billing_profile", row=1)] == ["2025-06-01 00:00:00"]
    assert await meters.write(SCHEDULE, 4, data(TIMES, [["*:10:00", "*-*-25"]])) == REFUSED


async def test_md_reset_by_script(install: Install) -> None:
    meters = await install(D1)
    await meters.until("2025-05-20T20:10:00")
    register = await meters.read("1.0.1.8.0.255")
    assert await meters.act(RESET, 1, data("long-unsigned", 2)) == 11  # no such script
    assert await meters.act(RESET, 1, data("long-unsigned", 1)) == 0
    (bill,) = await meters.read(BILLING)
    assert bill[2] == register
    assert await meters.read("0.0.0.1.0.255") == 1
    assert await meters.read("1.0.1.6.0.255") == 0
    assert await meters.read("0.0.96.11.3.255") == 166
    again = await meters.restarted()
    assert await again.read("0.0.0.1.0.255") == 1
    assert await again.read("1.0.1.6.0.255") == 0


async def test_md_reset_of_a_disconnected_meter_bills_what_it_shows(install: Install) -> None:
    meters = await install(D1)
    await meters.until("2025-05-20T20:10:00")
    await meters.act("0.0.96.3.10.255", 1)
    await meters.until("2025-05-20T20:20:00")
    register = await meters.read("1.0.1.8.0.255")
    assert await meters.act(RESET, 1, data("long-unsigned", 1)) == 0
    (bill,) = await meters.read(BILLING)
    assert bill[2] == register


async def test_an_md_reset_that_meters_notice_closes_their_periods(install: Install) -> None:
    """Each with the registers of its own calendar: one has other capture periods."""
    meters = await install("is15959-3ph")
    await meters.until("2025-05-20T20:10:00")
    assert await meters.write(PERIOD, 2, data("double-long-unsigned", 900), row=1) == 0
    registers = [await meters.read("1.0.1.8.0.255", row=row) for row in range(3)]
    await story.notice_in_turn(meters.cohort, np.arange(3), [166, 101, 166])
    for row, register in enumerate(registers):
        bills = await meters.read(BILLING, row=row)
        assert [bill[2] for bill in bills] == [register] * 2
        assert await meters.read("0.0.0.1.0.255", row=row) == 2
        assert await meters.read("0.0.96.7.0.255", row=row) == 1
        assert meters.of_meter("reset_count", "billing_profile", row=row) == [(1,), (2,)]
    again = await meters.restarted()
    assert await again.read("1.0.1.6.0.255", row=1) == 0
