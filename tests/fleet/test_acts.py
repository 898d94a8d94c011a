# SPDX-License-Identifier: MIT
"""A running fleet wakes for what a meter does by itself between two captures, and starts again where it stopped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Any

from live import free_port

from simulator.cosem.types import parse_type
from simulator.fleet.control import order
from simulator.fleet.listen import parse_listen
from simulator.fleet.runner import Fleet, RunOptions
from simulator.fleet.spec import FleetSpec
from simulator.ports import ActItem, GetItem, SetItem
from simulator.store.database import Store
from simulator.values import attribute_key, parse_obis
from simulator.wire.axdr import decode_whole

START_MS = 1_747_746_000_000  # 2025-05-20T18:30:00+05:30
UTILITY = 48
RELAY, LIMITER = (70, "0.0.96.3.10.255"), (71, "0.0.17.0.0.255")


@asynccontextmanager
async def running(database: str) -> AsyncIterator[Fleet]:
    spec = FleetSpec.single(
        2, "is15959-1ph", "household", seed=7, block_minutes=30, history_ms=86_400_000, start_ms=START_MS
    )
    options = RunOptions([parse_listen(f"wrapper,address=127.0.0.1,ports={free_port()}", 2)], 0.0)
    fleet = Fleet(spec, options, await Store.open(database))
    await fleet.open()
    await fleet.listen()
    ready = asyncio.Event()
    serving = asyncio.create_task(fleet.serve(ready.set))
    await ready.wait()  # from now on orders are heard
    yield fleet
    fleet.stop()
    await serving


async def read(fleet: Fleet, place: tuple[int, str], index: int) -> Any:
    item = GetItem(attribute_key(place[0], parse_obis(place[1]), index), None)
    answer = fleet.device(0).get(UTILITY, item)
    assert isinstance(answer, bytes)
    return decode_whole(answer).value


async def write(fleet: Fleet, place: tuple[int, str], index: int, value: int) -> None:
    encoded = decode_whole(parse_type("double-long-unsigned").encode(value))
    item = SetItem(attribute_key(place[0], parse_obis(place[1]), index), None, encoded)
    answer = fleet.device(0).set(UTILITY, item)
    assert isinstance(answer, Awaitable)
    assert await answer == 0


async def test_a_limiter_trips_between_two_captures_and_the_next_start_knows(database: str) -> None:
    store = await Store.open(database)
    async with running(database) as fleet:
        await write(fleet, LIMITER, 6, 90)
        await write(fleet, LIMITER, 4, 1)
        await order(store, "clock", step_ms=89_000)
        assert await read(fleet, RELAY, 2) is True
        await order(store, "clock", step_ms=2_000)
        assert await read(fleet, RELAY, 2) is False
        stopped_at = int(fleet.device(0).cohort.columns.relay_ms[0])
    assert stopped_at == START_MS + 90_000
    async with running(database) as fleet:
        assert await read(fleet, RELAY, 2) is False
        await order(store, "clock", step_ms=3_600_000)
        method = ActItem(attribute_key(70, parse_obis(RELAY[1]), 1), decode_whole(b"\x0f\x00"))
        answer = fleet.device(0).act(UTILITY, method)
        assert isinstance(answer, Awaitable)
        assert (await answer).result == 0
        assert await read(fleet, RELAY, 3) == 0
    await store.close()
