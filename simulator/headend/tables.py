# SPDX-License-Identifier: GPL-2.0-only
"""What was read, as tables for a terminal and as dictionaries for JSON: attributes, one profile, a whole meter.

JSON keeps numbers as numbers, moments in ISO 8601, octets in hexadecimal.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.table import Table

from simulator.headend.failures import in_words
from simulator.headend.objects import ObjectEntry
from simulator.headend.profiles import Column, ProfileTable, clock_column
from simulator.headend.reader import MeterReader
from simulator.headend.scales import scaler_unit
from simulator.headend.values import Value, as_text, clock_remark, clock_words
from simulator.wire.codes import DataAccessResult

_NUMBERS = (int, float, Decimal)
_SCALES = frozenset({(3, 3), (4, 3), (5, 4)})  # class and attribute: scaler_unit of registers
_WIDE = 12  # columns; what still fits a terminal side by side


@dataclass(frozen=True, slots=True)
class ObjectReading:
    """One object with what was read of it: a value or a refusal by attribute index."""

    entry: ObjectEntry
    name: str
    attributes: Mapping[int, Value | DataAccessResult]


def read_objects(reader: MeterReader, wanted: Iterable[tuple[ObjectEntry, Sequence[int]]]) -> Iterator[ObjectReading]:
    """Each object with the given attributes, as it comes."""
    for entry, attributes in wanted:
        answers = reader.read_many([(entry, attribute) for attribute in attributes])
        yield ObjectReading(entry, reader.names.get(entry.obis, ""), dict(zip(attributes, answers, strict=True)))


def read_everything(reader: MeterReader) -> Iterator[ObjectReading]:
    """Every attribute that the association view calls readable."""
    return read_objects(reader, ((entry, entry.readable) for entry in reader.association_view()))


def plain_console(*, width: int | None = None, stderr: bool = False) -> Console:
    """For what meters say: `[b]` and `:x:` in it are their words, and no markup of ours."""
    return Console(width=width, stderr=stderr, markup=False, emoji=False)


def objects_table(readings: Iterable[ObjectReading], title: str = "") -> Table:
    table = Table("OBIS", "class", "name", "value", title=title or None, title_justify="left")
    for reading in readings:
        head = (reading.entry.obis, str(reading.entry.class_id), reading.name)
        for index, answer in reading.attributes.items():
            obis = head[0] if index == 2 else f"{head[0]}:{index}"
            text = _answer_text(answer, is_scale=(reading.entry.class_id, index) in _SCALES)
            table.add_row(obis, *head[1:], text, style="" if isinstance(answer, Value) else "dim")
    return table


def profile_tables(table: ProfileTable, title: str = "", *, width: int = 200) -> Iterator[Table]:
    """A profile for a terminal of a width: a line per row, or if values do not fit side by side, a table per row."""
    if (len(table.columns) <= _WIDE and _natural_width(table) <= width) or not table.rows:
        yield _rows_table(table, title)
        return
    for number, row in enumerate(_texts(table), 1):
        shown = Table("OBIS", "column", title=f"{title}, row {number} of {len(table.rows)}", title_justify="left")
        shown.add_column("value", justify="right")
        shown.add_column("unit")
        for column, cell in zip(table.columns, row, strict=True):
            attribute = f":{column.attribute}" if column.attribute != 2 else ""
            shown.add_row(column.obis + attribute, column.name, cell, column.unit)
        yield shown


def _natural_width(table: ProfileTable) -> int:
    """Characters of a row whose values are not broken."""
    return sum(max(map(len, column)) + 3 for column in zip(*_texts(table), strict=True)) + 1


def _texts(table: ProfileTable) -> list[list[str]]:
    """The cells; behind the instant of a row what its clock says of itself."""
    texts = [[as_text(cell) for cell in row] for row in table.rows]
    if (clock := clock_column(table.columns)) is not None:
        for row, status in zip(texts, table.clock_status, strict=False):
            row[clock] += clock_remark(status)
    return texts


def _rows_table(table: ProfileTable, title: str) -> Table:
    count = f"{len(table.rows)} row{'s' if len(table.rows) != 1 else ''}"
    shown = Table(title=title or None, title_justify="left", caption=count, caption_justify="left")
    for at, column in enumerate(table.columns):
        numeric = any(isinstance(row[at], _NUMBERS) for row in table.rows[:1])
        shown.add_column(_heading(column), justify="right" if numeric else "left", overflow="fold", no_wrap=at == 0)
    for row in _texts(table):
        shown.add_row(*row)
    return shown


def objects_json(readings: Iterable[ObjectReading]) -> list[dict[str, Any]]:
    return [
        {
            "obis": reading.entry.obis,
            "class": reading.entry.class_id,
            "version": reading.entry.version,
            "name": reading.name,
            "attributes": {str(index): _answer_json(answer) for index, answer in reading.attributes.items()},
        }
        for reading in readings
    ]


def profile_json(table: ProfileTable) -> dict[str, Any]:
    found = {
        "obis": table.obis,
        "columns": [_column_json(column) for column in table.columns],
        "rows": [[jsonable(cell) for cell in row] for row in table.rows],
    }
    statuses = [clock_words(status) for status in table.clock_status]
    return {**found, "clock_status": statuses} if any(statuses) else found


def jsonable(value: Any) -> Any:
    """A value in JSON's own types."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, dt.datetime | dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list | tuple):
        return [jsonable(item) for item in value]
    return value


def _heading(column: Column) -> str:
    attribute = f":{column.attribute}" if column.attribute != 2 else ""
    name = column.name if column.name != column.obis else f"{column.obis}{attribute}"
    return f"{name}\n{column.unit}".rstrip()


def _answer_text(answer: Value | DataAccessResult, *, is_scale: bool) -> str:
    if is_scale and isinstance(answer, Value):
        scale = scaler_unit(answer.raw)
        return f"× 10^{scale.scaler} {scale.unit}".rstrip()
    return answer.text if isinstance(answer, Value) else in_words(answer)


def _answer_json(answer: Value | DataAccessResult) -> dict[str, Any]:
    if isinstance(answer, DataAccessResult):
        return {"refused": in_words(answer)}
    found = {"type": answer.type.name.lower().replace("_", "-"), "value": jsonable(answer.value)}
    if words := clock_words(answer.clock_status):
        found["clock_status"] = words
    return {**found, "unit": answer.unit} if answer.unit else found


def _column_json(column: Column) -> dict[str, Any]:
    return {
        "name": column.name,
        "obis": column.obis,
        "class": column.class_id,
        "attribute": column.attribute,
        "unit": column.unit,
        "scaler": column.scaler,
        "type": column.type.name.lower().replace("_", "-") if column.type is not None else None,
    }
