# SPDX-License-Identifier: MIT
"""`meterfleet clock`: what time it is in a running fleet, and how fast it passes."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Annotated

import typer

from simulator.commands.options import SpeedOption, span_ms
from simulator.commands.place import DatabaseOption, FleetOption, HomeOption, existing_place
from simulator.commands.stored import give_order
from simulator.errors import UserError
from simulator.fleet.pace import MAX_SPEED
from simulator.values import MS_PER_SECOND, moment_of

_MOMENT_MS = 5_000  # by the wall clock

EPILOG = """Examples:

meterfleet clock                     what time the fleet has, and its speed

meterfleet clock --speed 60          a simulated minute a second

meterfleet clock --speed max         as fast as the work goes

meterfleet clock --speed 0           stand still

meterfleet clock --step 6h           jump ahead; captures in between happen in order"""


def clock(
    speed: SpeedOption = None,
    step: Annotated[str | None, typer.Option(help="Jump ahead by a duration, e.g. 30m or 1d.")] = None,
    database: DatabaseOption = None,
    home: HomeOption = None,
    fleet: FleetOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Show the simulated clock of a running fleet, change its speed, or step it."""
    if step and step.strip().startswith("-"):
        raise UserError(f"--step {step}: a fleet's time does not go back; give a span ahead, for example 1h")
    step_ms, place = span_ms("--step", step), existing_place(database, home, fleet)
    answer = give_order(place, "clock", speed=speed, step_ms=step_ms)
    if as_json:
        print(json.dumps(answer))
    else:
        there = moment_of(answer["now_ms"], answer["utc_offset_minutes"])
        print(f"{there:%Y-%m-%d %H:%M:%S %z}, speed {answer['speed']:g}{_behind(answer['behind_ms'], answer['speed'])}")


def _behind(behind_ms: int, speed: float) -> str:
    """Said if it is more than the work of a moment; as fast as the work goes is never too slow."""
    if speed >= MAX_SPEED or behind_ms <= _MOMENT_MS * speed:
        return ""
    return f", which the fleet does not keep: {timedelta(seconds=behind_ms // MS_PER_SECOND)} behind"
