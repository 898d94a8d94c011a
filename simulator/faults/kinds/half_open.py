# SPDX-License-Identifier: MIT
"""After so many messages the connection is dead and the peer is never told: no answer, no FIN, no reset.

A connection that this has struck stays dead when the fault is gone; new ones work.
"""

from __future__ import annotations

from dataclasses import dataclass

from simulator.faults.fault import Carried, Count, End, Fault, Message, Roll


@dataclass(frozen=True, slots=True)
class HalfOpen(Fault):
    half_open: Count

    def carry(self, message: Message, roll: Roll) -> Carried | None:
        return Carried(b"", end=End.SILENCE) if message.messages_before >= self.half_open else None
