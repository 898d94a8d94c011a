# SPDX-License-Identifier: MIT
"""A slow line, the same for both directions: a message holds it for as long as its bits take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from simulator.faults.fault import Carried, Fault, Message, Roll


@dataclass(frozen=True, slots=True)
class Bandwidth(Fault):
    bandwidth: Annotated[int, Field(ge=50)]  # bits per second

    def carry(self, message: Message, roll: Roll) -> Carried | None:
        return Carried(message.octets, busy_ms=len(message.octets) * 8 * 1000 / self.bandwidth)
