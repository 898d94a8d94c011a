# SPDX-License-Identifier: MIT
"""The authentication tag of a ciphered answer is wrong (Green Book 9.2.7.2)."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.faults.fault import Fault, Roll, Share, flipped
from simulator.wire.ciphering import ANSWER_TAGS


@dataclass(frozen=True, slots=True)
class BadTag(Fault):
    bad_tag: Share

    def spoil(self, apdu: bytes, roll: Roll) -> bytes | None:
        if apdu[0] not in ANSWER_TAGS or roll() >= self.bad_tag:
            return None
        return flipped(apdu, len(apdu) - 1)
