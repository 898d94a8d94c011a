# SPDX-License-Identifier: MIT
"""Block transfer: a long answer on its way out, a long request on its way in (Green Book 9.4.6).

Counts blocks and octets only; which APDU carries a block is the service's affair.
"""

from __future__ import annotations

from simulator.wire.axdr import Data, Malformed, decode_whole
from simulator.wire.codes import DataAccessResult
from simulator.wire.fields import Block, filled, take_values


def piece_octets(room: int) -> int:
    """How many octets go into `room` (at most 65,535) together with their own length field."""
    if room - 1 <= 0x7F:
        return room - 1
    return room - 2 if room - 2 <= 0xFF else room - 3


class Sending:
    """A long answer: `stream` is what the blocks carry, `number` the block sent last (the first is 1)."""

    __slots__ = ("_offset", "_stream", "number", "service")

    def __init__(self, service: int, stream: bytes) -> None:
        self.service = service  # the tag of the request that it answers
        self.number = 0
        self._stream = stream
        self._offset = 0

    def load(self, room: int) -> Block:
        """The next block, its data and their length field in at most `room` octets."""
        end = self._offset + piece_octets(room)
        piece = self._stream[self._offset : end]
        self._offset = end
        self.number += 1
        return Block(end >= len(self._stream), self.number, piece)


class Receiving:
    """A long request: blocks 1, 2, 3 ... of its values, in order, up to `max_octets`."""

    __slots__ = ("_data", "_max_octets", "_number", "listed", "service", "targets")

    def __init__(self, service: int, targets: tuple[object, ...], *, listed: bool, max_octets: int) -> None:
        self.service = service
        self.targets = targets
        self.listed = listed
        self._data = bytearray()
        self._number = 0
        self._max_octets = max_octets

    def add(self, block: Block) -> DataAccessResult:
        """SUCCESS, or why the transfer must be aborted."""
        if block.number != self._number + 1:
            return DataAccessResult.DATA_BLOCK_NUMBER_INVALID
        if len(self._data) + len(block.data) > self._max_octets:
            return DataAccessResult.LONG_SET_ABORTED
        self._number = block.number
        self._data += block.data
        return DataAccessResult.SUCCESS

    def values(self) -> tuple[Data, ...] | None:
        """The values sent, one for each target; None if the octets are not that."""
        octets = bytes(self._data)
        try:
            if not self.listed:
                return (decode_whole(octets),)
            values, end = take_values(octets, 0, len(self.targets))
            return filled(octets, end, values)
        except Malformed:
            return None
