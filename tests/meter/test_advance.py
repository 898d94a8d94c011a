# SPDX-License-Identifier: MIT
"""Time passes for a cohort: exact sums, zones, maxima and bills, whatever the windows (rows S004-11 to S004-14)."""

from __future__ import annotations

import datetime as dt
from dataclasses import fields

import numpy as np
import pytest

from simulator.cosem.compiler import compile_model
from simulator.meter.advance import Advance, advance
from simulator.meter.calendar import Calendar
from simulator.meter.columns import Columns, new_columns
from simulator.meter.shown import live, of_columns
from simulator.values import MS_PER_DAY, MS_PER_HOUR, instant_of
from simulator.world import electric
from simulator.world.noise import key_of
from simulator.world.population import Population, build_population
from simulator.world.shapes import World, load_world

ZONES = compile_model("is15959-1ph").zones
CALENDARS = {minutes: Calendar(330, minutes, ZONES) for minutes in (15, 30, 60)}
START = instant_of(dt.datetime.fromisoformat("2025-05-20T00:00:00+05:30"))
METERS = 5


@pytest.fixture(scope="module")
def world() -> World:
    return load_world(7)


def people(world: World, load: str = "mixed", phases: int = 1) -> Population:
    keys = np.array([key_of(f"meter {number}") for number in range(METERS)], np.uint64)
    return build_population(world, keys, load=load, phases=phases, feeders=np.zeros(METERS, np.uint64))


def born(population: Population, calendar: Calendar) -> Columns:
    word, local_s = np.zeros(4, np.int64), calendar.local_s(START)
    return new_columns(population.initial_wh, population.phases, installed_ms=START, local_s=local_s, status_word=word)


def lived(world: World, population: Population, calendar: Calendar, days: int, step_ms: int) -> list[Advance]:
    """All windows of a life of some days."""
    columns, brought = born(population, calendar), []
    for at in range(START, START + days * MS_PER_DAY, step_ms):
        brought.append(advance(world, population, columns, calendar, from_ms=at, to_ms=at + step_ms))
        columns = brought[-1].columns
    return brought


def blocks_of(life: list[Advance]) -> np.ndarray:
    return np.concatenate([one.blocks.energy_wh[:4] for one in life], axis=2)


@pytest.mark.parametrize("minutes", [15, 30, 60])
@pytest.mark.parametrize("load", ["mixed", "solar"])
def test_blocks_add_up_to_days_and_days_to_registers(world: World, minutes: int, load: str) -> None:
    calendar = CALENDARS[minutes]
    population = people(world, load)
    life = lived(world, population, calendar, 20, MS_PER_DAY)
    blocks, days = blocks_of(life), [day for one in life for day in one.days]
    per_day = 1440 // minutes
    assert len(days) == 20
    before = population.initial_wh[:4]
    for number, day in enumerate(days):
        of_day = blocks[:, :, number * per_day : (number + 1) * per_day]
        assert (of_day.sum(axis=2) == day.energy_wh).all()
        assert (day.register_wh - before == day.energy_wh).all()
        assert (day.demand_w == (of_day[0] * 60 // minutes).max(axis=1)).all()
        before = day.register_wh
    assert (blocks[1].sum() > 0) == (load == "solar")


def test_a_bill_closes_at_the_first_of_the_month_and_resets_the_maxima(world: World) -> None:
    calendar = CALENDARS[30]
    life = lived(world, people(world), calendar, 20, MS_PER_DAY)
    ((day, bill),) = [(number, bill) for number, one in enumerate(life, 1) for bill in one.billings]
    assert day == 12  # 20 May plus 12 days: midnight of 1 June
    daily = np.stack([one.days[0].energy_wh for one in life])
    assert (bill.energy_wh == daily[:12].sum(axis=0)).all()
    assert (bill.on_minutes == 12 * 1440).all()
    assert (bill.columns.billing_count == 1).all()
    demands = np.stack([one.days[0].demand_w for one in life])
    assert (bill.columns.demand_w[0] == demands[:12].max(axis=0)).all()
    assert (life[-1].columns.demand_w[0] == demands[12:].max(axis=0)).all()


def test_tariff_zones_add_up_to_the_register_and_follow_the_clock(world: World) -> None:
    calendar = CALENDARS[30]
    population = people(world)
    life = lived(world, population, calendar, 3, MS_PER_DAY)
    columns = life[-1].columns
    assert (columns.tariff_wh[0].sum(axis=0) == columns.cumulative_mwh[0] // 1000).all()
    assert (columns.tariff_wh[1].sum(axis=0) == columns.cumulative_mwh[2] // 1000).all()
    blocks = blocks_of(life).reshape(4, METERS, 3, 48)
    assert (columns.tariff_wh[0, 5] == blocks[0, :, :, 36:40].sum(axis=(1, 2))).all()  # zone 6: 18:00 to 20:00


@pytest.mark.parametrize("step_ms", [MS_PER_HOUR, 5 * MS_PER_DAY])
def test_the_windows_do_not_matter(world: World, step_ms: int) -> None:
    calendar = CALENDARS[30]
    population = people(world, "solar", phases=3)
    once = lived(world, population, calendar, 20, MS_PER_DAY)
    other = lived(world, population, calendar, 20, step_ms)
    assert (blocks_of(once) == blocks_of(other)).all()
    for field in fields(Columns):
        assert (getattr(once[-1].columns, field.name) == getattr(other[-1].columns, field.name)).all(), field.name


def test_what_a_meter_shows_live_is_what_it_captures(world: World) -> None:
    calendar = CALENDARS[30]
    population = people(world)
    columns = born(population, calendar)
    end = START + calendar.block_ms
    brought = advance(world, population, columns, calendar, from_ms=START, to_ms=end)
    now = electric.live(world, population, START, end)
    shown = live(columns, calendar, calendar.local_s(end), now)
    settled = of_columns(brought.columns, calendar, calendar.local_s(end))
    for name in ("energy_wh_import", "energy_vah_import", "energy_wh_export"):
        assert (shown[name] == settled[name]).all(), name
    assert (shown["block_wh_import"] == brought.blocks.energy_wh[0, :, 0]).all()


def test_live_registers_only_grow_and_never_depend_on_who_looked(world: World) -> None:
    calendar = CALENDARS[30]
    population = people(world)
    columns = born(population, calendar)
    seen = [
        live(columns, calendar, 0, electric.live(world, population, START, START + minute * 60_000))["energy_wh_import"]
        for minute in range(0, 90, 7)
    ]
    assert (np.diff(np.stack(seen), axis=0) >= 0).all()


def test_columns_survive_a_checkpoint(world: World) -> None:
    population = people(world, phases=3)
    columns = lived(world, population, CALENDARS[15], 2, MS_PER_DAY)[-1].columns
    again = Columns.load(columns.dump())
    for field in fields(Columns):
        assert (getattr(again, field.name) == getattr(columns, field.name)).all(), field.name
