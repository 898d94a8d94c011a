# SPDX-License-Identifier: MIT
"""A row that is stamped with the end of a range is not in it; by the standard both ends are (Blue Book 4.3.6.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from simulator.faults.fault import Fault
from simulator.faults.moments import a_second_before
from simulator.ports import GetAnswer, GetItem
from simulator.wire.selection import RangeDescriptor


@dataclass(frozen=True, slots=True)
class RangeEndExclusive(Fault):
    range_end_exclusive: Literal[True]

    def select(self, item: GetItem) -> GetItem | GetAnswer | None:
        selection = item.selection
        if not isinstance(selection, RangeDescriptor) or not isinstance(selection.end.value, bytes):
            return None
        end = selection.end._replace(value=a_second_before(selection.end.value))
        return item._replace(selection=selection._replace(end=end))
