# SPDX-License-Identifier: MIT
"""The wrapper that carries APDUs over TCP and UDP (Green Book 7.3.3.2): its header, and APDUs out of a byte stream.

Holds at most one unfinished frame of bounded length plus what was fed behind it. Knows no APDU.
"""

from __future__ import annotations

import struct

HEADER_OCTETS = 8
_VERSION = 1
_HEADER = struct.Struct(">HHHH")  # version, source wPort, destination wPort, length
_pack, _unpack = _HEADER.pack, _HEADER.unpack_from

Frame = tuple[int, int, bytes]
"""(source, destination, APDU)"""


def encode(source: int, destination: int, apdu: bytes) -> bytes:
    return _pack(_VERSION, source, destination, len(apdu)) + apdu


class Splitter:
    """Bytes in at any split, frames out in order.

    `broken` after a header that cannot be one, for nothing says where the next frame would begin, and after more input
    than `max_pending` octets that nobody took: then nothing comes any more.
    """

    __slots__ = ("_buffer", "_max_frame", "_max_pending", "_whole", "broken")

    encode = staticmethod(encode)

    def __init__(self, *, max_frame: int, max_pending: int) -> None:
        self._max_frame = max_frame
        self._max_pending = max_pending
        self._buffer = bytearray()
        self._whole: Frame | None = None
        self.broken = False

    @property
    def buffered(self) -> int:
        """Octets held and not handed out yet."""
        return len(self._buffer) + (HEADER_OCTETS + len(self._whole[2]) if self._whole is not None else 0)

    def feed(self, data: bytes, now_ms: int = 0) -> None:
        """Takes the instant as every framing does, and has no use for it."""
        if self.broken:
            return
        # The usual case, one whole frame in one segment, goes past the buffer: one copy of the APDU and none else.
        if not self._buffer and self._whole is None and len(data) >= HEADER_OCTETS:
            version, source, destination, length = _unpack(data)
            if version == _VERSION and length == len(data) - HEADER_OCTETS <= self._max_frame:
                self._whole = (source, destination, data[HEADER_OCTETS:])
                return
        self._buffer += data
        if len(self._buffer) > self._max_pending:
            self._break()

    def next(self) -> Frame | None:
        whole = self._whole
        if whole is not None:
            self._whole = None
            return whole
        return self._split() if len(self._buffer) >= HEADER_OCTETS else None

    def _split(self) -> Frame | None:
        version, source, destination, length = _unpack(self._buffer)
        if version != _VERSION or length > self._max_frame:
            self._break()
            return None
        end = HEADER_OCTETS + length
        if len(self._buffer) < end:
            return None
        apdu = bytes(self._buffer[HEADER_OCTETS:end])
        del self._buffer[:end]  # moves the start of the bytearray, not its contents
        return source, destination, apdu

    def _break(self) -> None:
        self.broken = True
        self._buffer = bytearray()
