# SPDX-License-Identifier: MIT
"""One bit of an answer is wrong, anywhere in its frame."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.faults.fault import Carried, Fault, Message, Roll, Share, flipped


@dataclass(frozen=True, slots=True)
class Corrupt(Fault):
    corrupt: Share

    def carry(self, message: Message, roll: Roll) -> Carried | None:
        if not message.outgoing or roll() >= self.corrupt:
            return None
        return Carried(flipped(message.octets, int(roll() * len(message.octets))))
