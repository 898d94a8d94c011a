# SPDX-License-Identifier: MIT
"""The meter refuses a ciphered request: its counter is too low, and so much higher it should be (Green Book 9.5)."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.faults.fault import Count, Fault, Roll
from simulator.wire import refusal
from simulator.wire.axdr import Malformed
from simulator.wire.ciphering import MAX_COUNTER, REQUEST_TAGS, decode


@dataclass(frozen=True, slots=True)
class CounterRefused(Fault):
    counter_refused: Count

    def reply(self, apdu: bytes, roll: Roll) -> bytes | None:
        if apdu[0] not in REQUEST_TAGS:
            return None
        try:
            expected = min(decode(apdu).counter + self.counter_refused, MAX_COUNTER)
        except Malformed:
            return None
        codes = refusal.SERVICE_NOT_ALLOWED, refusal.INVOCATION_COUNTER_ERROR
        return refusal.encode(refusal.Refusal(*codes, expected))
