# SPDX-License-Identifier: MIT
"""Selective access: which part of an attribute a client asks for (Green Book 9.3.6, Blue Book 4.3.6)."""

from __future__ import annotations

from typing import NamedTuple

from simulator.wire.axdr import Data


class CaptureObject(NamedTuple):
    """capture_object_definition: class id, logical name, attribute index, data index (0 = whole attribute)."""

    class_id: int
    logical_name: bytes
    attribute_index: int
    data_index: int


class RangeDescriptor(NamedTuple):
    """Selector 1 of a profile's buffer; both ends belong to the range. `columns` empty: all of them."""

    restricting: CaptureObject
    start: Data
    end: Data
    columns: tuple[CaptureObject, ...]


class EntryDescriptor(NamedTuple):
    """Selector 2 of a profile's buffer; rows and columns count from 1, a last one of 0 means to the end."""

    first_entry: int
    last_entry: int
    first_column: int
    last_column: int


class OtherSelector(NamedTuple):
    """A selector whose parameters are not one of the above; the attribute decides whether it knows it."""

    selector: int
    parameters: Data


Selection = RangeDescriptor | EntryDescriptor | OtherSelector
