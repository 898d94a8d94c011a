# SPDX-License-Identifier: MIT
"""Rows and values as PostgreSQL takes them: lines of COPY, JSON, text. Pure."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from simulator.hes.tables import Row

NULL = "\\N"
_NUL = "\0"
_COPY_TEXT = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def lines(meter: str, rows: Sequence[Row], codes: Sequence[str]) -> str:
    """Rows of one meter as COPY takes them, column by column: the values of one are nearly always alike."""
    columns = [_column(values) for values in zip(*rows, strict=True)]
    if codes:
        columns.append(codes)
    return "".join([f"{meter}\t{line}\n" for line in map("\t".join, zip(*columns, strict=True))])


def _column(values: Sequence[Any]) -> Iterable[str]:
    kinds = set(map(type, values))
    if len(kinds) > 1:
        return [_CELLS[type(value)](value) for value in values]
    (kind,) = kinds
    if kind is str and len(set(values)) == 1:
        return [_text(values[0])] * len(values)
    return [NULL] * len(values) if kind is type(None) else map(_CELLS[kind], values)


def _text(value: str) -> str:
    return storable(value).translate(_COPY_TEXT)


def _json(value: Any) -> str:
    return json.dumps(jsonable(value), ensure_ascii=False).translate(_COPY_TEXT)


def _array(values: tuple[int, ...]) -> str:
    return "{" + ",".join(map(str, values)) + "}"


def _nothing(_value: None) -> str:
    return NULL


_CELLS: dict[type, Callable[[Any], str]] = {  # by type alone, for this runs for each cell
    **dict.fromkeys((int, float, Decimal, dt.date), str),
    dt.datetime: dt.datetime.isoformat,
    type(None): _nothing,
    str: _text,
    dict: _json,
    tuple: _array,
}


def storable(text: str) -> str:
    """PostgreSQL's text takes neither NUL nor half a pair of surrogates: they are shown as escapes."""
    if text.isascii() and _NUL not in text:
        return text
    return text.encode("utf-8", "backslashreplace").decode().replace(_NUL, "\\x00")


def jsonable(value: Any) -> Any:
    """Numbers that JSON would not take as they are come as text of the same digits."""
    if isinstance(value, str):
        return storable(value)
    if value is None or isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if isinstance(value, Mapping):
        return {key: jsonable(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [jsonable(inner) for inner in value]
    return value.hex() if isinstance(value, bytes) else str(value)
