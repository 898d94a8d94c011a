# SPDX-License-Identifier: GPL-2.0-only
"""Profile generic (class 7) on the reading side: columns, selections of rows and columns, rows for people.

Pure: it turns what was read into tables and wishes into selections, and asks no meter for anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from simulator.errors import UserError
from simulator.headend.failures import BrokenAnswer
from simulator.headend.objects import CLOCK, REGISTERS
from simulator.headend.values import PLAIN, ScalerUnit, cell, type_of
from simulator.values import format_obis
from simulator.wire import axdr
from simulator.wire.axdr import Data
from simulator.wire.codes import Tag


@dataclass(frozen=True, slots=True)
class Column:
    """One capture object; `type` is that of its first value that is not null, None if there is none."""

    name: str
    obis: str
    class_id: int
    attribute: int
    data_index: int = 0
    unit: str = ""
    scaler: int = 0
    type: Tag | None = None

    @property
    def register(self) -> tuple[int, str] | None:
        """The register whose scaler_unit applies to this column."""
        return (self.class_id, self.obis) if self.class_id in REGISTERS and self.attribute == 2 else None


@dataclass(frozen=True, slots=True)
class ProfileTable:
    """Rows as the meter gave them, in its order; cells as in `Value.value`. `clock_status`: by row."""

    obis: str
    columns: list[Column]
    rows: list[list[Any]]
    clock_status: tuple[int, ...] = ()


def columns_of(capture_objects: Any, names: Mapping[str, str]) -> list[Column]:
    """Attribute 3 of a profile, as decoded."""
    try:
        return [_column(names, *item) for item in capture_objects]
    except (TypeError, ValueError) as error:
        raise BrokenAnswer(f"the profile's capture objects have another shape: {error}") from error


def _column(names: Mapping[str, str], class_id: int, name: bytes, attribute: int, data_index: int) -> Column:
    obis = format_obis(name)
    return Column(names.get(obis, obis), obis, int(class_id), int(attribute), int(data_index))


def chosen(columns: Sequence[Column], wanted: Sequence[str]) -> list[int]:
    """Positions of the wanted columns (an OBIS code, or with attribute 1.0.1.6.0.255:5), in the meter's order."""
    found = {want: [at for at, column in enumerate(columns) if _matches(column, want)] for want in wanted}
    for want, positions in found.items():
        if not positions:
            captured = ", ".join(f"{column.obis}:{column.attribute}" for column in columns)
            raise UserError(f"the profile has no column {want}; it captures {captured}")
    return sorted({at for positions in found.values() for at in positions})


def _matches(column: Column, want: str) -> bool:
    obis, _, attribute = want.partition(":")
    return column.obis == obis and attribute in ("", str(column.attribute))


def entry_selection(first: int, count: int | None, positions: Sequence[int]) -> bytes:
    """Selector 2 with its entry_descriptor (Blue Book 4.3.6): rows and columns count from 1, last 0 is the end.

    Built here because gurux writes the number of columns where the last column's index belongs.
    """
    last = first + count - 1 if count else 0
    first_column, last_column = (positions[0] + 1, positions[-1] + 1) if positions else (1, 0)
    numbers = (
        Data(Tag.DOUBLE_LONG_UNSIGNED, first),
        Data(Tag.DOUBLE_LONG_UNSIGNED, last),
        Data(Tag.LONG_UNSIGNED, first_column),
        Data(Tag.LONG_UNSIGNED, last_column),
    )
    return b"\x02" + axdr.encode(Data(Tag.STRUCTURE, numbers))


def table_of(
    obis: str, columns: Sequence[Column], rows: Any, scales: Mapping[tuple[int, str], ScalerUnit]
) -> ProfileTable:
    """A decoded buffer with its columns; converted column by column, since all cells of one share type and scaler."""
    if not isinstance(rows, list) or any(len(row) != len(columns) for row in rows):
        raise BrokenAnswer(f"the rows of profile {obis} do not have its {len(columns)} columns")
    done = [_scaled_column(column, at, rows, scales) for at, column in enumerate(columns)]
    cells = zip(*(cells for _, cells in done), strict=True)
    return ProfileTable(obis, [column for column, _ in done], [list(row) for row in cells], _statuses(columns, rows))


def _statuses(columns: Sequence[Column], rows: Sequence[Any]) -> tuple[int, ...]:
    """Clock status (Blue Book 4.1.6.1), the last octet of the first column that is a clock's; 0 where there is none."""
    if (at := clock_column(columns)) is None:
        return ()
    return tuple(row[at][11] if isinstance(row[at], bytearray) and len(row[at]) == 12 else 0 for row in rows)


def clock_column(columns: Sequence[Column]) -> int | None:
    """Where the instants of the rows are."""
    return next((at for at, column in enumerate(columns) if (column.class_id, column.attribute) == (CLOCK, 2)), None)


def _scaled_column(
    column: Column, at: int, rows: Sequence[Any], scales: Mapping[tuple[int, str], ScalerUnit]
) -> tuple[Column, list[Any]]:
    scale = scales.get(column.register, PLAIN) if column.register else PLAIN
    first = next((row[at] for row in rows if row[at] is not None), None)
    kind = None if first is None else type_of(first)
    return replace(column, unit=scale.unit, scaler=scale.scaler, type=kind), [cell(row[at], scale) for row in rows]


def only(table: ProfileTable, positions: Sequence[int]) -> ProfileTable:
    """Only the columns at these positions."""
    rows = [[row[at] for at in positions] for row in table.rows]
    return ProfileTable(table.obis, [table.columns[at] for at in positions], rows, table.clock_status)
