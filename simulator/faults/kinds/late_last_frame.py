# SPDX-License-Identifier: MIT
"""The last frame of an answer is late, when a client may have given up on it: the last block, the last segment."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.faults.fault import Carried, DurationMs, Fault, Message, Roll


@dataclass(frozen=True, slots=True)
class LateLastFrame(Fault):
    late_last_frame: DurationMs

    def carry(self, message: Message, roll: Roll) -> Carried | None:
        return Carried(message.octets, self.late_last_frame) if message.outgoing and message.last else None
