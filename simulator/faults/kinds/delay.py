# SPDX-License-Identifier: MIT
"""The answer comes later: always by `delay`, and by anything up to `jitter` more."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.faults.fault import Carried, DurationMs, Fault, Message, Roll


@dataclass(frozen=True, slots=True)
class Delay(Fault):
    delay: DurationMs
    jitter: DurationMs = 0

    def carry(self, message: Message, roll: Roll) -> Carried | None:
        if not message.outgoing:
            return None
        return Carried(message.octets, self.delay + self.jitter * roll() if self.jitter else self.delay)
