# SPDX-License-Identifier: MIT
"""`meterfleet link`: faults of the meters of a running fleet, set, cleared and listed."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from simulator.commands.place import DatabaseOption, FleetOption, HomeOption, existing_place
from simulator.commands.stored import give_order
from simulator.documents import did_you_mean
from simulator.errors import UserError
from simulator.faults.packs import pack_names
from simulator.faults.parse import faults_in
from simulator.values import moment_of

EPILOG = """Examples:

meterfleet link                                       the faults that there are

meterfleet link 3 '{delay: 2s}'                       meter 3 answers two seconds later

meterfleet link 1-20,35 '{drop: 0.3, for: 20m}'       three of ten messages vanish, for twenty minutes

meterfleet link all nb-iot                            a link profile, or a quirk pack

meterfleet link 9160000003 '{temporary_failure: 1, times: 3}' '{wrong_scaler: 1}'

meterfleet link 3 --clear                             meter 3 is well again"""


def link(
    meters: Annotated[
        str, typer.Argument(metavar="METERS", help="3, 1-20, a serial number, several with commas, or all.")
    ] = "all",
    faults: Annotated[
        list[str] | None, typer.Argument(metavar="FAULT…", help="{delay: 2s} and the like, or the name of a profile.")
    ] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Take all faults away first.")] = False,
    database: DatabaseOption = None,
    home: HomeOption = None,
    fleet: FleetOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Make meters of a running fleet and their links misbehave; without a fault, list those that there are."""
    wanted = [_spelled(text) for text in faults or []]
    for text in wanted:
        faults_in(text)  # so that a mistake is told before anybody is asked
    answer = give_order(existing_place(database, home, fleet), "link", meters=meters, faults=wanted, clear=clear)
    if as_json:
        print(json.dumps(answer))
    else:
        _show(answer["faults"], answer["more"], answer["utc_offset_minutes"])


def _spelled(text: str) -> str:
    """A name alone is that of a quirk pack or of a link profile, or it is a path to one."""
    if text.lstrip().startswith(("{", "[")):
        return text
    known = {kind: pack_names(f"{kind}s") for kind in ("link", "quirk")}
    kind = next((kind for kind, names in known.items() if text in names), "link")
    if text in known[kind] or "/" in text or text.endswith((".yaml", ".yml")):
        return f"{{{kind}: {text}}}"
    name, sign, value = text.replace(":", "=").partition("=")
    if sign:
        raise UserError(f"{text!r}: write a fault in braces: '{{{name.strip()}: {value.strip()}}}'")
    raise UserError(
        f"{text!r} is no link profile or quirk pack; {did_you_mean(text, [*known['link'], *known['quirk']])}"
    )


def _show(faults: list[dict[str, Any]], more: int, utc_offset_minutes: int) -> None:
    console = Console(markup=False, emoji=False)  # faults are words of the user's
    if not faults:
        console.print("no faults")
        return
    table = Table("meters", "fault", "has struck", "until")
    for fault in faults:
        said = f"{fault['fault']}: {fault['part']}" if fault["part"] else fault["fault"]
        table.add_row(fault["meters"], said, str(fault["struck"]), _until(fault, utc_offset_minutes))
    console.print(table)
    if more:
        console.print(f"and {more} more; name some METERS to see theirs")


def _until(fault: dict[str, Any], utc_offset_minutes: int) -> str:
    if fault["of_model"]:
        return "it is of the model"
    ends_ms = fault["until_ms"]
    return "" if ends_ms is None else str(moment_of(ends_ms, utc_offset_minutes).replace(microsecond=0))
