# SPDX-License-Identifier: MIT
"""The authentication tag of what the meter ciphers is wrong (Green Book 9.2.7.2)."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.faults.fault import Fault, Roll, Share, flipped
from simulator.wire.ciphering import AUTHENTICATED


@dataclass(frozen=True, slots=True)
class BadTag(Fault):
    bad_tag: Share

    def seal(self, control: int, text: bytes, roll: Roll) -> bytes | None:
        if not control & AUTHENTICATED or roll() >= self.bad_tag:
            return None
        return flipped(text, len(text) - 1)
