# SPDX-License-Identifier: MIT
"""Options that several commands have, how their texts are read, and rows as an answer."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Column, Table

from simulator.documents import did_you_mean
from simulator.errors import UserError
from simulator.values import parse_duration_ms

_NUMBERS = "Numbers (3), ranges (1-20), serial numbers, or all; with commas."
MetersArgument = Annotated[str, typer.Argument(help=_NUMBERS)]
MeterOption = Annotated[str | None, typer.Option("--meter", help=_NUMBERS)]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document.")]
LimitOption = Annotated[int, typer.Option("--limit", help="How many at most, the newest first.", min=1)]


def span_ms(option: str, text: str | None) -> int:
    """0 if the option is not given."""
    try:
        return parse_duration_ms(text) if text else 0
    except ValueError as error:
        raise UserError(f"{option}: {error}") from None


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
    first, *others = columns
    table = Table(Column(first, no_wrap=True), *others)
    for row in rows:
        table.add_row(*("" if (cell := row[name]) is None else str(cell) for name in columns.values()))
    Console().print(table)
