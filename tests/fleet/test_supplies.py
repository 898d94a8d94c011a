# SPDX-License-Identifier: MIT
"""The orders power and supply when the store goes away in the middle: what has begun ends all the same."""

from __future__ import annotations

import asyncio
import datetime as dt

import pytest

from simulator.errors import StoreUnavailable
from simulator.fleet.clockwork import Clockwork
from simulator.fleet.spec import FleetSpec, MeterGroup, build_cohorts
from simulator.fleet.supplies import _MEANINGS, Supplies, _Span
from simulator.meter.cohort import Cohort, Surroundings
from simulator.meter.columns import Ints
from simulator.store.database import Store
from simulator.values import instant_of
from simulator.world.shapes import load_world

START_MS = instant_of(dt.datetime.fromisoformat("2025-06-01T00:00:00+05:30"))


async def test_an_outage_that_began_for_some_ends_for_them(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store, clock = await Store.open(database), Clockwork()
    spec = FleetSpec(tuple(MeterGroup(2, model, "household", 30) for model in ("is15959-1ph", "is15959-3ph")), 7)
    cohorts = list(build_cohorts(spec, Surroundings(load_world(7), store, {}, clock.now_ms)))
    clock.begin(START_MS)
    told: list[tuple[str, str, int]] = []

    async def begin(cohort: Cohort, rows: Ints, at_ms: int) -> None:
        if cohort is cohorts[1]:
            raise StoreUnavailable("it has gone")
        told.append(("begun", cohort.name, at_ms))

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
    assert told == [("begun", cohorts[0].name, START_MS), ("ended", cohorts[0].name, START_MS + 60_000)]
