# SPDX-License-Identifier: MIT
"""The block of this number says that it is the next one (Green Book 9.4.6.3)."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.faults.answer_blocks import FirstBlock, block_of, renumbered
from simulator.faults.fault import Fault, Roll


@dataclass(frozen=True, slots=True)
class WrongBlockNumber(Fault):
    wrong_block_number: FirstBlock

    def spoil(self, apdu: bytes, roll: Roll) -> bytes | None:
        block = block_of(apdu)
        if block is None or block.number != self.wrong_block_number:
            return None
        return renumbered(apdu, block, block.number + 1)
