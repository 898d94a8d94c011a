# SPDX-License-Identifier: MIT
"""From whole numbers to the octets of one cell: the wire type of a quantity, for one value or a column at a time.

Every cell of a profile row has a fixed size, so that a buffer is laid out by one numpy structured array (one pass per
column) and never value by value; only rows with missing cells are put together piece by piece.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from simulator.cosem.stamps import stamp, stamps
from simulator.wire.axdr import encode_length
from simulator.wire.codes import Tag

MISSING = np.iinfo(np.int64).min
"""A cell that the store has no value for; null-data on the wire."""

_FORMATS = {
    Tag.BOOLEAN: "?",
    Tag.INTEGER: "b",
    Tag.LONG: ">h",
    Tag.DOUBLE_LONG: ">i",
    Tag.LONG64: ">q",
    Tag.UNSIGNED: "B",
    Tag.LONG_UNSIGNED: ">H",
    Tag.DOUBLE_LONG_UNSIGNED: ">I",
    Tag.LONG64_UNSIGNED: ">Q",
    Tag.ENUM: "B",
    Tag.FLOAT32: ">f",
    Tag.FLOAT64: ">d",
}
_FLOATS = (Tag.FLOAT32, Tag.FLOAT64)
NUMBER_TYPES = {tag.name.lower().replace("_", "-"): tag for tag in _FORMATS}
"""The types that a number can have on the wire, by their names in models and registries."""


@dataclass(frozen=True, slots=True)
class NumberEncoding:
    """A number on the wire: its type, and how many decimal places it is shifted from the whole number inside."""

    tag: Tag
    scaler: int = 0
    power: int = 0  # wire value = whole number * 10 ** power

    def encoder(self) -> Callable[[int], bytes]:
        """A function from the whole number to the encoded Data; values beyond the type's range are held at its end."""
        packer = struct.Struct(">B" + _FORMATS[self.tag].lstrip(">"))
        tag, pack = int(self.tag), packer.pack
        if self.tag in _FLOATS and self.power <= 0:
            divisor = 10**-self.power
            return lambda number: pack(tag, number / divisor)
        if self.tag in _FLOATS:
            factor = 10**self.power
            return lambda number: pack(tag, number * factor)
        low, high = self._range()
        scale = self._scale
        return lambda number: pack(tag, min(max(scale(int(number)), low), high))

    def column(self, numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.generic]:
        """Whole numbers [rows] as the big-endian wire type [rows]."""
        dtype = np.dtype(_FORMATS[self.tag])
        if self.tag in _FLOATS:
            values = numbers / 10.0**-self.power if self.power < 0 else numbers * 10.0**self.power
            return np.asarray(values, dtype=dtype)
        low, high = self._range()
        scaled = numbers * 10**self.power if self.power >= 0 else numbers // 10**-self.power
        return np.asarray(np.clip(scaled, max(low, -(1 << 63)), min(high, (1 << 63) - 1)), dtype=dtype)

    def _scale(self, number: int) -> int:
        return number * int(10**self.power) if self.power >= 0 else number // int(10**-self.power)

    def _range(self) -> tuple[int, int]:
        if self.tag is Tag.BOOLEAN:
            return 0, 1
        info = np.iinfo(np.dtype(_FORMATS[self.tag]))
        return int(info.min), int(info.max)

    @property
    def dtype(self) -> np.dtype[np.void]:
        return np.dtype([("tag", "u1"), ("value", _FORMATS[self.tag])])


@dataclass(frozen=True, slots=True)
class StampEncoding:
    """A date-time as an octet-string of 12 (Blue Book 4.1.6.1), from meter-local seconds."""

    utc_offset_minutes: int

    def encoder(self) -> Callable[[int], bytes]:
        offset = self.utc_offset_minutes
        return lambda local_s: b"\x09\x0c" + stamp(int(local_s), offset)

    @property
    def dtype(self) -> np.dtype[np.void]:
        return np.dtype([("tag", "u1"), ("length", "u1"), ("value", "u1", (12,))])


Encoding = NumberEncoding | StampEncoding


@lru_cache(maxsize=256)
def _row_dtype(cells: tuple[Encoding, ...], prefix_octets: int) -> np.dtype[np.void]:
    fields = [(f"c{column}", cell.dtype) for column, cell in enumerate(cells)]
    return np.dtype([("head", "u1", (prefix_octets,)), *fields])


@dataclass(frozen=True, slots=True)
class RowLayout:
    """The fixed layout of a profile's rows."""

    cells: tuple[Encoding, ...]

    def only(self, columns: Sequence[int]) -> RowLayout:
        """The layout of chosen columns, in their given order."""
        return RowLayout(tuple(self.cells[column] for column in columns))

    def encode(self, rows: npt.NDArray[np.int64]) -> bytes:
        """Rows [n, cells] of whole numbers as an A-XDR array of structures."""
        head = bytes((Tag.ARRAY,)) + encode_length(len(rows))
        prefix = bytes((Tag.STRUCTURE,)) + encode_length(len(self.cells))
        if (rows == MISSING).any():
            return head + b"".join(prefix + self._row(row) for row in rows)
        return head + self._table(rows, prefix)

    def _table(self, rows: npt.NDArray[np.int64], prefix: bytes) -> bytes:
        table = np.zeros(len(rows), dtype=_row_dtype(self.cells, len(prefix)))
        table["head"] = np.frombuffer(prefix, dtype=np.uint8)
        for column, cell in enumerate(self.cells):
            field = table[f"c{column}"]
            if isinstance(cell, StampEncoding):
                field["tag"], field["length"] = Tag.OCTET_STRING, 12
                field["value"] = stamps(rows[:, column], cell.utc_offset_minutes)
            else:
                field["tag"] = cell.tag
                field["value"] = cell.column(rows[:, column])
        return table.tobytes()

    def _row(self, row: npt.NDArray[np.int64]) -> bytes:
        """A row with missing cells: they are null-data."""
        pairs = zip(self.cells, row.tolist(), strict=True)
        return b"".join(b"\x00" if number == MISSING else cell.encoder()(number) for cell, number in pairs)
