# SPDX-License-Identifier: MIT
"""`meterfleet power` and `meterfleet supply`: the supply of a running fleet's meters fails, returns, is disturbed."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from simulator.commands.options import MetersArgument, span_ms
from simulator.commands.place import DatabaseOption, FleetOption, HomeOption, existing_place
from simulator.commands.stored import give_order
from simulator.errors import UserError
from simulator.values import counted

app = typer.Typer(no_args_is_help=True, help="Power failures: switch the supply of meters off and on.")
ForOption = Annotated[str | None, typer.Option("--for", help="Undo it after that time of the fleet, e.g. 10m.")]
SUPPLY_EPILOG = """Examples:

meterfleet supply 1-20 --voltage 0.7 --for 10m      a sag

meterfleet supply 3 --voltage 0 --phase y           a missing phase

meterfleet supply 3 --current -1                    a current transformer that is turned round

meterfleet supply all --voltage 1 --current 1 --load 1 --reactive 1 --earth 0      as nature has it"""


@app.command(epilog="Example: meterfleet power off 1-500 --for 45m")
def off(
    meters: MetersArgument,
    for_: ForOption = None,
    database: DatabaseOption = None,
    home: HomeOption = None,
    fleet: FleetOption = None,
) -> None:
    """The supply fails: last gasp, silence, and no captures until it returns."""
    answer = give_order(
        existing_place(database, home, fleet), "power", meters=meters, on=False, for_ms=span_ms("--for", for_)
    )
    _tell(answer, "is off", "had none already")
    _tell_relieved(answer, for_)


@app.command(epilog="Example: meterfleet power on all")
def on(
    meters: MetersArgument,
    database: DatabaseOption = None,
    home: HomeOption = None,
    fleet: FleetOption = None,
) -> None:
    """The supply returns; each meter starts when it has needed its time."""
    answer = give_order(existing_place(database, home, fleet), "power", meters=meters, on=True)
    _tell(answer, "is back; meters answer again once they have started", "had it already")


def _tell(answer: dict[str, Any], done: str, left: str) -> None:
    if answer["meters"] or not answer["already"]:
        print(f"power of {counted(answer['meters'], 'meter')} {done}")
    if answer["already"]:
        print(f"{counted(answer['already'], 'meter')} {left}")


def _tell_relieved(answer: dict[str, Any], for_: str | None) -> None:
    """With --for it ends by itself again, only later or sooner."""
    if answer["relieved"] and for_ is None:
        print(f"what an earlier order was to end for {counted(answer['relieved'], 'meter')} no longer ends by itself")


def supply(
    meters: MetersArgument,
    voltage: Annotated[float | None, typer.Option(help="Factor of the natural voltage.", min=0, max=2)] = None,
    current: Annotated[float | None, typer.Option(help="What the meter sees of the current.", min=-1, max=1)] = None,
    load: Annotated[float | None, typer.Option(help="Factor of the consumption.", min=0, max=1000)] = None,
    reactive: Annotated[float | None, typer.Option(help="Factor of its reactive part.", min=0, max=1000)] = None,
    earth: Annotated[float | None, typer.Option(help="Share that returns by the earth.", min=0, max=1)] = None,
    phase: Annotated[str | None, typer.Option(help="r, y or b: this phase's voltage and current alone.")] = None,
    for_: ForOption = None,
    database: DatabaseOption = None,
    home: HomeOption = None,
    fleet: FleetOption = None,
) -> None:
    """Disturb the supply of meters of a running fleet; what is not given stays as it is."""
    factors = {"voltage": voltage, "current": current, "load": load, "reactive": reactive, "earth": earth}
    if all(factor is None for factor in factors.values()):
        raise UserError("nothing to change: give --voltage, --current, --load, --reactive or --earth")
    for_ms, place = span_ms("--for", for_), existing_place(database, home, fleet)
    answer = give_order(place, "supply", meters=meters, phase=phase, for_ms=for_ms, **factors)
    print(f"the supply of {counted(answer['meters'], 'meter')} has changed")
    _tell_relieved(answer, for_)
