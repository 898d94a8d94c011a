# SPDX-License-Identifier: MIT
"""Options that several commands have, how their texts are read, and rows as an answer."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Column, Table

from simulator.documents import did_you_mean
from simulator.errors import UserError
from simulator.fleet.pace import MAX_SPEED
from simulator.values import parse_duration_ms

_NUMBERS = "Numbers (3), ranges (1-20), serial numbers, or all; with commas."
MetersArgument = Annotated[str, typer.Argument(help=_NUMBERS)]
MeterOption = Annotated[str | None, typer.Option("--meter", help=_NUMBERS)]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document.")]
LimitOption = Annotated[
    int, typer.Option("--limit", help="How many at most, the newest first.", min=1, max=1_000_000_000)
]


def span_ms(option: str, text: str | None) -> int:
    """0 if the option is not given."""
    try:
        return parse_duration_ms(text) if text else 0
    except ValueError as error:
        raise UserError(f"{option}: {error}") from None


def speed_of(text: str | float) -> float:
    """A number, or max: as fast as the work goes."""
    try:
        rate = MAX_SPEED if text == "max" else float(text)
    except ValueError:
        rate = -1.0
    if not 0 <= rate <= MAX_SPEED:
        raise typer.BadParameter(f"a speed is 0 to {MAX_SPEED:,.0f}, or max, not {text!r}")
    return rate


_SPEED = "Simulated seconds per second, or max: as fast as the work goes; 0 stands still."
SpeedOption = Annotated[float | None, typer.Option(parser=speed_of, metavar="<float|max>", help=_SPEED)]


def one_of(option: str, text: str | None, known: Sequence[str]) -> str | None:
    """A word of a list, in whatever case it was written; None if the option is not given."""
    word = text and text.upper()
    if word is not None and word not in known:
        raise UserError(f"{option}: {did_you_mean(word, known)}")
    return word


HesOption = Annotated[
    str | None,
    typer.Option(
        "--hes-database", envvar="METERFLEET_HES", help="DSN of the head-end's database (default: the fleet's own)."
    ),
]


def show_rows(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str], *, as_json: bool, none: str) -> None:
    """One JSON document, or a table of `columns` (heading -> name in a row), or the word for no rows."""
    if as_json:
        print(json.dumps(rows, default=str))
        return
    if not rows:
        print(none)
        return
    first, *others = (Column(name, overflow="fold") for name in columns)  # nothing is cut, however narrow the terminal
    first.no_wrap = True
    table = Table(first, *others, box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for row in rows:
        table.add_row(*("" if (cell := row[name]) is None else str(cell) for name in columns.values()))
    Console(markup=False, emoji=False).print(table)
