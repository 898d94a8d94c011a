# SPDX-License-Identifier: MIT
"""The check sequence of an HDLC frame is wrong (IEC 62056-46 6.4.4.4.2); other framings have none."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.faults.fault import Carried, Fault, Message, Roll, Share, flipped
from simulator.wire.hdlc import FLAG


@dataclass(frozen=True, slots=True)
class BadFcs(Fault):
    bad_fcs: Share

    def carry(self, message: Message, roll: Roll) -> Carried | None:
        is_frame = message.outgoing and message.octets[:1] == bytes((FLAG,))
        if not is_frame or roll() >= self.bad_fcs:
            return None
        return Carried(flipped(message.octets, len(message.octets) - 2))
