# SPDX-License-Identifier: MIT
"""A fleet's store, opened for one command: the meters that a user names, and orders to the fleet that runs on it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from rich.console import Console
from rich.status import Status

from simulator.commands.place import Place, not_running
from simulator.errors import UserError
from simulator.fleet.control import order
from simulator.fleet.selection import parse_meters
from simulator.fleet.spec import FleetSpec
from simulator.meter.identity import index_of
from simulator.store.database import Store
from simulator.values import moment_of


@asynccontextmanager
async def opened(place: Place) -> AsyncIterator[Store]:
    """UserError if no fleet has ever been in it."""
    store = await Store.open(place.dsn, revive=place.revive)
    try:
        await store.find_schema()
        yield store
    finally:
        await store.close()


def give_order(place: Place, name: str, **values: Any) -> dict[str, Any]:
    """The running fleet's answer. UserError if none runs; else as `order`."""
    return asyncio.run(_answer(place, name, values))


async def _answer(place: Place, name: str, values: dict[str, Any]) -> dict[str, Any]:
    store = await Store.open(place.dsn, revive=place.revive)
    try:
        if await store.lock_fleet():
            raise not_running(place)
        with Status("the fleet is at it", console=Console(stderr=True)) as status:  # on a terminal only
            return await order(store, name, waiting=lambda state: status.update(_words(state)), **values)
    finally:
        await store.close()


def _words(state: Mapping[str, Any]) -> str:
    there = moment_of(state["now_ms"], state["utc_offset_minutes"])
    return f"the fleet is at it; its clock shows {there:%Y-%m-%d %H:%M:%S}"


async def meter_numbers(store: Store, text: str | None) -> list[str] | None:
    """The serial numbers of the meters that a text names, and of those that were there before them; None for all."""
    if text is None:
        return None
    kept = await store.fleet()
    if kept is None:
        raise UserError("the database holds no fleet yet; start one with `meterfleet spawn 10`")
    spec = FleetSpec.stored(kept.spec)
    serials = [meter.meter_number for meter in await store.meters()]
    places = {serial: index_of(serial) for serial in serials}
    chosen = parse_meters(text, spec.count, lambda word: places.get(word, spec.meter_named(word)))
    return None if len(chosen) == spec.count else [serial for serial in serials if places[serial] in chosen]
