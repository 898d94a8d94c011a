# SPDX-License-Identifier: MIT
"""The stamps in profiles are rounded to the minute, or to so many seconds."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.faults.fault import DurationMs, Fault, Peek
from simulator.faults.moments import rounded
from simulator.ports import GetItem
from simulator.values import MS_PER_SECOND

_PROFILE, _BUFFER = b"\0\7", 2


@dataclass(frozen=True, slots=True)
class RoundedTimes(Fault):
    rounded_times: DurationMs

    def change(self, item: GetItem, value: bytes, peek: Peek) -> bytes | None:
        if item.attribute[:2] != _PROFILE or item.attribute[8] != _BUFFER:
            return None
        return rounded(value, max(self.rounded_times // MS_PER_SECOND, 1))
