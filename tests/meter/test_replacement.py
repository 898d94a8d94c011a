# SPDX-License-Identifier: MIT
"""Another meter in the place of one: who it is, what it has forgotten, where registers begin, that no Wh is lost."""

from __future__ import annotations

import asyncio
import dataclasses
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from meter_bench import BILLING, BLOCK, CLOCK, DAILY, ENERGY, RELAY, Install, Meters, data, lost_answers

from simulator.errors import StoreUnavailable
from simulator.meter.behaviour import story
from simulator.meter.device import Device
from simulator.meter.happening import Happening
from simulator.meter.replacement import replace
from simulator.meter.supply import disturb, power_fails, power_returns
from simulator.values import MS_PER_SECOND
from simulator.wire.codes import ActionResult
from simulator.world import electric

D1, D2 = "is15959-1ph", "is15959-3ph"
THIRD = np.array([2])
MESSAGE, YEAR, TAMPERS, SERIAL = "0.0.96.13.1.255", "0.0.96.1.4.255", "0.0.94.91.0.255", "0.0.96.1.0.255"


async def exchanged(meters: Meters, moment: str, rows: np.ndarray = THIRD, **options: Any) -> None:
    await meters.until(moment)
    assert (await replace(meters.cohort, rows, meters.now_ms, **options)).tolist() == rows.tolist()


def rows_of(meters: Meters, meter: object, what: str, table: str) -> list[tuple[Any, ...]]:
    return meters.sql(f"SELECT {what} FROM {table} WHERE meter_id = %s ORDER BY id", meter)


def row_total(meters: Meters, meter: object, table: str, column: str) -> Decimal:
    return Decimal(meters.sql(f"SELECT coalesce(sum({column}), 0) FROM {table} WHERE meter_id = %s", meter)[0][0])


async def test_it_is_another_meter_at_the_same_place(install: Install) -> None:
    meters = await install(D1)
    old = meters.cohort.identities[2]
    await exchanged(meters, "2025-05-20T10:40:10")
    new = meters.cohort.identities[2]
    told = {"serial", "id", "system_title", "logical_device_name", "imei"}
    assert {name for name in told if getattr(old, name) == getattr(new, name)} == set()
    assert old.key("ek") != new.key("ek")
    assert old.password(32) != new.password(32)
    assert old.serial[3:] == new.serial[3:]
    assert bytes(meters.cohort.ids[2]) == new.id.bytes
    assert await meters.read(SERIAL, row=2) == new.serial.encode()
    assert await meters.read(YEAR, row=2) == 2025
    kept = meters.sql(
        "SELECT meter_number, status, place, generation, installed_at::time::text, removed_at::time::text"
        " FROM meters WHERE place = 3 ORDER BY generation"
    )
    assert kept == [
        (old.serial, "REMOVED", 3, 0, "00:00:00", "10:40:10"),
        (new.serial, "RUNNING", 3, 1, "10:40:10", None),
    ]
    places = meters.sql("SELECT DISTINCT host, port, profile, config::text FROM meters WHERE place = 3")
    assert len(places) == 1


