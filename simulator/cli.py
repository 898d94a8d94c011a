# SPDX-License-Identifier: MIT
"""The command `meterfleet`: gathers the commands, and turns errors into words and exit codes.

Exit codes: 0, 1 (it went wrong while running), 2 (a mistake in the user's options or files).
"""

from __future__ import annotations

import sys
from collections import UserDict
from importlib import import_module
from typing import Any, NamedTuple

import typer
from rich.console import Console
from typer.core import TyperGroup

from simulator import __version__
from simulator.errors import MeterfleetError, UserError, told


class _Place(NamedTuple):
    """Where a command is, in `simulator.commands`: a function with its epilog, or an application, or a part of one."""

    module: str
    name: str
    epilog: str = ""


_PLACES = {
    "spawn": _Place("spawn", "spawn", "EPILOG"),
    "run": _Place("scenario", "run", "RUN_EPILOG"),
    "replay": _Place("scenario", "replayed", "REPLAY_EPILOG"),
    "inventory": _Place("inventory", "inventory", "EPILOG"),
    "read": _Place("speaking", "app"),
    "write": _Place("speaking", "app"),
    "act": _Place("speaking", "app"),
    "listen": _Place("listen", "listen", "EPILOG"),
    "headend": _Place("headend", "headend", "EPILOG"),
    "verify": _Place("verify", "verify", "EPILOG"),
    "demo": _Place("demo", "demo"),
    "check": _Place("check", "check", "EPILOG"),
    "clock": _Place("clock", "clock", "EPILOG"),
    "link": _Place("link", "link", "EPILOG"),
    "power": _Place("power", "app"),
    "supply": _Place("power", "supply", "SUPPLY_EPILOG"),
    "replace": _Place("replace", "replace", "EPILOG"),
    "events": _Place("events", "app"),
    "alarms": _Place("alarms", "app"),
    "push": _Place("push", "app"),
    "db": _Place("db", "app"),
    "hes": _Place("hes", "app"),
    "profile": _Place("hes", "profile_app"),
    "obis": _Place("obis", "app"),
}


class _Lazy(UserDict[str, Any]):
    """Commands by their names. Each is imported when it is asked for: numpy, gurux and pydantic take their time."""

    def __getitem__(self, name: str) -> Any:
        place: _Place = self.data[name]
        module = import_module(f"simulator.commands.{place.module}")
        found = getattr(module, place.name)
        if isinstance(found, typer.Typer):
            group = typer.main.get_group(found)
            return group.commands.get(name, group)
        one = typer.Typer(add_completion=False, rich_markup_mode="rich")
        one.command(name, epilog=getattr(module, place.epilog, None))(found)
        return typer.main.get_command(one)


class _Commands(TyperGroup):
    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = _Lazy(_PLACES)


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="A fleet of virtual DLMS/COSEM smart meters, backed by PostgreSQL.",
)


@app.callback(invoke_without_command=True)
def version(show: bool = typer.Option(False, "--version", help="Print the version and end.")) -> None:
    if show:
        print(f"meterfleet {__version__}")
        raise typer.Exit


def main() -> None:
    """Entry point of the command."""
    try:
        app()
    except UserError as error:
        _say(error)
        sys.exit(2)
    except MeterfleetError as error:
        _say(error)
        sys.exit(1)


def _say(error: MeterfleetError) -> None:
    Console(stderr=True).print(told(error), style="red", markup=False, emoji=False, highlight=False, soft_wrap=True)
