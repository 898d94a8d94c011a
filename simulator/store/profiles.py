# SPDX-License-Identifier: MIT
"""A `ProfileQuery` as SQL, and its answer as an array. Composes and decodes; it runs nothing.

The server sends all rows as one value of big-endian integers. Fetched row by row, a 35-day buffer would cost five times
the client's CPU, by COPY ten times.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psycopg import sql

from simulator.errors import StoreError
from simulator.store.queries import template
from simulator.store.rows import MISSING, Cell, ProfileQuery

_TIME_TYPES = ("timestamp without time zone", "date")
_NUMBER_TYPES = ("numeric", "bigint", "integer", "smallint")
_NEWEST_ENTRY = 2**31 - 1
_FIRST_MOMENT, _LAST_MOMENT = dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31)
_EPOCH = dt.datetime(1970, 1, 1)

Types = Mapping[str, str]
"""The columns of one table and their types."""


def rows_statement(query: ProfileQuery, types: Types) -> bytes:
    shape = "profile_range" if query.entries is None else "profile_entries"
    return _statement(shape, query.table, query.time_column, _cells(query, types), _filters(query))


def count_statement(query: ProfileQuery) -> bytes:
    return _statement("profile_count", query.table, query.time_column, (), _filters(query, whole=True))


def latest_statement(query: ProfileQuery, types: Types) -> bytes:
    """The newest row of each of many meters, in their order; MISSING throughout where a meter has none."""
    filters = ("row_of_wanted", *(("rows_of_code",) if query.obis_code_id is not None else ()))
    return _statement("profile_latest", query.table, query.time_column, _cells(query, types), filters)


def parameters(query: ProfileQuery) -> dict[str, Any]:
    first, last = query.entries or (1, 0)
    return {
        "meter_id": query.meter_id,
        "obis_code_id": query.obis_code_id,
        "depth": query.depth,
        "first": moment(query.first_s),
        "last": moment(query.last_s),
        "first_entry": max(first, 1),
        "last_entry": last or _NEWEST_ENTRY,
    }


def decoded(answer: bytes, query: ProfileQuery) -> NDArray[np.int64]:
    """int64 of shape [rows, 1 + columns], ascending by time; the first column is the time."""
    return np.frombuffer(answer, ">i8").reshape(-1, 1 + len(query.columns)).astype(np.int64)


def _filters(query: ProfileQuery, *, whole: bool = False) -> tuple[str, ...]:
    bounded = query.first_s is not None and query.entries is None and not whole
    return (
        "rows_of_meter",
        *(("rows_of_code",) if query.obis_code_id is not None else ()),
        *(("rows_from",) if bounded else ()),
    )


def _cells(query: ProfileQuery, types: Types) -> tuple[tuple[str, Cell], ...]:
    cells = (Cell(query.time_column), *query.columns)
    return tuple((_kind(query.table, cell, types), cell) for cell in cells)


def _kind(table: str, cell: Cell, types: Types) -> str:
    kind = types.get(cell.name)
    if cell.key is not None and kind == "jsonb":
        return "cell_key_time" if cell.is_time else "cell_key"
    if cell.key is None and kind in _TIME_TYPES:
        return "cell_time"
    if cell.key is None and kind in _NUMBER_TYPES:
        return "cell_number"
    raise StoreError(f"sim.{table} has no column that could give {cell} ({cell.name} is {kind or 'unknown'})")


@lru_cache(maxsize=256)
def _statement(
    shape: str, table: str, time_column: str, cells: tuple[tuple[str, Cell], ...], filters: tuple[str, ...]
) -> bytes:
    """The same composition for every meter of a model, so that the server prepares it once per connection."""
    time = sql.Identifier(time_column)
    statement = template(shape).format(
        table=sql.Identifier("sim", table),
        time=time,
        rows=sql.SQL(" AND ").join(template(name).format(time=time) for name in filters),
        cells=sql.SQL(" || ").join(_cell(kind, cell) for kind, cell in cells),
    )
    return statement.as_bytes()


def _cell(kind: str, cell: Cell) -> sql.Composed:
    return template(kind).format(
        column=sql.Identifier(cell.name),
        factor=sql.SQL(f"1e{cell.power:d}"),
        key=sql.Literal(cell.key),
        missing=sql.Literal(MISSING),
    )


def moment(seconds: int | None) -> dt.datetime | None:
    """The ends of a range come from a peer: what no calendar can hold is as good as open."""
    if seconds is None:
        return None
    try:
        return min(max(_EPOCH + dt.timedelta(seconds=seconds), _FIRST_MOMENT), _LAST_MOMENT)
    except OverflowError:
        return _LAST_MOMENT if seconds > 0 else _FIRST_MOMENT
