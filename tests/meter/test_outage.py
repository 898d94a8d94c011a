# SPDX-License-Identifier: MIT
"""Outages: the gap in the blocks, exact sums across it, what is made up, counters and minutes, and restarts within."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from meter_bench import BLOCK, ENERGY, LIMITER, RELAY, UTILITY, Install, Meters, data

from simulator.meter.behaviour import story
from simulator.meter.device import Device
from simulator.meter.push.schedule import own_settings
from simulator.meter.supply import disturb, power_fails, power_returns
from simulator.values import attribute_key, parse_obis

D1, D2 = "is15959-1ph", "is15959-3ph"
FIRST, ALL = np.array([0]), np.arange(3)
ON_MINUTES, WORD = "0.0.94.91.14.255", "0.0.94.91.18.255"
FAILURES, OFF_MINUTES = "0.0.96.7.0.255", "0.0.94.91.8.255"
EMPTY, LAST_GASP, FIRST_BREATH = 0, 1 << 128 - 1 - 85, 1 << 128 - 1 - 86


async def fails(meters: Meters, moment: str, rows: np.ndarray = FIRST) -> None:
    await meters.until(moment)
    await power_fails(meters.cohort, rows, meters.now_ms)


async def returns(meters: Meters, moment: str, rows: np.ndarray = FIRST) -> None:
    """The supply's return, and the start after it."""
    await meters.until(moment)
    await power_returns(meters.cohort, rows, meters.now_ms)
    starts_ms = meters.cohort.columns.boot_ms[rows]
    assert (starts_ms >= meters.now_ms + 5_000).all()
    assert (starts_ms <= meters.now_ms + 60_000).all()
    meters.now_ms += 60_000
    await meters.until_ms(meters.now_ms)


def times(meters: Meters, *, row: int = 0) -> list[str]:
    return [one for (one,) in meters.of_meter("capture_time::time::text", "block_load_profile", row=row)]


def total(meters: Meters, *, row: int = 0) -> Decimal:
    sums = meters.of_meter("sum(kwh_import)", "block_load_profile", row=row, order="1")
    return Decimal(sums[0][0])


def counted(meters: Meters, *, row: int = 0) -> Decimal:
    """What the register has counted since the meter is in the simulation, in kWh."""
    column = meters.cohort.columns.cumulative_mwh[0, row] // 1000
    return Decimal(int(column) - int(meters.cohort.population.initial_wh[0, row])) / 1000


async def test_blocks_that_end_in_an_outage_have_no_row_and_all_sums_hold(install: Install) -> None:
    meters = await install(D1)
    await fails(meters, "2025-05-20T10:40:10")
    stood = await meters.read(ENERGY)
    await meters.until("2025-05-20T12:07:00")
    assert await meters.read(ENERGY) == stood
    await returns(meters, "2025-05-20T12:10:00")
    await meters.until("2025-05-20T13:00:00")
    assert [one for one in times(meters) if one > "10:00:00"] == ["10:30:00", "12:30:00", "13:00:00"]
    assert len(times(meters, row=1)) == 26
    assert total(meters) == counted(meters)
    assert total(meters, row=1) == counted(meters, row=1)
    rows = dict(meters.of_meter("capture_time::time::text, average_voltage_r", "block_load_profile"))
    assert min(rows.values()) > 200  # an average is over the time with supply


async def test_the_block_in_which_power_failed_and_came_back_is_captured_once(install: Install) -> None:
    meters = await install(D1)
    await fails(meters, "2025-05-20T10:03:00")
    seen = await meters.read(ENERGY)
    await returns(meters, "2025-05-20T10:12:00")
    assert await meters.read(ENERGY) >= seen
    await fails(meters, "2025-05-20T10:20:00")
    await returns(meters, "2025-05-20T10:24:00")
    await meters.until("2025-05-20T11:00:00")
    assert times(meters)[-3:] == ["10:00:00", "10:30:00", "11:00:00"]
    assert total(meters) == counted(meters)
    volts = meters.of_meter("average_voltage_r, average_current_r, kvah_import", "block_load_profile")
    assert min(row[0] for row in volts) > 200
    assert volts[-2][2] < volts[-1][2] * 2


