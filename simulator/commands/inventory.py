# SPDX-License-Identifier: MIT
"""`meterfleet inventory`: the whole fleet as a head-end imports it; works whether the fleet runs or not."""

from __future__ import annotations

import asyncio
import csv
import json
import sys
from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

import typer

from simulator.commands.place import DatabaseOption, FleetOption, HomeOption, Place, existing_place
from simulator.cosem.compiler import compile_model
from simulator.errors import UserError
from simulator.fleet.inventory import CSV_COLUMNS, csv_row, meter_entry
from simulator.fleet.listen import Listen
from simulator.fleet.meters import stored_listens
from simulator.fleet.spec import FleetSpec
from simulator.meter.identity import Given, Identity, index_of
from simulator.store.database import Store
from simulator.store.rows import MeterRow

EPILOG = """Examples:

meterfleet inventory --csv > meters.csv

meterfleet inventory --json | jq '.[0]'"""


def inventory(
    as_csv: Annotated[bool, typer.Option("--csv", help="One line per meter.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="A list of objects, clients nested.")] = False,
    database: DatabaseOption = None,
    home: HomeOption = None,
    fleet: FleetOption = None,
) -> None:
    """List all meters with their addresses, system titles, clients, passwords and keys."""
    if as_csv and as_json:
        raise UserError("give --csv or --json, not both")
    entries = asyncio.run(read_inventory(existing_place(database, home, fleet)))
    if as_json:
        json.dump(entries, sys.stdout, indent=1)
        print()
        return
    writer = csv.DictWriter(sys.stdout, CSV_COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(csv_row(entry) for entry in entries)


async def read_inventory(place: Place) -> list[dict[str, Any]]:
    """All meters of a store, as the ready event shows them."""
    store = await Store.open(place.dsn, revive=place.revive)
    try:
        await store.find_schema()
        fleet, keys = await store.fleet(), await store.keys()
        meters = [meter for meter in await store.meters() if not meter.is_removed]
    finally:
        await store.close()
    if fleet is None:
        raise UserError("the database holds no fleet yet; start one with `meterfleet spawn 10`")
    spec = FleetSpec.stored(fleet.spec)
    given: dict[UUID, dict[tuple[int, str], bytes]] = {}
    for key in keys:
        given.setdefault(key.meter_id, {})[key.client, key.name] = key.key
    listens = stored_listens(meters[0].config, spec.count) if meters else []
    meters.sort(key=lambda meter: index_of(meter.meter_number))
    return [_stored_entry(spec, meter, listens, given.get(meter.id, {})) for meter in meters]


async def read_replaced(place: Place) -> dict[str, str]:
    """Meters that have been replaced, and who is in their places now; empty: nobody."""
    store = await Store.open(place.dsn, revive=place.revive)
    try:
        meters = await store.meters()
    finally:
        await store.close()
    now = {index_of(meter.meter_number): meter.meter_number for meter in meters if not meter.is_removed}
    return {one.meter_number: now.get(index_of(one.meter_number), "") for one in meters if one.is_removed}


def _stored_entry(spec: FleetSpec, meter: MeterRow, listens: Sequence[Listen], given: Given) -> dict[str, Any]:
    number = index_of(meter.meter_number)
    model = compile_model(spec.group_of(number).model)
    identity = Identity(spec.seed, model.spec.flag, meter.meter_number, meter.system_title or b"")
    return meter_entry(identity, model, [listen.place_of(number) for listen in listens], given=given)
