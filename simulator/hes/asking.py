# SPDX-License-Identifier: MIT
"""What verification asks of either side, as SQL: rows of one shape, and one hash of them by meter and day. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from psycopg import sql

from simulator.hes.maps import DERIVED, TableMap, Truth, is_time
from simulator.store.queries import statements

_QUERIES = statements("simulator.hes")


@dataclass(frozen=True, slots=True)
class Group:
    """Meters that tell alike. `is_single`: their numbers are float32, so no finer than that can be asked for."""

    serials: tuple[str, ...]
    is_single: bool = False
    told: Mapping[str, frozenset[str]] = field(default_factory=dict)  # columns by table


@dataclass(frozen=True, slots=True)
class Limits:
    first: dt.datetime | None = None  # as the meters' clocks show it
    last: dt.datetime | None = None
    late: dt.timedelta | None = None  # after the simulator's own row


def digests(rows: sql.Composed, group: Group, limits: Limits, width: int) -> sql.Composed:
    """A COPY of one line per meter and day, in order; `width`: how many columns are compared."""
    names = sql.SQL("").join(sql.SQL(f", cell{number}") for number in range(width))
    return sql.SQL(_QUERIES["digests"]).format(
        rows=rows, names=names, serials=list(group.serials), first=limits.first, last=limits.last
    )


def truth_rows(truth: Truth, columns: Iterable[str], group: Group, table: TableMap) -> sql.Composed:
    """What a table without a number cannot tell apart comes once; as do equal events of one second, but not pushes."""
    number = truth.number if table.number else "0"
    columns = list(columns)
    values = [_cell(_said(column, group), column, group) for column in columns]
    source = f"{truth.relation} t {truth.joined} {truth.before if DERIVED.keys() & columns else ''}"
    is_once = not truth.columns and (truth.is_log or not table.number)
    return _rows(
        "truth_once" if is_once else "rows", "m.meter_number", truth.time, number, values, "t.created_at", source
    )


def _said(column: str, group: Group) -> str:
    """Of a column that no meter says: what follows from two rows that it said. Differences of float32 are those of the
    numbers that were sent."""
    register = DERIVED.get(column)
    if register is None:
        return f"t.{column}"
    if group.is_single:
        return f"(t.{register}::real::text::numeric - b.{register}::real::text::numeric)"
    return f"CASE WHEN b.meter_id IS NOT NULL THEN t.{column} END"


def their_rows(table: TableMap, columns: Iterable[str], group: Group) -> sql.Composed:
    values = [_cell(table.columns[column], column, group) for column in columns]
    number = f"({table.number})" if table.number else "0"
    return _rows("rows", f"({table.meter})", table.clock, number, values, table.arrived, table.source)


def _rows(
    name: str, meter: str, time: str, number: str, values: Sequence[_Cell], came: str | None, source: str
) -> sql.Composed:
    cells = [f", {cell.typed} AS cell{number}" for number, cell in enumerate(values)]
    words = {
        "meter": meter,
        "time": time,
        "number": number,
        "values": f"ARRAY[{', '.join(cell.text for cell in values)}]::text[]",
        "cells": "".join(cells),
        "came": came or "NULL",
        "source": source,
    }
    return sql.SQL(_QUERIES[name]).format(**{key: sql.SQL(text) for key, text in words.items()})


class _Cell(NamedTuple):
    """A value that is compared: typed, so that equal values have equal hashes, and as text for people."""

    typed: str
    text: str


def _cell(expression: str, column: str, group: Group) -> _Cell:
    """Decimals are equal whatever zeros are at their end, or as near as float32 can tell; equals have equal texts."""
    if column == "status_word":
        return _Cell(f"({expression})::text", f"({expression})::text")
    if is_time(column):
        typed = f"date_trunc('second', ({expression})::timestamp)"
        return _Cell(typed, f"to_char({typed}, 'YYYY-MM-DD HH24:MI:SS')")
    if group.is_single:
        return _Cell(f"({expression})::real", f"(({expression})::real)::text")
    return _Cell(f"({expression})::numeric", f"trim_scale(({expression})::numeric)::text")
