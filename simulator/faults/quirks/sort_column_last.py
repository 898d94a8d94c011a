# SPDX-License-Identifier: MIT
"""Profiles capture their clock last instead of first; what they are sorted by is the clock all the same.

The standard leaves the order open (Blue Book 4.3.6.2), and clients that take the first column for the time go wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from simulator.faults.fault import Fault, Peek
from simulator.ports import GetAnswer, GetItem
from simulator.wire import axdr
from simulator.wire.axdr import Data
from simulator.wire.selection import EntryDescriptor, RangeDescriptor, Selection

_PROFILE, _CLOCK = b"\0\7", 8
_BUFFER, _CAPTURE_OBJECTS = 2, 3


@dataclass(frozen=True, slots=True)
class SortColumnLast(Fault):
    sort_column_last: Literal[True]

    def select(self, item: GetItem) -> GetItem | GetAnswer | None:
        """Columns by their place are picked in `change`, where they have their new places."""
        selection = item.selection
        if not _is_profile(item.attribute) or not isinstance(selection, EntryDescriptor):
            return None
        return item._replace(selection=selection._replace(first_column=1, last_column=0))

    def change(self, item: GetItem, value: bytes, peek: Peek) -> bytes | None:
        key, selection = item.attribute, item.selection
        if not _is_profile(key) or (isinstance(selection, RangeDescriptor) and selection.columns):
            return None
        captured = value if key[8] == _CAPTURE_OBJECTS else peek(key[:8] + bytes((_CAPTURE_OBJECTS,)))
        if captured is None or not _begins_with_clock(captured):
            return None
        array = axdr.decode_whole(value)
        if key[8] == _CAPTURE_OBJECTS:
            return axdr.encode(array._replace(value=(*array.value[1:], array.value[0])))
        return axdr.encode(array._replace(value=tuple(_turned(row, selection) for row in array.value)))


def _is_profile(key: bytes) -> bool:
    return key[:2] == _PROFILE and key[8] in (_BUFFER, _CAPTURE_OBJECTS)


def _begins_with_clock(capture_objects: bytes) -> bool:
    objects = axdr.decode_whole(capture_objects).value
    return len(objects) > 1 and objects[0].value[0].value == _CLOCK


def _turned(row: Data, selection: Selection | None) -> Data:
    cells = (*row.value[1:], row.value[0])
    if isinstance(selection, EntryDescriptor):
        cells = cells[max(selection.first_column, 1) - 1 : selection.last_column or None]
    return row._replace(value=cells)
