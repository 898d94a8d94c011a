# SPDX-License-Identifier: MIT
"""The meter sends another invocation counter than its next one: a lower or a higher one.

A counter that comes twice under one key gives plain text away: use it with test keys only (Green Book 9.2.4.8).
"""

from __future__ import annotations

from dataclasses import dataclass

from simulator.faults.fault import Fault
from simulator.wire.ciphering import MAX_COUNTER


@dataclass(frozen=True, slots=True)
class CounterShift(Fault):
    counter_shift: int

    def counter(self, counter: int) -> int | None:
        return min(max(counter + self.counter_shift, 0), MAX_COUNTER)
