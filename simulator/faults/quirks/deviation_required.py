# SPDX-License-Identifier: MIT
"""A range is understood only if both ends tell their deviation from UTC (Blue Book 4.1.6.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from simulator.faults.fault import Fault
from simulator.faults.moments import tells_deviation
from simulator.ports import GetAnswer, GetItem
from simulator.wire.codes import DataAccessResult
from simulator.wire.selection import RangeDescriptor


@dataclass(frozen=True, slots=True)
class DeviationRequired(Fault):
    deviation_required: Literal["refuse", "empty"]  # or else: type-unmatched, or an empty array

    def select(self, item: GetItem) -> GetItem | GetAnswer | None:
        selection = item.selection
        if not isinstance(selection, RangeDescriptor):
            return None
        if tells_deviation(selection.start.value) and tells_deviation(selection.end.value):
            return None
        return DataAccessResult.TYPE_UNMATCHED if self.deviation_required == "refuse" else b"\x01\x00"
