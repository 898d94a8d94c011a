# SPDX-License-Identifier: MIT
"""`meterfleet events …`: make meters notice something, look at what they noticed, and what they can notice."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from dataclasses import replace
from typing import Annotated, Any, get_args

import typer
from rich.console import Console
from rich.table import Table

from simulator.commands.options import JsonOption, LimitOption, MeterOption, MetersArgument, one_of, show_rows
from simulator.commands.place import (
    DatabaseOption,
    FleetOption,
    HomeOption,
    Place,
    existing_place,
)
from simulator.commands.stored import give_order, meter_numbers, opened
from simulator.cosem.catalogue import EventType, load_catalogue
from simulator.errors import UserError
from simulator.store.incidents import EventFilter
from simulator.values import counted

app = typer.Typer(no_args_is_help=True, help="Events: make them happen, list them, look codes up.")
_CATALOGUE = "is15959"


@app.command(epilog="Example: meterfleet events inject 1-20 201     (a magnet at the first twenty meters)")
def inject(
    meters: MetersArgument,
    codes: Annotated[list[int], typer.Argument(help="Event codes, in the order in which they happen.")],
    database: DatabaseOption = None,
    home: HomeOption = None,
    fleet: FleetOption = None,
) -> None:
    """Let meters of a running fleet notice events now."""
    answer = give_order(existing_place(database, home, fleet), "event", meters=meters, codes=codes)
    print(f"{counted(answer['meters'], 'meter')} noticed {counted(answer['events'], 'event')}")
    if answer["dark"]:
        print(f"{counted(answer['dark'], 'meter')} without power noticed nothing")


@app.command("list", epilog="Example: meterfleet events list --type CURRENT_RELATED --since 2025-06-01")
def list_events(
    meter: MeterOption = None,
    type_: Annotated[str | None, typer.Option("--type", help="Type of event, e.g. POWER_FAILURE.")] = None,
    code: Annotated[int | None, typer.Option(min=0, max=0xFFFF, help="Event code.")] = None,
    since: Annotated[str | None, typer.Option(help="By the meters' clocks, e.g. 2025-06-01T12:00.")] = None,
    limit: LimitOption = 50,
    as_json: JsonOption = False,
    database: DatabaseOption = None,
    home: HomeOption = None,
    fleet: FleetOption = None,
) -> None:
    """List what meters have logged; works whether the fleet runs or not."""
    type_ = one_of("--type", type_, get_args(EventType))
    place = existing_place(database, home, fleet)
    rows = asyncio.run(_events(place, meter, EventFilter(type=type_, code=code, since=_moment(since), limit=limit)))
    columns = {name: name for name in ("time", "meter", "code", "type")} | {"event": "description"}
    show_rows(rows, columns, as_json=as_json, none="no events")


async def _events(place: Place, meters: str | None, wanted: EventFilter) -> list[dict[str, Any]]:
    async with opened(place) as store:
        numbers = await meter_numbers(store, meters)
        return await store.incidents.events(replace(wanted, meter_numbers=numbers))


def _moment(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        return dt.datetime.fromisoformat(text).replace(tzinfo=None).isoformat()
    except ValueError:
        hint = "write for example 2025-06-01 or 2025-06-01T12:00"
        raise UserError(f"--since: {text!r} is not a moment; {hint}") from None


@app.command(epilog="Example: meterfleet events codes")
def codes(as_json: JsonOption = False) -> None:
    """List all event codes: what each means, its log, its bit of the status word."""
    events = load_catalogue(_CATALOGUE).values()
    if as_json:
        print(json.dumps([event.model_dump() for event in events]))
        return
    table = Table("code", "event", "type", "log", "bit", "meters", "tamper")
    for event in events:
        bit, tamper = "" if event.esw_bit < 0 else str(event.esw_bit), "yes" if event.tamper else ""
        table.add_row(str(event.code), event.words, event.event_type, str(event.log), bit, event.applies, tamper)
    Console().print(table)