async def test_an_outage_over_midnight_and_a_billing_date(install: Install) -> None:
    meters = await install(D1)
    await fails(meters, "2025-05-31T23:47:00")
    stood = Decimal(str(round(float(await meters.read(ENERGY)), 3)))
    await meters.until("2025-06-01T05:59:00")
    await returns(meters, "2025-06-02T06:00:00")
    await meters.until("2025-06-03T00:00:00")
    days = dict(
        meters.of_meter(
            "capture_date::text, (cumulative_kwh_import, daily_kwh_import)::text", "daily_load_profile", order="1"
        )
    )
    parts = {day: [Decimal(part) for part in text.strip("()").split(",")] for day, text in days.items()}
    assert set(list(parts)[-3:]) == {"2025-06-01", "2025-06-02", "2025-06-03"}
    assert abs(parts["2025-06-01"][0] - stood) < Decimal("0.01")  # float32 on the wire
    assert parts["2025-06-02"] == [parts["2025-06-01"][0], 0]
    assert sum(day[1] for day in parts.values()) == total(meters) == counted(meters)
    (bill,) = meters.of_meter("billing_time::text, cumulative_kwh_import, monthly_kwh_import", "billing_profile")
    assert bill[0].startswith("2025-06-01 00:00:00")
    assert bill[1] == parts["2025-06-01"][0]
    zones = meters.cohort.columns.tariff_wh[0, :, 0].sum()
    assert zones == meters.cohort.columns.cumulative_mwh[0, 0] // 1000


async def test_counters_minutes_log_and_status_word(install: Install) -> None:
    meters = await install(D2)
    await fails(meters, "2025-05-20T10:40:10", ALL[:2])
    word = int.from_bytes((await meters.read(WORD))[1], "big")
    assert (word & LAST_GASP, word & FIRST_BREATH) == (LAST_GASP, 0)
    await returns(meters, "2025-05-20T12:10:00", ALL[:2])
    word = int.from_bytes((await meters.read(WORD))[1], "big")
    assert (word & LAST_GASP, word & FIRST_BREATH) == (0, FIRST_BREATH)
    assert [await meters.read(FAILURES, row=row) for row in range(3)] == [1, 1, 0]
    assert await meters.read(OFF_MINUTES) == 90
    logged = meters.of_meter("event_code, event_timestamp::time", "event_logs")
    assert [code for code, _ in logged] == [101, 102]
    (failed, started) = (at for _, at in logged)
    assert failed.isoformat() == "10:40:10"
    assert "12:10:05" <= started.isoformat() <= "12:11:00"
    assert [row[1] for row in await meters.read("0.0.99.98.2.255")] == [101, 102]
    await fails(meters, "2025-05-20T14:00:00")
    await returns(meters, "2025-05-20T14:01:30")
    assert await meters.read(FAILURES) == 2
    assert await meters.read(OFF_MINUTES) in (91, 92)  # the seconds of both outages add up


async def test_power_on_minutes_do_not_count_outages(install: Install) -> None:
    meters = await install(D1)
    await meters.until("2025-05-20T10:00:00")
    before = await meters.read(ON_MINUTES)
    await fails(meters, "2025-05-20T10:00:00")
    await meters.until("2025-05-20T11:30:00")
    assert await meters.read(ON_MINUTES) == before == 600
    assert await meters.read(ON_MINUTES, row=1) == 690


async def test_the_meter_speaks_its_last_before_it_falls_silent_and_its_first_after_it_woke(install: Install) -> None:
    meters = await install(D1)
    heard: list[tuple[list[int], bool, bytes]] = []

    def alert(cohort: Any, rows: np.ndarray, at_ms: int) -> None:
        word = cohort.columns.status_word[:, rows[0]].astype(">u4").tobytes()
        heard.append((rows.tolist(), cohort.is_dark(int(rows[0])), word))

    object.__setattr__(meters.cohort.around, "alert", alert)
    device = Device(meters.cohort, 0)
    await fails(meters, "2025-05-20T10:40:10")
    assert device.is_dark
    assert device.is_gone
    await returns(meters, "2025-05-20T12:10:00")
    assert not device.is_dark
    assert device.is_gone  # who held it has lost it
    assert not Device(meters.cohort, 0).is_gone
    words = [int.from_bytes(word, "big") & (LAST_GASP | FIRST_BREATH) for _, _, word in heard]
    assert [(rows, dark) for rows, dark, _ in heard] == [([0], False), ([0], False)]
    assert words == [LAST_GASP, FIRST_BREATH]


async def test_a_return_that_is_shorter_than_a_start_is_no_return(install: Install) -> None:
    meters = await install(D1)
    await fails(meters, "2025-05-20T10:40:10")
    await meters.until("2025-05-20T10:50:00")
    await power_returns(meters.cohort, FIRST, meters.now_ms)
    await power_fails(meters.cohort, FIRST, meters.now_ms + 1000)
    await meters.until("2025-05-20T11:50:00")
    assert meters.cohort.is_dark(0)
    await returns(meters, "2025-05-20T12:00:00")
    assert [code for (code,) in meters.of_meter("event_code", "event_logs")] == [101, 102]
    assert meters.cohort.columns.power_failure_count.tolist() == [1, 0, 0]


