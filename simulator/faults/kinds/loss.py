# SPDX-License-Identifier: MIT
"""Packets get lost, as a link loses them.

UDP loses the datagram. TCP sends again: the message is late by a time-out that doubles each time (RFC 6298 5.5).
"""

from __future__ import annotations

from dataclasses import dataclass

from simulator.faults.fault import Carried, DurationMs, Fault, Message, Roll, Share

_MOST_TIMES = 6


@dataclass(frozen=True, slots=True)
class Loss(Fault):
    loss: Share
    retransmission: DurationMs = 1000

    def carry(self, message: Message, roll: Roll) -> Carried | None:
        chance = roll()
        if chance >= self.loss:
            return None
        if not message.reliable:
            return Carried(b"")
        times = 1
        while times < _MOST_TIMES and chance < self.loss ** (times + 1):
            times += 1
        return Carried(message.octets, busy_ms=self.retransmission * (2**times - 1))
