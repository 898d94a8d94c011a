# SPDX-License-Identifier: MIT
"""Rows laid out for binary COPY come out of the server as they went in."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from simulator.store.copy import (
    Bool,
    Column,
    Date,
    Int2,
    Int4,
    Int8,
    Jsonb,
    Null,
    Numeric,
    Octets,
    Text,
    Timestamp,
    Uuid,
    encode_rows,
)

INT64 = st.integers(-(2**63), 2**63 - 1)


def round_trip(dsn: str, columns: dict[str, tuple[str, Column]], count: int | None = None) -> list[tuple[Any, ...]]:
    """What a table of such columns (name: type, column) holds after the COPY."""
    rows = encode_rows("t", {name: column for name, (_, column) in columns.items()}, count=count)
    shape = ", ".join(f"{name} {kind}" for name, (kind, _) in columns.items())
    with psycopg.connect(dsn) as connection:
        connection.execute(f"CREATE TEMPORARY TABLE t (ordinal serial, {shape})".encode())
        names = sql.SQL(", ").join(map(sql.Identifier, rows.columns))
        with connection.cursor().copy(sql.SQL("COPY t ({}) FROM STDIN (FORMAT BINARY)").format(names)) as copy:
            copy.write(rows.payload)
        return connection.execute(sql.SQL("SELECT {} FROM t ORDER BY ordinal").format(names)).fetchall()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(INT64, st.booleans()), min_size=1, max_size=20), st.integers(0, 4))
def test_numeric_is_exact(database: str, cells: list[tuple[int, bool]], scale: int) -> None:
    values = np.array([value for value, _ in cells], np.int64)
    missing = np.array([absent for _, absent in cells])
    rows = round_trip(
        database,
        {"v": ("numeric", Numeric(values, scale)), "m": ("numeric", Numeric(values, scale, missing))},
    )
    exact = [Decimal(value).scaleb(-scale) for value, _ in cells]
    assert rows == [(value, None if absent else value) for value, (_, absent) in zip(exact, cells, strict=True)]


@pytest.mark.parametrize(("value", "scale", "text"), [(0, 3, "0.000"), (-1, 3, "-0.001"), (125, 3, "0.125"),
                                                      (23_050, 2, "230.50"), (10**17, 3, "100000000000000.000"),
                                                      (-999, 3, "-0.999"), (10_000_000, 3, "10000.000")])  # fmt: skip
def test_numeric_keeps_its_places(database: str, value: int, scale: int, text: str) -> None:
    ((found,),) = round_trip(database, {"v": (f"numeric(18,{scale})", Numeric(value, scale))}, count=1)
    assert str(found) == text


def test_every_kind_of_column(database: str) -> None:
    ids = np.arange(32, dtype=np.uint8).reshape(2, 16)
    moment, later = dt.datetime(2025, 6, 1, 17, 30), dt.datetime(1999, 12, 31, 23, 59, 59)
    seconds = np.array([(at - dt.datetime(1970, 1, 1)) // dt.timedelta(seconds=1) for at in (moment, later)])
    gap = np.array([False, True])
    rows = round_trip(
        database,
        {
            "a": ("uuid", Uuid(ids)),
            "b": ("timestamp", Timestamp(seconds)),
            "c": ("timestamp", Timestamp(seconds, gap)),
            "d": ("date", Date(seconds // 86_400)),
            "e": ("smallint", Int2(np.array([-5, 7]))),
            "f": ("integer", Int4(np.array([-5, 7]), gap)),
            "g": ("bigint", Int8(-(2**63))),
            "h": ("boolean", Bool(np.array([True, False]))),
            "i": ("varchar(32)", Text("0" * 32)),
            "j": ("text", Text(["", "großer Zähler"])),
            "k": ("jsonb", Jsonb(['{"1.0.1.8.0.255:2": 12}', None])),
            "l": ("bytea", Octets(b"MTF\x00\x01\x02\x03\x04")),
            "m": ("numeric(10,3)", Null()),
            "n": ("jsonb", Jsonb("{}")),
            "o": ("text", Text("")),
        },
    )
    assert rows == [
        (UUID(bytes=bytes(range(16))), moment, moment, moment.date(), -5, -5, -(2**63), True, "0" * 32, "",
         {"1.0.1.8.0.255:2": 12}, b"MTF\x00\x01\x02\x03\x04", None, {}, ""),
        (UUID(bytes=bytes(range(16, 32))), later, None, later.date(), 7, None, -(2**63), False, "0" * 32,
         "großer Zähler", None, b"MTF\x00\x01\x02\x03\x04", None, {}, ""),
    ]  # fmt: skip


@pytest.mark.parametrize("values", [[], [None, None], ["x", None, "yy"]])
def test_text_of_any_length(database: str, values: Sequence[str | None]) -> None:
    assert round_trip(database, {"v": ("text", Text(values))}) == [(value,) for value in values]


def test_constants_of_every_kind(database: str) -> None:
    """A column that is the same in all rows is given as one number, not as an array."""
    columns: dict[str, tuple[str, Column]] = {
        "a": ("smallint", Int2(-2)),
        "b": ("integer", Int4(4)),
        "c": ("bigint", Int8(-8)),
        "d": ("date", Date(20_240)),
        "t": ("timestamp", Timestamp(1_748_736_000)),
        "n": ("numeric(18,3)", Numeric(-1_234_567, 3)),
        "o": ("boolean", Bool(True)),
    }
    row = (-2, 4, -8, dt.date(2025, 6, 1), dt.datetime(2025, 6, 1), Decimal("-1234.567"), True)
    assert round_trip(database, columns, count=2) == [row, row]


def test_columns_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="one length"):
        encode_rows("t", {"a": Int4(np.arange(3)), "b": Int4(np.arange(2))})
    with pytest.raises(ValueError, match="one length"):
        encode_rows("t", {"a": Int4(1)})