@pytest.mark.parametrize("restart_at", ["in the dark", "while starting", "after"])
async def test_an_outage_goes_on_through_the_death_of_the_process(install: Install, restart_at: str) -> None:
    meters = await install(D1)
    await fails(meters, "2025-05-20T10:40:10")
    await meters.until("2025-05-20T11:07:00")
    if restart_at == "in the dark":
        meters = await meters.restarted()
        assert meters.cohort.is_dark(0)
    await meters.until("2025-05-20T12:10:00")
    await power_returns(meters.cohort, FIRST, meters.now_ms)
    starts_ms = int(meters.cohort.columns.boot_ms[0])
    if restart_at == "while starting":
        meters = await meters.restarted()
        assert int(meters.cohort.columns.boot_ms[0]) == starts_ms
    await meters.until("2025-05-20T12:11:00")
    if restart_at == "after":
        meters = await meters.restarted()
    assert not meters.cohort.is_dark(0)
    await meters.until("2025-05-20T13:00:00")
    assert [one for one in times(meters) if one > "10:00:00"] == ["10:30:00", "12:30:00", "13:00:00"]
    assert total(meters) == counted(meters)
    assert meters.cohort.columns.power_failure_ms[0] == starts_ms - (starts_ms // 86_400_000 * 86_400_000) - 18_610_000
    assert [code for (code,) in meters.of_meter("event_code", "event_logs")] == [101, 102]


async def test_the_fleet_comes_back_one_after_the_other_and_the_same_each_time(install: Install) -> None:
    meters = await install(D1)
    await fails(meters, "2025-05-20T10:40:10", ALL)
    await meters.until("2025-05-20T11:00:00")
    await power_returns(meters.cohort, ALL, meters.now_ms)
    assert len(set(meters.cohort.columns.boot_ms.tolist())) == 3
    await meters.until("2025-05-20T11:02:00")
    starts = meters.sql("SELECT event_timestamp FROM event_logs WHERE event_code = 102 ORDER BY id")
    assert starts == sorted(starts)
    assert len(set(starts)) == 3


async def test_without_power_no_limiter_trips_and_its_time_begins_anew(install: Install) -> None:
    meters = await install(D1)
    await meters.until("2025-05-20T19:00:00")
    await meters.write(LIMITER, 6, data("double-long-unsigned", 300))
    await meters.write(LIMITER, 4, data("double-long-unsigned", 5))
    await fails(meters, "2025-05-20T19:04:00")
    await meters.until("2025-05-20T19:10:00")
    assert await meters.read(RELAY, 3) == 1
    await power_returns(meters.cohort, FIRST, meters.now_ms)
    starts_ms = int(meters.cohort.columns.boot_ms[0])
    await meters.until_ms(starts_ms + 299_000)
    assert await meters.read(RELAY, 3) == 1
    await meters.until_ms(starts_ms + 300_000)
    assert await meters.read(RELAY, 3) == 2


async def test_the_profile_over_dlms_shows_the_gap(install: Install) -> None:
    meters = await install(D1)
    await fails(meters, "2025-05-20T10:40:10")
    await returns(meters, "2025-05-20T12:10:00")
    await meters.until("2025-05-20T13:00:00")
    stamps = [row[0][5:7].hex() for row in await meters.read(BLOCK)]
    assert stamps[-4:] == ["0a00", "0a1e", "0c1e", "0d00"]


async def test_a_heavier_load_than_nature_ever_brings_trips_the_limiter(install: Install) -> None:
    meters = await install(D1)
    await meters.until("2025-05-20T19:00:00")
    await disturb(meters.cohort, np.array([1]), meters.now_ms, load=1000.0)
    await meters.until("2025-05-20T19:00:59")
    assert await meters.read(RELAY, 3, row=1) == 1
    await meters.until("2025-05-20T19:01:00")
    assert await meters.read(RELAY, 3, row=1) == 2
    assert await meters.read(RELAY, 3) == 1


async def test_what_every_meter_notes_makes_none_of_them_look_ahead(install: Install) -> None:
    """Who was read over HLS knows its client's title, and who was confirmed the time of it: that costs an outage of a
    thousand meters no look at each of them."""
    meters, looked = await install(D1), list[int]()
    cohort = meters.cohort
    cohort.around = replace(cohort.around, look=lambda _, row: looked.append(row))
    Device(cohort, 0).protection(UTILITY).heard(b"HES\0\0\0\0\1")
    cohort.overrides[1, attribute_key(40, parse_obis("0.0.25.9.0.255"), 13)] = b"\x09\x0c" + bytes(12)
    assert own_settings(cohort) == {}
    story.look_ahead(cohort, ALL, meters.now_ms)
    assert looked == []
    assert await meters.write("1.0.0.8.4.255", 2, data("double-long-unsigned", 900), row=2) == 0
    looked.clear()
    story.look_ahead(cohort, ALL, meters.now_ms)
    assert looked == [2]
