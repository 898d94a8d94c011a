# SPDX-License-Identifier: MIT
"""The block of this number is never sent.

With general block transfer the client can ask for it again (Green Book 9.4.6.13); with a service's own it cannot.
"""

from __future__ import annotations

from dataclasses import dataclass

from simulator.faults.answer_blocks import FirstBlock, block_of
from simulator.faults.fault import Fault, Roll


@dataclass(frozen=True, slots=True)
class LostBlock(Fault):
    lost_block: FirstBlock

    def spoil(self, apdu: bytes, roll: Roll) -> bytes | None:
        block = block_of(apdu)
        return b"" if block is not None and block.number == self.lost_block else None
