# SPDX-License-Identifier: MIT
"""GET, SET and ACTION are answered by temporary-failure; nothing is read or changed."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.faults.fault import Fault, Roll, Share


@dataclass(frozen=True, slots=True)
class TemporaryFailure(Fault):
    temporary_failure: Share

    def fails(self, roll: Roll) -> bool:
        return roll() < self.temporary_failure
