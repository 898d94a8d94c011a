# SPDX-License-Identifier: GPL-2.0-only
"""An order that names a meter by its serial number never meets the one that has taken its place."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pushing_fleet import Pushing, pushing
from test_orders import give

from simulator.errors import MeterfleetError, StoreUnavailable, UserError
from simulator.meter.succession import YEAR
from simulator.store.database import Store
from simulator.store.rows import RowsChange

MAGNET = 201


def logged(meters: Pushing) -> list[tuple[Any, ...]]:
    return meters.sql(
        "SELECT m.meter_number FROM sim.event_logs e JOIN sim.meters m ON m.id = e.meter_id WHERE event_code = %s",
        MAGNET,
    )


async def test_an_order_that_comes_while_its_meter_is_replaced_is_refused(database: str) -> None:
    async with pushing(database, 2, None) as meters:
        fleet, old = meters.fleet, meters.fleet.identity(0)
        event = fleet.replacing.by_number({"event": nothing})["event"]
        async with fleet.cohorts[0].lock:
            moving = asyncio.ensure_future(fleet.replacing.replace([0]))
            while not fleet.replacing._tenancy._is_moving:
                await asyncio.sleep(0)
            asked = [asyncio.ensure_future(event({"meters": words})) for words in (old.serial, "1")]
            assert await asked[1] == {"meters": "1"}  # whoever is there: no need to wait
            assert not asked[0].done()
        assert await moving == 1
        with pytest.raises(UserError, match=f"no meter has this number now; meter 1 is {fleet.identity(0).serial}"):
            await asked[0]


async def nothing(order: Any) -> Any:
    return order


async def test_a_replacement_waits_for_orders_by_serial_number_that_are_being_followed(database: str) -> None:
    async with pushing(database, 1, None) as meters:
        fleet, go_on, seen = meters.fleet, asyncio.Event(), list[str]()

        async def slow(order: Any) -> Any:
            await go_on.wait()
            seen.append(fleet.identity(0).serial)
            return {}

        old = fleet.identity(0).serial
        follow = fleet.replacing.by_number({"slow": slow})["slow"]
        asked = asyncio.ensure_future(follow({"meters": old}))
        await asyncio.sleep(0)
        moving = asyncio.ensure_future(give(meters, "replace", meters="1"))
        while not fleet.replacing._tenancy._turn._waiters:
            await asyncio.sleep(0.01)
        go_on.set()
        await asked
        assert (await moving)["replaced"][0]["was"] == old
        assert seen == [old]


@pytest.fixture
def lost_answers(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Cohorts of which the store takes the next replacement, and the word that it has is lost."""
    cohorts, write_rows = list[str](), Store.write_rows

    async def lossy(self: Store, change: RowsChange) -> None:
        await write_rows(self, change)
        if change.cohort in cohorts:
            cohorts.remove(change.cohort)
            raise StoreUnavailable("the line is cut")

    monkeypatch.setattr(Store, "write_rows", lossy)
    return cohorts


async def test_a_replacement_in_doubt_is_looked_up_before_a_serial_number_means_anybody(
    database: str, lost_answers: list[str]
) -> None:
    async with pushing(database, 1, None) as meters:
        old = meters.fleet.identity(0)
        lost_answers.append(meters.fleet.cohorts[0].name)
        with pytest.raises(MeterfleetError, match="give the order again; the line is cut"):
            await give(meters, "replace", meters="1")
        with pytest.raises(UserError, match=f"meter 1 is {old.successor(1).serial}"):
            await give(meters, "event", meters=old.serial, codes=[MAGNET])
        assert logged(meters) == []
        assert (await give(meters, "event", meters=old.successor(1).serial, codes=[MAGNET]))["meters"] == 1
        assert logged(meters) == [(old.successor(1).serial,)]
        assert (0, YEAR) in meters.fleet.cohorts[0].overrides  # of manufacture, as after any replacement


async def test_what_was_replaced_before_the_store_went_away_is_told(database: str, lost_answers: list[str]) -> None:
    async with pushing(database, 1, None, models=("is15959-1ph", "is15959-3ph")) as meters:
        old = meters.fleet.identity(0)
        lost_answers.append(meters.fleet.cohorts[1].name)
        told = await give(meters, "replace", meters="all")
    assert told["meters"] == 1
    assert told["replaced"] == [{"was": old.serial, "is": old.successor(1).serial}]
    assert told["refused"] == "not in 1 place, as far as is known now: the line is cut"
