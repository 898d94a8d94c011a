# SPDX-License-Identifier: GPL-2.0-only
"""Orders to a running fleet: long ones hold up no others, and whoever waits hears that the fleet is at it."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Mapping
from typing import Any

import pytest
from pushing_fleet import MINUTE_MS, Pushing, pushing

from simulator.errors import UserError
from simulator.fleet import control
from simulator.fleet.control import obey, order
from simulator.store.database import Store


async def test_a_long_order_holds_up_no_other_and_says_that_it_is_followed(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "_BEAT_S", 0.05)
    store, beats, go_on, listening = await Store.open(database), list[int](), asyncio.Event(), asyncio.Event()

    async def long(told: Mapping[str, Any]) -> Mapping[str, Any]:
        await go_on.wait()
        return {"long": "done"}

    async def quick(told: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"quick": "done"}

    fleet = asyncio.ensure_future(obey(store, {"long": long, "quick": quick}, listening, lambda: {"now_ms": 7}))
    await listening.wait()

    def waiting(state: Mapping[str, Any]) -> None:
        beats.append(state["now_ms"])
        if len(beats) == 20:
            go_on.set()

    first = asyncio.ensure_future(order(store, "long", timeout_s=0.5, waiting=waiting))
    assert await order(store, "quick") == {"quick": "done"}
    assert not first.done()
    assert await first == {"long": "done"}  # a second later, twice as long as it may be silent
    assert beats[:20] == [7] * 20
    fleet.cancel()
    await asyncio.wait({fleet})
    with pytest.raises(UserError, match="no fleet answers"):
        await order(store, "quick", timeout_s=0.1)
    await store.close()


async def give(fleet: Pushing, name: str, **values: Any) -> dict[str, Any]:
    store = await Store.open(fleet.dsn)
    try:
        return await order(store, name, **values)
    finally:
        await store.close()


def outages(meters: Pushing) -> list[tuple[int, str]]:
    return meters.sql(
        "SELECT event_code, to_char(event_timestamp, 'HH24:MI') FROM sim.event_logs"
        " WHERE event_code IN (7, 8, 101, 102) ORDER BY event_timestamp, event_code"
    )


async def test_an_outage_ends_when_promised_though_the_fleet_was_stopped_meanwhile(database: str) -> None:
    """The first end comes while the next fleet runs, the second one while none did; each is logged at its time."""
    async with pushing(database, 2, None) as meters:
        await give(meters, "power", meters="1", on=False, for_ms=10 * MINUTE_MS)
        await give(meters, "supply", meters="2", voltage=1.3, for_ms=40 * MINUTE_MS)
        await meters.step(6 * MINUTE_MS)
        assert outages(meters) == [(101, "00:00"), (7, "00:05")]
    async with pushing(database, 2, None) as meters:
        await meters.step(10 * MINUTE_MS)
        ((_, returned),) = outages(meters)[2:]
        assert "00:10" <= returned <= "00:12"  # it needs its time to start
        ((at_ms,),) = meters.sql("SELECT at_ms FROM sim.supply_ends")
        assert dt.datetime.fromtimestamp(at_ms / 1000, dt.UTC).isoformat() == "2025-05-31T19:10:00+00:00"
    assert meters.sql("UPDATE sim.fleet SET clock_ms = clock_ms + 7200000 RETURNING 1") == [(1,)]
    async with pushing(database, 2, None) as meters:
        assert outages(meters)[3:] == [(8, "00:42")]
        assert meters.sql("SELECT count(*) FROM sim.supply_ends") == [(0,)]