@pytest.mark.parametrize("model", [D1, D2])
@pytest.mark.parametrize("reading", [0, 12_345])
async def test_registers_begin_at_the_reading_and_all_sums_hold(install: Install, model: str, reading: int) -> None:
    meters = await install(model)
    cohort, old = meters.cohort, meters.cohort.identities[2]
    began_wh = int(cohort.population.initial_wh[0, 2])
    await meters.until("2025-05-20T10:40:10")
    last_wh = cohort.value("energy_wh_import", 2)
    drawn_before = cohort.columns.cumulative_mwh[0, 0]
    await exchanged(meters, "2025-05-20T10:40:10", reading_wh=reading)
    assert cohort.value("energy_wh_import", 2) == reading
    kept = meters.sql(
        "SELECT value FROM energy_measurements e JOIN obis_codes o ON o.id = e.obis_code_id"
        " WHERE meter_id = %s AND logical_name = %s", old.id, ENERGY
    )  # fmt: skip
    assert kept == [(Decimal(last_wh) / 1000,)]
    assert cohort.columns.cumulative_mwh[0, 0] == drawn_before
    await meters.until("2025-05-21T00:30:00")
    new = cohort.identities[2]
    counted = Decimal(cohort.value("energy_wh_import", 2) - reading) / 1000
    assert row_total(meters, new.id, "block_load_profile", "kwh_import") == counted
    first = rows_of(meters, new.id, "capture_time::time::text", "block_load_profile")[0]
    assert first == ("11:00:00",)
    assert rows_of(meters, old.id, "capture_time::time::text", "block_load_profile")[-1] == ("10:30:00",)
    days = rows_of(meters, new.id, "daily_kwh_import", "daily_load_profile")
    half_past_midnight = rows_of(meters, new.id, "kwh_import", "block_load_profile")[-1][0]
    assert days == [(counted - half_past_midnight,)]
    drawn = electric.partial(  # what the place has drawn all along
        cohort.around.world, cohort.population, cohort.columns.installed_ms[0].item(), meters.now_ms
    )[0, 2].item()
    by_both = last_wh - began_wh + cohort.value("energy_wh_import", 2) - reading
    assert abs(drawn // 1000 - by_both) <= 1  # each has a part of a Wh of its own


async def test_what_befalls_the_supply_goes_on(install: Install) -> None:
    meters = await install(D1)
    await meters.until("2025-05-20T10:05:00")
    await disturb(meters.cohort, THIRD, meters.now_ms, load=3.0, voltage=[0.8])
    await exchanged(meters, "2025-05-20T10:40:10")
    assert meters.cohort.value("energy_wh_import", 2) == 0
    assert meters.cohort.columns.load_milli[2] == 3000
    await meters.until("2025-05-20T11:30:00")
    (first, second) = rows_of(meters, meters.cohort.identities[2].id, "average_voltage_r", "block_load_profile")
    assert 150 < first[0] < 205
    assert abs(first[0] - second[0]) < 10  # the average of the first block is of the time with this meter


async def test_in_an_outage_the_new_meter_is_dark_until_the_supply_returns(install: Install) -> None:
    meters = await install(D1)
    await meters.until("2025-05-20T10:05:00")
    await power_fails(meters.cohort, THIRD, meters.now_ms)
    await exchanged(meters, "2025-05-20T10:40:10")
    assert Device(meters.cohort, 2).is_dark
    heard = list[tuple[list[int], str]]()
    around = meters.cohort.around
    meters.cohort.around = dataclasses.replace(
        around, occur=lambda _, rows, what, __: heard.append((rows.tolist(), what))
    )
    await meters.until("2025-05-20T11:10:00")
    assert heard == []
    await power_returns(meters.cohort, THIRD, meters.now_ms)
    await meters.until("2025-05-20T12:00:00")
    new = meters.cohort.identities[2]
    assert heard == [([2], "registration")]
    assert not Device(meters.cohort, 2).is_dark
    assert rows_of(meters, new.id, "capture_time::time::text", "block_load_profile") == [("11:30:00",), ("12:00:00",)]
    counted = Decimal(meters.cohort.value("energy_wh_import", 2)) / 1000
    assert row_total(meters, new.id, "block_load_profile", "kwh_import") == counted > 0


async def test_nothing_of_the_old_one_is_left(install: Install) -> None:
    meters = await install(D1)
    cohort = meters.cohort
    await meters.until("2025-05-20T10:05:00")
    await meters.write(MESSAGE, 2, data("visible-string", "hello"), row=2)
    await meters.act(RELAY, 1, row=2)
    await story.upset_clocks(cohort, THIRD, by_ms=300_000, drift_us=5_000_000)
    await story.notice(cohort, [Happening(THIRD, 201)])
    cohort.vault.put_key(2, 48, "ek", b"k" * 16)
    cohort.vault.series(2, 48).take(77)
    await exchanged(meters, "2025-05-20T10:40:10")
    fresh = Device(cohort, 2)
    assert await meters.read(MESSAGE, row=2) == await meters.read(MESSAGE, row=0)
    assert await meters.read(RELAY, 3, row=2) == 1
    assert await meters.read(CLOCK, row=2) == await meters.read(CLOCK, row=0)
    assert cohort.vault.given(2) == {}
    assert fresh.protection(48).lowest() == 0
    assert await meters.read(TAMPERS, row=2) == 0
    for profile in (BLOCK, DAILY, BILLING, "0.0.99.98.4.255"):
        assert await meters.read(profile, 7, row=2) == 0
        assert await meters.read(profile, 7, row=2) == len(await meters.read(profile, row=2))


async def test_who_is_connected_to_the_old_one_hears_no_more(install: Install) -> None:
    meters = await install(D1)
    connected, neighbour = Device(meters.cohort, 2), Device(meters.cohort, 0)
    await exchanged(meters, "2025-05-20T10:40:10")
    assert connected.is_gone
    assert not connected.is_dark
    assert not neighbour.is_gone
    assert not Device(meters.cohort, 2).is_gone


async def test_a_write_that_waited_meanwhile_reaches_neither(install: Install) -> None:
    meters = await install(D1)
    await meters.until("2025-05-20T10:40:10")
    cohort = meters.cohort
    async with cohort.lock:
        replaced = asyncio.ensure_future(replace(cohort, THIRD, meters.now_ms))
        await asyncio.sleep(0)  # it is the first in the queue
        disconnects = asyncio.ensure_future(meters.act(RELAY, 1, row=2))
        await asyncio.sleep(0)
    assert (await replaced).tolist() == [2]
    assert await disconnects == ActionResult.TEMPORARY_FAILURE
    assert await meters.read(RELAY, 3, row=2) == 1


async def test_it_comes_back_after_a_kill_and_lives_on_alike(install: Install) -> None:
    meters = await install(D2)
    await exchanged(meters, "2025-05-20T10:40:10", reading_wh=500)
    await exchanged(meters, "2025-05-20T12:10:00", np.array([1, 2]))
    again = await meters.restarted()
    assert [one.serial for one in again.cohort.identities] == [one.serial for one in meters.cohort.identities]
    assert again.cohort.columns.generation.tolist() == [0, 1, 2]
    again.now_ms += 3600 * MS_PER_SECOND
    await story.bring(again.cohort, again.now_ms)
    assert len(rows_of(again, again.cohort.identities[2].id, "1", "block_load_profile")) == 2
    assert await again.read(YEAR, row=2) == 2025


async def test_a_place_has_numbers_for_so_many_meters(install: Install) -> None:
    meters = await install(D1)
    cohort = meters.cohort
    cohort.remember(cohort.columns.with_rows(2, generation=999))
    assert (await replace(cohort, np.array([1, 2]), meters.now_ms)).tolist() == [1]


async def test_nobody_moves_in_while_rows_are_made_for_the_meter_before(install: Install) -> None:
    """Nor when it comes out later that somebody has: those rows would be taken for the new one's."""
    meters = await install(D1)
    old = meters.cohort.identities[2]
    with lost_answers(meters), pytest.raises(StoreUnavailable):
        await replace(meters.cohort, THIRD, meters.now_ms)
    async with meters.cohort.kept_pushes.making:
        goes_on = asyncio.ensure_future(meters.until_ms(meters.now_ms + 1))
        while not goes_on.done() and not meters.cohort.kept_pushes.making._waiters:
            await asyncio.sleep(0.01)
        assert meters.cohort.identities[2] is old
    await goes_on
    assert meters.cohort.identities[2] == old.successor(1)
