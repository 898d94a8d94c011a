# SPDX-License-Identifier: MIT
"""`meterfleet alarms …`: what the status words' filters let through, and the head-end's acknowledgement by hand."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import typer

from simulator.commands.options import JsonOption, LimitOption, MeterOption, one_of, show_rows
from simulator.commands.place import (
    DatabaseOption,
    FleetOption,
    HomeOption,
    Place,
    existing_place,
)
from simulator.commands.stored import meter_numbers, opened
from simulator.cosem.catalogue import raisers
from simulator.errors import UserError
from simulator.store.incidents import ALARM_STATUSES
from simulator.values import counted

app = typer.Typer(no_args_is_help=True, help="Alarms: raised bits of the event status word that the filter passes.")
_COLUMNS = ("time", "meter", "alarm", "bit", "status", "retries")


@app.command("list", epilog="Example: meterfleet alarms list --status PENDING")
def list_alarms(
    meter: MeterOption = None,
    status: Annotated[str | None, typer.Option(help=f"One of {', '.join(ALARM_STATUSES)}.")] = None,
    limit: LimitOption = 50,
    as_json: JsonOption = False,
    database: DatabaseOption = None,
    home: HomeOption = None,
    fleet: FleetOption = None,
) -> None:
    """List alarms; works whether the fleet runs or not."""
    status = one_of("--status", status, ALARM_STATUSES)
    rows = asyncio.run(_alarms(existing_place(database, home, fleet), meter, status, limit))
    show_rows(rows, {name: name for name in _COLUMNS}, as_json=as_json, none="no alarms")


async def _alarms(place: Place, meters: str | None, status: str | None, limit: int) -> list[dict[str, Any]]:
    async with opened(place) as store:
        numbers = await meter_numbers(store, meters)
        return await store.incidents.alarms(status=status, meter_numbers=numbers, limit=limit)


@app.command(epilog="Example: meterfleet alarms ack 1-20")
def ack(
    meters: Annotated[str | None, typer.Argument(help="Numbers (3), ranges (1-20), serial numbers; commas.")] = None,
    all_meters: Annotated[bool, typer.Option("--all", help="The alarms of all meters.")] = False,
    database: DatabaseOption = None,
    home: HomeOption = None,
    fleet: FleetOption = None,
) -> None:
    """Acknowledge all open alarms of meters, as a head-end would."""
    if (meters is None) != all_meters:
        raise UserError("name the meters, or say --all; not both")
    count = asyncio.run(_acknowledge(existing_place(database, home, fleet), meters))
    print(f"{counted(count, 'alarm')} {'is' if count == 1 else 'are'} acknowledged")


async def _acknowledge(place: Place, meters: str | None) -> int:
    async with opened(place) as store:
        return await store.incidents.acknowledge(await meter_numbers(store, meters), raisers())
