# SPDX-License-Identifier: MIT
"""`meterfleet push …`: let meters push now, and look at what they pushed."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import typer

from simulator.commands.options import JsonOption, LimitOption, MeterOption, MetersArgument, one_of, show_rows
from simulator.commands.place import DatabaseOption, FleetOption, HomeOption, Place, existing_place
from simulator.commands.stored import give_order, meter_numbers, opened
from simulator.documents import did_you_mean
from simulator.errors import UserError
from simulator.scenario.values import SETUPS
from simulator.store.incidents import PUSH_STATUSES
from simulator.values import counted, format_obis, parse_obis

app = typer.Typer(no_args_is_help=True, help="Pushes: let meters push, list what was pushed.")
_INSTANT = "0.0.25.9.0.255"
_NAMES = {setup: name for name, setup in SETUPS.items()}
_COLUMNS = {"time": "time", "meter": "meter", "setup": "name", "status": "status", "details": "details"}


@app.command(epilog="Example: meterfleet push now 1-20 block     (the latest block of the first twenty meters)")
def now(
    meters: MetersArgument,
    setup: Annotated[str, typer.Argument(help=f"A push setup by logical name, or {', '.join(SETUPS)}.")] = _INSTANT,
    database: DatabaseOption = None,
    home: HomeOption = None,
    fleet: FleetOption = None,
) -> None:
    """Let meters of a running fleet push now, as the method push of the setup does."""
    name = _logical_name(setup)
    answer = give_order(existing_place(database, home, fleet), "push", meters=meters, setup=name)
    spread = f" within {answer['within_s']:,} s of the fleet's time" if answer["pushing"] and answer["within_s"] else ""
    print(f"{answer['pushing']:,} of {answer['meters']:,} meters push{spread}")
    if answer["pushing"] < answer["meters"]:
        others = "the others have no power, or nobody to push to"
        print(f"{others}; `meterfleet spawn --push HOST:PORT` gives all meters a destination")


def _logical_name(setup: str) -> str:
    try:
        return format_obis(parse_obis(SETUPS.get(setup, setup)))
    except ValueError:
        hint = did_you_mean(setup, list(SETUPS))
        raise UserError(f"{setup!r} is neither a logical name nor the name of a push setup; {hint}") from None


@app.command("list", epilog="Example: meterfleet push list --status FAILED --meter 1-20")
def list_pushes(
    meter: MeterOption = None,
    status: Annotated[str | None, typer.Option(help=f"One of {', '.join(PUSH_STATUSES)}.")] = None,
    setup: Annotated[
        str | None, typer.Option(help="A push setup by logical name, or its name as in `push now`.")
    ] = None,
    limit: LimitOption = 50,
    as_json: JsonOption = False,
    database: DatabaseOption = None,
    home: HomeOption = None,
    fleet: FleetOption = None,
) -> None:
    """List attempts to push; works whether the fleet runs or not."""
    status = one_of("--status", status, PUSH_STATUSES)
    name = None if setup is None else _logical_name(setup)
    rows = asyncio.run(_pushes(existing_place(database, home, fleet), meter, status, name, limit))
    named = [{**row, "name": _NAMES.get(row["setup"], row["setup"])} for row in rows]
    shown = named if as_json else [{**row, "details": _details(row)} for row in named]
    show_rows(shown, _COLUMNS, as_json=as_json, none="no pushes")


def _details(row: dict[str, Any]) -> str:
    """Where it went and why, and what it came to, in a column that can be read."""
    octets = counted(row["octets"], "octet") if row["octets"] else ""
    retries = f"retried {counted(row['retries'], 'time')}" if row["retries"] else ""
    told = (row["destination"], row["trigger"] and row["trigger"].lower(), octets, retries, row["error"])
    return ", ".join(filter(None, told))


async def _pushes(
    place: Place, meters: str | None, status: str | None, setup: str | None, limit: int
) -> list[dict[str, Any]]:
    async with opened(place) as store:
        numbers = await meter_numbers(store, meters)
        return await store.incidents.pushes(status=status, meter_numbers=numbers, setup=setup, limit=limit)
