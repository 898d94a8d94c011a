# SPDX-License-Identifier: MIT
"""Activity calendar (Blue Book 4.5.5): the passive half becomes active and drives the tariff registers."""

from __future__ import annotations

import datetime as dt

import numpy as np
from meter_bench import CALENDAR, CLOCK, Install, Meters, data, key
from test_clock import stamp, time

from simulator.cosem.types import parse_type
from simulator.meter.tariff import Tariff
from simulator.wire.axdr import Data
from simulator.wire.codes import Tag

D1 = "is15959-1ph"
SCRIPTS = "0.0.10.0.100.255"
SEASONS = "array(structure(octet-string,stamp,octet-string))"
WEEKS = "array(structure(octet-string,unsigned,unsigned,unsigned,unsigned,unsigned,unsigned,unsigned))"
DAYS = "array(structure(unsigned,array(structure(stamp-time,logical-name,long-unsigned))))"
SPECIAL = "array(structure(long-unsigned,stamp-date,unsigned))"
REFUSED = 250


def tariff(seasons: object, weeks: object, days: object, special: object = ()) -> Tariff:
    kinds = zip((SEASONS, WEEKS, DAYS, SPECIAL), (seasons, weeks, days, special), strict=True)
    return Tariff(*(parse_type(kind).encode(value) for kind, value in kinds))


def day(text: str) -> int:
    return (dt.date.fromisoformat(text) - dt.date(1970, 1, 1)).days


def test_seasons_weekdays_and_special_days_choose_the_plan() -> None:
    calendar = tariff(
        [["winter", "*-11-01 00:00:00", "w"], ["summer", "*-04-01 00:00:00", "s"]],
        [["w", 1, 1, 1, 1, 1, 2, 2], ["s", 3, 3, 3, 3, 3, 3, 3]],
        [[1, [["00:00:00", SCRIPTS, 1], ["18:00:00", SCRIPTS, 2]]], [2, [["00:00:00", SCRIPTS, 3]]],
         [3, [["06:00:00", SCRIPTS, 4]]], [9, [["00:00:00", SCRIPTS, 8]]]],
        [[1, "*-12-25", 9]],
    )  # fmt: skip
    monday, saturday = calendar.zones_on(day("2025-12-01")), calendar.zones_on(day("2025-12-06"))
    assert (monday[71], monday[72]) == (1, 2)
    assert set(saturday) == {3}
    assert set(calendar.zones_on(day("2025-01-07"))) == {1, 2}  # the winter that began in November
    assert set(calendar.zones_on(day("2025-06-01"))) == {4}  # before the first step yesterday's last one holds
    assert set(calendar.zones_on(day("2025-12-25"))) == {8}


async def write_passive(meters: Meters, zone: int) -> None:
    parts = {
        6: data("octet-string", "new"),
        7: data(SEASONS, [["a", "*-01-01 00:00:00", "a"]]),
        8: data(WEEKS, [["a", 1, 1, 1, 1, 1, 1, 1]]),
        9: data(DAYS, [[1, [["00:00:00", SCRIPTS, zone]]]]),
    }
    for index, value in parts.items():
        assert await meters.write(CALENDAR, index, value) == 0


def grown(meters: Meters, before: np.ndarray, row: int = 0) -> set[int]:
    """The zones whose registers have grown."""
    return {int(zone) + 1 for zone in np.flatnonzero(meters.cohort.columns.tariff_wh[0, :, row] > before[:, row])}


async def test_activation_by_method_drives_the_registers(install: Install) -> None:
    meters = await install(D1)
    await meters.until("2025-05-20T10:10:00")
    await write_passive(meters, 8)
    assert await meters.read(CALENDAR, 2) == b"1"
    assert await meters.act(CALENDAR, 1) == 0
    assert await meters.read(CALENDAR, 2) == b"new"
    assert await meters.read(CALENDAR, 5) == await meters.read(CALENDAR, 9)
    before = meters.cohort.columns.tariff_wh[0].copy()
    await meters.until("2025-05-20T13:00:00")
    assert grown(meters, before) == {8}
    assert grown(meters, before, row=2) == {3, 4}  # as its model says: zones 3 and 4 between 10 and 13 o'clock
    again = await meters.restarted()
    before = again.cohort.columns.tariff_wh[0].copy()
    await again.until("2025-05-20T16:00:00")
    assert grown(again, before) == {8}
    columns = again.cohort.columns
    assert (columns.tariff_wh[0].sum(axis=0) == columns.cumulative_mwh[0] // 1000).all()


async def test_activation_at_its_time_even_while_the_process_is_down(install: Install) -> None:
    meters = await install(D1)
    await meters.until("2025-05-20T10:10:00")
    await write_passive(meters, 7)
    assert await meters.write(CALENDAR, 10, time("2025-05-20 14:00:00")) == 0
    await meters.until("2025-05-20T13:59:59")
    assert await meters.read(CALENDAR, 2) == b"1"
    meters.now_ms += 2 * 3_600_000
    again = await meters.restarted()
    assert await again.read(CALENDAR, 2) == b"new"
    assert (await again.read(CALENDAR, 10))[:9] == stamp("2025-05-20 14:00:00")[:9]
    # Zone 7 has what flowed since 14:00, and no more.
    rows = again.of_meter("capture_time::time::text, (kwh_import * 1000)::int", "block_load_profile")
    assert again.cohort.columns.tariff_wh[0, 6, 0] == sum(wh for at, wh in rows if at > "14:00:00")


async def test_a_clock_that_jumps_over_the_time_activates(install: Install) -> None:
    meters = await install(D1)
    await meters.until("2025-05-20T10:10:00")
    await write_passive(meters, 7)
    await meters.write(CALENDAR, 10, time("2025-05-20 14:00:00"))
    assert await meters.write(CLOCK, 2, time("2025-05-20 14:30:00")) == 0
    await meters.until("2025-05-20T10:10:01")
    assert await meters.read(CALENDAR, 2) == b"new"


async def test_a_calendar_that_names_what_it_has_not_is_not_activated(install: Install) -> None:
    meters = await install(D1)
    assert await meters.write(CALENDAR, 8, data(WEEKS, [["1", 1, 1, 1, 1, 1, 5, 5]])) == 0
    assert await meters.act(CALENDAR, 1) == REFUSED
    assert (
        await meters.write(CALENDAR, 10, Data(Tag.OCTET_STRING, bytes.fromhex("07E905FFFFFFFFFFFF8000FF"))) == REFUSED
    )
    assert key(CALENDAR, 5) not in {place for _, place in meters.cohort.overrides}
