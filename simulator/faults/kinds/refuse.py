# SPDX-License-Identifier: MIT
"""New connections are reset at once. A serial line has none to refuse."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from simulator.faults.fault import Fault, Roll, Share


@dataclass(frozen=True, slots=True)
class Refuse(Fault):
    refuse: Share

    def admits(self, others: Callable[[], int], roll: Roll) -> bool:
        return roll() >= self.refuse
