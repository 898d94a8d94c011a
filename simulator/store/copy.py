# SPDX-License-Identifier: MIT
"""Columns of numbers to rows of PostgreSQL's binary COPY, in one numpy pass: no Python loop over rows.

It lays out bytes and nothing else: it opens no connection and knows no table. Fixed-size columns go straight into a
structured array; when a cell may be missing or vary in length, the rows are laid out at their widest and then squeezed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

# PostgreSQL, COPY, "Binary Format": signature, flags, length of the header extension; the trailer is a count of -1.
_HEADER = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
_TRAILER = b"\xff\xff"
_NULL = -1

_EPOCH_2000_S = 946_684_800
_EPOCH_2000_DAYS = 10_957
_MICROSECONDS = 1_000_000
_JSONB_VERSION = b"\x01"

Mask = NDArray[np.bool_]
Integers = NDArray[np.integer[Any]]


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of one table, ready for `COPY … FROM STDIN (FORMAT BINARY)`."""

    table: str
    columns: tuple[str, ...]
    payload: bytes
    count: int


class Cells(NamedTuple):
    """One column laid out: an array of all rows or of a single one (a constant); `sizes` only where they vary."""

    octets: NDArray[Any]
    sizes: NDArray[np.int32] | None = None  # -1: NULL


class Column(Protocol):
    def cells(self) -> Cells: ...


@dataclass(frozen=True, slots=True)
class Int2:
    values: int | Integers
    missing: Mask | None = None

    def cells(self) -> Cells:
        return _fixed(np.asarray(self.values).astype(">i2"), self.missing)


@dataclass(frozen=True, slots=True)
class Int4:
    values: int | Integers
    missing: Mask | None = None

    def cells(self) -> Cells:
        return _fixed(np.asarray(self.values).astype(">i4"), self.missing)


@dataclass(frozen=True, slots=True)
class Int8:
    values: int | Integers
    missing: Mask | None = None

    def cells(self) -> Cells:
        return _fixed(np.asarray(self.values).astype(">i8"), self.missing)


@dataclass(frozen=True, slots=True)
class Bool:
    values: bool | Mask

    def cells(self) -> Cells:
        return _fixed(np.asarray(self.values).astype("u1"), None)


@dataclass(frozen=True, slots=True)
class Uuid:
    """UUIDs as their octets: uint8 of shape [rows, 16], or [16] for a constant."""

    values: NDArray[np.uint8]

    def cells(self) -> Cells:
        return _fixed(_joined(self.values), None)


@dataclass(frozen=True, slots=True)
class Octets:
    """bytea of one size: uint8 of shape [rows, size], or `bytes` for a constant."""

    values: bytes | NDArray[np.uint8]
    missing: Mask | None = None

    def cells(self) -> Cells:
        octets = np.frombuffer(self.values, np.uint8) if isinstance(self.values, bytes) else self.values
        return _fixed(_joined(octets), self.missing)


@dataclass(frozen=True, slots=True)
class Timestamp:
    """timestamp: seconds since 1970 as the meter's own clock shows them."""

    seconds: int | Integers
    missing: Mask | None = None

    def cells(self) -> Cells:
        since_2000_us = (np.asarray(self.seconds, np.int64) - _EPOCH_2000_S) * _MICROSECONDS
        return _fixed(np.asarray(since_2000_us, ">i8"), self.missing)


@dataclass(frozen=True, slots=True)
class Date:
    """date: days since 1970."""

    days: int | Integers
    missing: Mask | None = None

    def cells(self) -> Cells:
        return _fixed(np.asarray(np.asarray(self.days, np.int64) - _EPOCH_2000_DAYS, ">i4"), self.missing)


@dataclass(frozen=True, slots=True)
class Numeric:
    """numeric: integers, `scale` (0 to 4) of whose decimal places come after the point."""

    values: int | Integers
    scale: int
    missing: Mask | None = None

    def cells(self) -> Cells:
        if not 0 <= self.scale <= 4:
            raise ValueError(f"a scale of {self.scale} does not fit one base-10000 digit")
        return _fixed(_numeric(np.asarray(self.values, np.int64), self.scale), self.missing)


@dataclass(frozen=True, slots=True)
class Text:
    """text, varchar or char: one for all rows, or one per row (None: NULL)."""

    values: str | Sequence[str | None]

    def cells(self) -> Cells:
        return _varying(self.values, b"")


@dataclass(frozen=True, slots=True)
class Blobs:
    """bytea of any size, one per row (None: NULL)."""

    values: Sequence[bytes | None]

    def cells(self) -> Cells:
        return _of_sizes([b"" if value is None else value for value in self.values], self.values)


@dataclass(frozen=True, slots=True)
class Jsonb:
    """jsonb, given as JSON text: one for all rows, or one per row (None: NULL)."""

    values: str | Sequence[str | None]

    def cells(self) -> Cells:
        return _varying(self.values, _JSONB_VERSION)


