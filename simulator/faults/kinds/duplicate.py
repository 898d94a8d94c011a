# SPDX-License-Identifier: MIT
"""An answer comes twice."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.faults.fault import Carried, Fault, Message, Roll, Share


@dataclass(frozen=True, slots=True)
class Duplicate(Fault):
    duplicate: Share

    def carry(self, message: Message, roll: Roll) -> Carried | None:
        return Carried(message.octets * 2) if message.outgoing and roll() < self.duplicate else None
