# SPDX-License-Identifier: MIT
"""Measurements, one value a row, and the view of the newest of each (rows S004-21, S004-23 to S004-25)."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import replace
from typing import Any

import pytest
from meter_bench import CLOCK, ENERGY, Install, Meters
from test_clock import time

_LATEST = "SELECT * FROM latest_measurements WHERE meter_id = %s ORDER BY logical_name"
_TABLES = ("energy_measurements", "voltage_measurements", "current_measurements")
INSTANTANEOUS = "1.0.94.91.0.255"
ENERGIES = {"1.0.1.8.0.255": "kWh", "1.0.2.8.0.255": "kWh", "1.0.9.8.0.255": "kVAh", "1.0.10.8.0.255": "kVAh"}
AVERAGES = {
    "is15959-1ph": {"1.0.12.27.0.255": "R", "1.0.11.27.0.255": "R", "1.0.91.27.0.255": "N"},
    "is15959-3ph": {f"1.0.{group}.27.0.255": "RYB"[at // 2] for at, group in enumerate((31, 32, 51, 52, 71, 72))},
}


def latest(meters: Meters, row: int = 0) -> dict[str, tuple[Any, ...]]:
    return {found[0]: found[1:6] for found in meters.sql(_LATEST, meters.cohort.identities[row].id)}


@pytest.mark.parametrize("model", AVERAGES)
async def test_the_latest_are_those_of_the_last_midnight(install: Install, model: str) -> None:
    meters = await install(model)
    await meters.until("2025-05-23T09:40:00")
    for row in range(3):
        shown = latest(meters, row)
        assert shown.keys() == {*ENERGIES, *AVERAGES[model]}
        assert {str(told[4]) for told in shown.values()} == {"2025-05-23 00:00:00"}
        assert {code: shown[code][1] for code in ENERGIES} == ENERGIES
    *_, (register,) = meters.of_meter("cumulative_kwh_import", "daily_load_profile", order="capture_date")
    assert latest(meters)[ENERGY][0] == register
    (block,) = meters.sql(
        "SELECT average_voltage_r, average_current_r FROM block_load_profile"
        " WHERE capture_time = '2025-05-23' AND meter_id = %s",
        meters.cohort.identities[0].id,
    )
    assert {value for told in latest(meters).values() for value in told[2:4]} >= set(block)
    phases = meters.sql("SELECT DISTINCT logical_name, phase FROM latest_measurements WHERE phase IS NOT NULL")
    assert dict(phases) == AVERAGES[model]


async def test_there_is_one_row_per_meter_and_code_and_it_is_the_newest(install: Install) -> None:
    meters = await install("is15959-3ph")
    await meters.until("2025-05-24T12:00:00")
    assert meters.sql("SELECT count(*) - count(DISTINCT (logical_name, meter_id)) FROM latest_measurements") == [(0,)]
    every = " UNION ALL ".join(f"SELECT meter_id, obis_code_id, timestamp FROM {table}" for table in _TABLES)
    newest = f"SELECT meter_id, logical_name, max(timestamp) FROM ({every}) e JOIN obis_codes o ON o.id = obis_code_id"
    told = "SELECT meter_id, logical_name, measurement_time FROM latest_measurements"
    assert set(meters.sql(told)) == set(meters.sql(f"{newest} GROUP BY 1, 2"))
    assert len(meters.sql(told)) == 3 * 10


async def test_registers_never_run_backwards_even_if_a_clock_does(install: Install) -> None:
    """What a clock that is set back has overtaken is measured anew, as its days are."""
    meters = await install("is15959-1ph")
    await meters.until("2025-05-24T12:00:00")
    assert await meters.write(CLOCK, 2, time("2025-05-22 12:00:00")) == 0
    await meters.until("2025-05-26T12:00:00")
    fallen = "value < lag(value) OVER (PARTITION BY meter_id, obis_code_id ORDER BY timestamp, id)"
    assert meters.sql(f"SELECT count(*) FROM (SELECT {fallen} AS fell FROM energy_measurements) e WHERE fell") == [(0,)]
    (days,) = meters.of_meter("count(DISTINCT timestamp), max(timestamp)::text", "energy_measurements", order="1")
    assert days == (2, "2025-05-24 00:00:00")


async def test_of_a_history_there_are_the_last_two_midnights(install: Install) -> None:
    meters = await install("is15959-1ph")
    await meters.until("2025-06-09T10:00:00")
    firsts = meters.of_meter("min(timestamp)::text, count(DISTINCT timestamp)", "energy_measurements", order="1")
    assert firsts == [("2025-06-08 00:00:00", 2)]


async def test_a_reading_of_the_instantaneous_profile_is_the_newest(install: Install) -> None:
    meters = await install("is15959-3ph")
    await meters.until("2025-05-21T09:40:00")
    for row in (0, 2):
        await meters.read(INSTANTANEOUS, row=row)
    await asyncio.wait(meters.cohort.writing)
    shown = latest(meters, 2)
    (row,) = meters.of_meter("voltage_r, current_b", "instant_profile", row=2)
    assert (shown["1.0.32.7.0.255"][2], shown["1.0.71.7.0.255"][3]) == row
    assert {str(shown[code][4]) for code in (*ENERGIES, "1.0.32.7.0.255")} == {"2025-05-21 09:40:00"}
    assert str(shown["1.0.32.27.0.255"][4]) == str(latest(meters, 1)[ENERGY][4]) == "2025-05-21 00:00:00"
    assert await meters.write(CLOCK, 2, time("2025-05-21 09:20:00"), row=2) == 0
    assert str(latest(meters, 2)[ENERGY][4]) == "2025-05-21 00:00:00"


async def test_many_read_the_instantaneous_profile_at_one_moment_and_one_row_is_kept(install: Install) -> None:
    meters = await install("is15959-3ph")
    answers = await asyncio.gather(*(meters.read(INSTANTANEOUS) for _ in range(6)))
    assert answers == answers[:1] * 6
    assert meters.of_meter("count(*)", "instant_profile", order="1") == [(1,)]


async def test_a_row_that_is_there_already_costs_nobody_the_answer(install: Install) -> None:
    """As after a restart of a fleet whose clock stands."""
    meters = await install("is15959-3ph")
    first = await meters.read(INSTANTANEOUS)
    meters.cohort.snapshots.clear()
    assert await meters.read(INSTANTANEOUS) == first
    assert meters.of_meter("count(*)", "instant_profile", order="1") == [(1,)]


async def test_an_instantaneous_profile_is_of_one_instant_however_fast_time_runs(install: Install) -> None:
    """And the same in the table: at a simulated second for each look at the clock."""
    meters = await install("is15959-3ph")
    moments = itertools.count(meters.now_ms, 1_000)
    meters.cohort.around = replace(meters.cohort.around, now_ms=lambda: next(moments))
    for _ in range(3):
        ((stamp, *told),) = await meters.read(INSTANTANEOUS)
        *_, row = meters.of_meter("timestamp, voltage_r, voltage_y, voltage_b", "instant_profile", order="timestamp")
        assert bytes(stamp[5:8]) == bytes(row[0].timetuple()[3:6])
        assert told[3:6] == pytest.approx(list(map(float, row[1:])), abs=0.001)
