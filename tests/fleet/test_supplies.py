# SPDX-License-Identifier: GPL-2.0-only
"""The orders power and supply when the store goes away in the middle: what has begun ends all the same."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import pytest
from pushing_fleet import pushing

from simulator.errors import StoreUnavailable
from simulator.fleet.clockwork import Clockwork
from simulator.fleet.spec import FleetSpec, MeterGroup, build_cohorts
from simulator.fleet.supplies import _MEANINGS, Part, Supplies, _Span
from simulator.meter.cohort import Cohort, Surroundings
from simulator.meter.columns import Ints
from simulator.store.database import Store
from simulator.values import instant_of
from simulator.world.shapes import load_world

START_MS = instant_of(dt.datetime.fromisoformat("2025-06-01T00:00:00+05:30"))


async def test_an_outage_that_began_for_some_ends_for_them(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store, clock = await Store.open(database), Clockwork()
    models = ("is15959-1ph", "is15959-3ph", "is15959-1ph")
    spec = FleetSpec(tuple(MeterGroup(2, model, "household", 30) for model in models), 7)
    cohorts = list(build_cohorts(spec, Surroundings(load_world(7), store, {}, clock.now_ms)))
    clock.begin(START_MS)
    told: list[tuple[str, str, int]] = []

    async def begin(cohort: Cohort, rows: Ints, at_ms: int) -> None:
        told.append(("begun", cohort.name, at_ms))
        if cohort is cohorts[1]:
            raise StoreUnavailable("it has gone, and may have taken this before")

    async def end(cohort: Cohort, rows: Ints, at_ms: int) -> None:
        told.append(("ended", cohort.name, at_ms))

    monkeypatch.setitem(_MEANINGS, "power", lambda parts, order: _Span(parts, begin, end))
    with pytest.raises(StoreUnavailable):
        await Supplies(spec, cohorts, clock, store).orders["power"]({"meters": "all", "on": False, "for_ms": 60_000})
    assert [one.at_ms for one in await store.supply_ends.all()] == [START_MS + 60_000]
    clock.start(0.0)
    running = asyncio.ensure_future(clock.run())
    await clock.turn(step_ms=120_000)
    running.cancel()
    assert await store.supply_ends.all() == []
    await store.close()
    begun = [cohort.name for cohort in cohorts[:2]]
    assert told == [("begun", name, START_MS) for name in begun] + [
        ("ended", name, START_MS + 60_000) for name in begun
    ]


async def test_a_later_order_is_not_ended_by_an_earlier_ones_promise(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Off for a minute, on again at once, off for an hour: the hour is whole, for whoever was named again."""
    store, clock = await Store.open(database), Clockwork()
    spec = FleetSpec((MeterGroup(4, "is15959-1ph", "household", 30),), 7)
    cohorts = list(build_cohorts(spec, Surroundings(load_world(7), store, {}, clock.now_ms)))
    clock.begin(START_MS)
    told: list[tuple[bool, list[int], int]] = []

    def meaning(parts: Sequence[Part], order: Mapping[str, Any]) -> _Span:
        async def act(cohort: Cohort, rows: Ints, at_ms: int, *, on: bool) -> None:
            told.append((on, rows.tolist(), (at_ms - START_MS) // 60_000))

        return _Span(parts, partial(act, on=order["on"]), partial(act, on=not order["on"]))

    monkeypatch.setitem(_MEANINGS, "power", meaning)
    power = Supplies(spec, cohorts, clock, store).orders["power"]
    orders = [
        await power({"meters": "1-3", "on": False, "for_ms": 60_000}),
        await power({"meters": "2-3", "on": True}),
        await power({"meters": "2-4", "on": False, "for_ms": 3_600_000}),
    ]
    assert [one["relieved"] for one in orders] == [0, 2, 0]
    assert [one.told.get("except") for one in await store.supply_ends.all()] == ["2-3,2-4", None]
    clock.start(0.0)
    running = asyncio.ensure_future(clock.run())
    await clock.turn(step_ms=7_200_000)
    running.cancel()
    assert await store.supply_ends.all() == []
    await store.close()
    begun = [(False, [0, 1, 2], 0), (True, [1, 2], 0), (False, [1, 2, 3], 0)]
    assert told == [*begun, (True, [0], 1), (True, [1, 2, 3], 60)]


async def test_only_meters_that_were_without_power_are_counted_when_it_returns(database: str) -> None:
    async with pushing(database, 4, None) as meters:
        told = [
            await meters.fleet.supplies.orders["power"]({"meters": words, "on": on})
            for words, on in (("1-2", False), ("1-3", False), ("all", True), ("1-4", True), ("2", False))
        ]
    assert [(one["meters"], one["already"]) for one in told] == [(2, 0), (1, 2), (3, 1), (0, 4), (1, 0)]
