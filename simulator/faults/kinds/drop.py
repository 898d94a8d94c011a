# SPDX-License-Identifier: MIT
"""A message vanishes, a request or an answer: nobody sends it again, whatever carries it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from simulator.faults.fault import Carried, Fault, Message, Roll, Share


@dataclass(frozen=True, slots=True)
class Drop(Fault):
    drop: Share
    only: Literal["requests", "answers", "both"] = "both"

    def carry(self, message: Message, roll: Roll) -> Carried | None:
        if self.only == ("requests" if message.outgoing else "answers"):
            return None
        return Carried(b"") if roll() < self.drop else None
