# SPDX-License-Identifier: MIT
"""`meterfleet replace`: other meters come into the places of meters of a running fleet."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from simulator.commands.options import JsonOption, MetersArgument
from simulator.commands.place import DatabaseOption, FleetOption, HomeOption, existing_place
from simulator.commands.stored import give_order
from simulator.errors import MeterfleetError
from simulator.values import counted

EPILOG = """Examples:

meterfleet replace 7                       a new meter at the address of meter 7

meterfleet replace 1-20 --reading 12.5     whose registers begin at 12.5 kWh"""


def replace(
    meters: MetersArgument,
    reading: Annotated[float, typer.Option(help="Where the new import register begins, kWh.", min=0, max=1e9)] = 0,
    as_json: JsonOption = False,
    database: DatabaseOption = None,
    home: HomeOption = None,
    fleet: FleetOption = None,
) -> None:
    """Replace meters by others of the same model: new serial numbers, titles and keys, empty profiles, same address."""
    place = existing_place(database, home, fleet)
    answer = give_order(place, "replace", meters=meters, reading_wh=round(reading * 1000))
    if as_json:
        print(json.dumps(answer))
    else:
        _tell(answer)
    if refused := answer.get("refused"):
        raise MeterfleetError(refused)


def _tell(answer: dict[str, Any]) -> None:
    for one in answer["replaced"]:
        print(f"{one['was']} is replaced by {one['is']}")
    if more := answer["meters"] - len(answer["replaced"]):
        print(f"and {counted(more, 'more meter')}")
    print("`meterfleet inventory` lists their titles, passwords and keys")
