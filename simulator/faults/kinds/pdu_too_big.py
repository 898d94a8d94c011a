# SPDX-License-Identifier: MIT
"""APDUs may be so many octets longer than the client can take: what it should get in blocks comes in one piece."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.faults.fault import Count, Fault


@dataclass(frozen=True, slots=True)
class PduTooBig(Fault):
    pdu_too_big: Count

    def size(self, agreed: int) -> int | None:
        return agreed + self.pdu_too_big
