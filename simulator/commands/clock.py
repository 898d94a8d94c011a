# SPDX-License-Identifier: MIT
"""`meterfleet clock`: what time it is in a running fleet, and how fast it passes."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated, Any

import typer

from simulator.commands.place import DatabaseOption, FleetOption, HomeOption, Place, existing_place, not_running
from simulator.errors import UserError
from simulator.fleet.control import order
from simulator.fleet.pace import MAX_SPEED
from simulator.store.database import Store
from simulator.values import moment_of, parse_duration_ms

EPILOG = """Examples:

meterfleet clock                     what time the fleet has, and its speed

meterfleet clock --speed 60          a simulated minute a second

meterfleet clock --speed 0           stand still

meterfleet clock --step 6h           jump ahead; captures in between happen in order"""


def clock(
    speed: Annotated[float | None, typer.Option(help="Simulated seconds per second.", min=0, max=MAX_SPEED)] = None,
    step: Annotated[str | None, typer.Option(help="Jump ahead by a duration, e.g. 30m or 1d.")] = None,
    database: DatabaseOption = None,
    home: HomeOption = None,
    fleet: FleetOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Show the simulated clock of a running fleet, change its speed, or step it."""
    try:
        step_ms = parse_duration_ms(step) if step else 0
    except ValueError as error:
        raise UserError(f"--step: {error}") from None
    answer = asyncio.run(_ask(existing_place(database, home, fleet), speed, step_ms))
    if as_json:
        print(json.dumps(answer))
    else:
        there = moment_of(answer["now_ms"], answer["utc_offset_minutes"])
        print(f"{there:%Y-%m-%d %H:%M:%S %z}, speed {answer['speed']:g}")


async def _ask(place: Place, speed: float | None, step_ms: int) -> dict[str, Any]:
    store = await Store.open(place.dsn, revive=place.revive)
    try:
        if await store.lock_fleet():
            raise not_running(place)
        return await order(store, "clock", speed=speed, step_ms=step_ms)
    finally:
        await store.close()
