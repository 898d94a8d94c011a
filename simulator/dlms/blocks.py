# SPDX-License-Identifier: MIT
"""General block transfer: an APDU of any kind in blocks, windows of them, lost ones once more (Green Book 9.4.6.13).

Knows blocks and octets only. What was lost on the way shows in the other side's acknowledgement: sending goes on behind
it, and receiving takes nothing out of order.
"""

from __future__ import annotations

from simulator.dlms.transfer import piece_octets
from simulator.wire.gbt import HEAD_OCTETS, MAX_NUMBER, GeneralBlock, encode

WINDOW = 16  # blocks that a client may send without waiting


class Incoming:
    """The blocks of a request; `turn` when the client waits for a word."""

    __slots__ = ("_data", "_max_octets", "acknowledged", "complete", "overflow", "turn", "window")

    def __init__(self, max_octets: int) -> None:
        self._data = bytearray()
        self._max_octets = max_octets
        self.acknowledged = 0
        self.complete = self.turn = self.overflow = False
        self.window = 1

    def add(self, block: GeneralBlock) -> None:
        self.window = block.window
        self.turn = not block.streaming
        if block.number != self.acknowledged + 1 or self.complete:
            return  # lost one before it, or has it already
        self._data += block.data
        self.acknowledged = block.number
        self.overflow = len(self._data) > self._max_octets
        self.complete = block.last
        self.turn = self.turn or block.last

    def apdu(self) -> bytes:
        return bytes(self._data)


class Outgoing:
    """The blocks of an answer. `sent_before`: blocks without data that went out while the request came in."""

    __slots__ = ("_acknowledged", "_apdu", "_first", "_piece", "_window", "count", "is_through")

    def __init__(self, apdu: bytes, max_apdu: int, *, window: int, acknowledged: int, sent_before: int) -> None:
        self._apdu = apdu
        self._piece = piece_octets(max_apdu - HEAD_OCTETS)
        self._first = sent_before + 1
        self._window, self._acknowledged = window, acknowledged
        self.count = -(-len(apdu) // self._piece)
        self.is_through = False  # its last block was sent

    @property
    def fits(self) -> bool:
        return self._first + self.count <= MAX_NUMBER

    def begin(self) -> list[bytes]:
        return self._from(self._first)

    def go_on(self, block: GeneralBlock) -> list[bytes]:
        """What the client has not acknowledged, as much as its window takes; nothing when it has all."""
        self._window, self._acknowledged = block.window, block.number
        return self._from(max(block.acknowledged + 1, self._first))

    def _from(self, number: int) -> list[bytes]:
        end = self._first + self.count
        numbers = range(number, min(number + max(self._window, 1), end))
        self.is_through = numbers.stop == end
        return [self._block(one, last=one == end - 1, streaming=one != numbers[-1]) for one in numbers]

    def _block(self, number: int, *, last: bool, streaming: bool) -> bytes:
        start = (number - self._first) * self._piece
        data = self._apdu[start : start + self._piece]
        return encode(GeneralBlock(last, streaming, WINDOW, number, self._acknowledged, data))


class Blocks:
    """Both directions of one association's transfer."""

    __slots__ = ("_max_octets", "_sent", "incoming", "is_current", "max_apdu", "outgoing")

    def __init__(self, *, max_apdu: int, max_octets: int) -> None:
        self.max_apdu, self._max_octets = max_apdu, max_octets
        self._sent = 0
        self.incoming: Incoming | None = None
        self.outgoing: Outgoing | None = None
        self.is_current = False  # the client has not turned to anything else since

    @property
    def is_under_way(self) -> bool:
        is_going_out = self.outgoing is not None and not self.outgoing.is_through
        return self.is_current and (self.incoming is not None or is_going_out)

    def take(self, block: GeneralBlock) -> list[bytes] | bytes | None:
        """APDUs to send, the whole request in its octets, or None: it is longer than a meter takes."""
        self.is_current = True
        if self.outgoing is not None and not (block.number == 1 and block.data):
            more = self.outgoing.go_on(block)
            if not more:
                self.outgoing = None
            return more
        if self.incoming is None or block.number == 1:
            self.incoming, self.outgoing, self._sent = Incoming(self._max_octets), None, 0
        incoming = self.incoming
        incoming.add(block)
        if incoming.overflow:
            self.incoming = None
            return None
        if incoming.complete:
            return incoming.apdu()
        return [self._acknowledge(incoming)] if incoming.turn else []

    def answer(self, apdu: bytes) -> list[bytes] | None:
        """The first blocks of an answer; None if it has too many."""
        incoming, self.incoming = self.incoming, None
        window, acknowledged = (incoming.window, incoming.acknowledged) if incoming else (1, 0)
        self.outgoing = Outgoing(apdu, self.max_apdu, window=window, acknowledged=acknowledged, sent_before=self._sent)
        self._sent = 0
        self.is_current = True
        return self.outgoing.begin() if self.outgoing.fits else None

    def _acknowledge(self, incoming: Incoming) -> bytes:
        self._sent += 1
        return encode(GeneralBlock(False, False, WINDOW, self._sent, incoming.acknowledged, b""))