@dataclass(frozen=True, slots=True)
class Null:
    def cells(self) -> Cells:
        return Cells(np.zeros((), "V0"), np.full((), _NULL, np.int32))


def encode_rows(table: str, columns: Mapping[str, Column], *, count: int | None = None) -> Rows:
    """`count` is needed only if every column is a constant. Raises ValueError if the columns differ in length."""
    cells = {name: column.cells() for name, column in columns.items()}
    lengths = {name: len(cell.octets) for name, cell in cells.items() if cell.octets.ndim}
    if len({*lengths.values(), *(() if count is None else (count,))}) != 1:
        raise ValueError(f"columns of {table} must be arrays of one length, not {lengths or 'constants only'}")
    rows = count if count is not None else next(iter(lengths.values()))
    body = _body(list(cells.values()), rows)
    return Rows(table, tuple(columns), b"".join((_HEADER, body, _TRAILER)), rows)


def _body(cells: Sequence[Cells], rows: int) -> bytes:
    layout: list[tuple[str, Any]] = [("fields", ">i2")]
    for index, cell in enumerate(cells):
        layout += [(f"size{index}", ">i4"), (f"octets{index}", cell.octets.dtype)]
    table = np.empty(rows, np.dtype(layout))
    table["fields"] = len(cells)
    for index, cell in enumerate(cells):
        table[f"size{index}"] = cell.octets.dtype.itemsize if cell.sizes is None else cell.sizes
        table[f"octets{index}"] = cell.octets
    return _squeezed(table, cells) if any(cell.sizes is not None for cell in cells) else table.tobytes()


def _squeezed(table: NDArray[Any], cells: Sequence[Cells]) -> bytes:
    """The rows without the octets that lie beyond each cell's size."""
    used = np.ones((len(table), table.dtype.itemsize), np.bool_)
    for index, cell in enumerate(cells):
        if cell.sizes is not None:
            _, start = table.dtype.fields[f"octets{index}"][:2]  # type: ignore[index]
            width = cell.octets.dtype.itemsize
            used[:, start : start + width] = np.arange(width) < cell.sizes[..., np.newaxis]
    return table.view(np.uint8).reshape(used.shape)[used].tobytes()


def _fixed(octets: NDArray[Any], missing: Mask | None) -> Cells:
    if missing is None:
        return Cells(octets)
    return Cells(octets, np.where(missing, _NULL, octets.dtype.itemsize).astype(np.int32))


def _joined(octets: NDArray[np.uint8]) -> NDArray[Any]:
    """The last axis as one opaque item per row."""
    solid = np.ascontiguousarray(octets, np.uint8)
    return solid.view(f"V{solid.shape[-1]}")[..., 0]


def _varying(values: str | Sequence[str | None], prefix: bytes) -> Cells:
    if isinstance(values, str):
        constant = prefix + values.encode()
        return Cells(np.array(np.void(constant)))
    return _of_sizes([b"" if value is None else prefix + value.encode() for value in values], values)


def _of_sizes(encoded: Sequence[bytes], values: Sequence[object]) -> Cells:
    sizes = np.fromiter((_NULL if value is None else len(cell) for value, cell in zip(values, encoded, strict=True)),
                        np.int32, len(encoded))  # fmt: skip
    return Cells(np.array(encoded, f"S{np.max(sizes, initial=1)}"), sizes)


def _numeric(values: NDArray[np.int64], scale: int) -> NDArray[Any]:
    """numeric_send's layout: count, weight, sign, display scale, then base-10000 digits, the most significant first.

    All cells get as many digits as the largest one needs; numeric_recv strips leading and trailing zero digits.
    """
    magnitude = np.abs(values).view(np.uint64)  # the smallest int64 has no positive twin, but the right bits
    largest = int(np.max(magnitude, initial=0))
    if largest < 1 << 32:
        magnitude = magnitude.astype(np.uint32)  # division is the cost here, and half as dear
    whole_digits = max(1, (len(str(largest // 10**scale)) + 3) // 4)
    cells = np.empty(values.shape, np.dtype([("head", ">i2", 4), ("digits", ">i2", whole_digits + 1)]))
    cells["head"][..., 0] = whole_digits + 1
    cells["head"][..., 1] = whole_digits - 1
    cells["head"][..., 2] = (values < 0) * 0x4000
    cells["head"][..., 3] = scale
    rest, fraction = np.divmod(magnitude, magnitude.dtype.type(10**scale))
    cells["digits"][..., whole_digits] = fraction * magnitude.dtype.type(10 ** (4 - scale))
    for place in reversed(range(1, whole_digits)):
        rest, cells["digits"][..., place] = np.divmod(rest, magnitude.dtype.type(10_000))
    cells["digits"][..., 0] = rest
    return cells
