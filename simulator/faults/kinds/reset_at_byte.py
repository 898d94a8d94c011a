# SPDX-License-Identifier: MIT
"""The connection is reset when so many octets have gone to the client on it."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.faults.fault import Carried, Count, End, Fault, Message, Roll


@dataclass(frozen=True, slots=True)
class ResetAtByte(Fault):
    reset_at_byte: Count

    def carry(self, message: Message, roll: Roll) -> Carried | None:
        room = self.reset_at_byte - message.octets_before
        if not message.outgoing or len(message.octets) < room:
            return None
        return Carried(message.octets[: max(room, 0)], end=End.RESET)
