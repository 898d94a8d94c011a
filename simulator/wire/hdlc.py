# SPDX-License-Identifier: MIT
"""HDLC frames of format type 3 (IEC 62056-46 6.4): addresses, control fields, check sequences, frames out of a stream.

Bytes <-> nouns. Knows no connection, no window and no APDU, and holds a bounded number of octets.
"""

from __future__ import annotations

from binascii import crc_hqx
from collections.abc import Callable
from enum import IntEnum
from typing import NamedTuple

FLAG = 0x7E
ALL_STATION = 0x3FFF  # 0x7F where an address has seven bits (6.4.2.3)
CALLING = 0x3FFE  # 0x7E
NO_STATION = 0

_FLAG = b"\x7e"
_TYPE = 0xA0  # format type 3 in the first four bits
_SEGMENTED = 0x0800
_LENGTH = 0x07FF
_SHORTEST = 7  # format, two addresses of one octet, control, FCS
_MIRROR = bytes(int(f"{octet:08b}"[::-1], 2) for octet in range(256))


class Control(IntEnum):
    """Control fields without their poll/final bit (6.4.3); the numbers of I, RR and RNR are added."""

    I = 0x00  # noqa: E741
    RR = 0x01
    RNR = 0x05
    UI = 0x03
    DM = 0x0F
    DISC = 0x43
    UA = 0x63
    SNRM = 0x83
    FRMR = 0x87


POLL_FINAL = 0x10


def fcs(octets: bytes) -> bytes:
    """The frame check sequence as it is sent, low octet first (ISO/IEC 13239 annex A).

    HDLC counts each octet's bits from the low end, the library's CRC from the high one: mirrored in, mirrored out.
    """
    return (crc_hqx(octets.translate(_MIRROR), 0xFFFF) ^ 0xFFFF).to_bytes(2, "big").translate(_MIRROR)


class Address(NamedTuple):
    """A server: the upper part names the logical device, the lower one the physical device; None: not given."""

    upper: int
    lower: int | None = None
    octets: int = 1  # 1, 2 or 4, as the client wrote it and as it is answered

    def encode(self) -> bytes:
        if self.octets == 4:
            return _fourteen(self.upper, 0) + _fourteen(self.lower or 0, 1)
        if self.octets == 2:
            return bytes(((self.upper & 0x7F) << 1, ((self.lower or 0) & 0x7F) << 1 | 1))
        return bytes(((self.upper & 0x7F) << 1 | 1,))


def _fourteen(value: int, end: int) -> bytes:
    return bytes(((value >> 7 & 0x7F) << 1, (value & 0x7F) << 1 | end))


def _address(field: bytes) -> Address | None:
    """None for a length that no address has (6.4.2.2)."""
    if len(field) == 1:
        return Address(_widened(field[0] >> 1))
    if len(field) == 2:
        return Address(_widened(field[0] >> 1), _widened(field[1] >> 1), 2)
    if len(field) == 4:
        return Address((field[0] & 0xFE) << 6 | field[1] >> 1, (field[2] & 0xFE) << 6 | field[3] >> 1, 4)
    return None


def _widened(value: int) -> int:
    """Seven bits as fourteen: the special addresses are at the end of each range."""
    return value | 0x3F80 if value >= 0x7E else value


class Frame(NamedTuple):
    """A command from a client to a server, or what a server sends to a client."""

    server: Address
    client: int
    control: int
    information: bytes = b""
    segmented: bool = False

    @property
    def poll(self) -> bool:
        return bool(self.control & POLL_FINAL)


def encode(server: Address, client: int, control: int, information: bytes = b"", *, segmented: bool = False) -> bytes:
    """A response from a server to a client, with its flags."""
    return _framed(bytes((client << 1 | 1,)) + server.encode(), control, information, segmented=segmented)


def encode_command(frame: Frame) -> bytes:
    """A command from a client to a server, with its flags."""
    addresses = frame.server.encode() + bytes((frame.client << 1 | 1,))
    return _framed(addresses, frame.control, frame.information, segmented=frame.segmented)


def _framed(addresses: bytes, control: int, information: bytes, *, segmented: bool) -> bytes:
    length = 2 + len(addresses) + 3 + (len(information) + 2 if information else 0)
    head = ((_TYPE << 8) | (_SEGMENTED if segmented else 0) | length).to_bytes(2, "big") + addresses
    head += bytes((control,))
    if information:
        head += fcs(head) + information
    return _FLAG + head + fcs(head) + _FLAG


def decode(octets: bytes) -> Frame | None:
    """The command between two flags; None for whatever is no whole and sound one (6.4.2.1, 6.4.4.4.2)."""
    middle = _end_of_address(octets, 2)
    return _decoded(octets, (2, middle), (middle, _end_of_address(octets, middle)))


def decode_from_server(octets: bytes) -> Frame | None:
    """The same for what a server sends: the destination, which is the client, stands first."""
    middle = _end_of_address(octets, 2)
    return _decoded(octets, (middle, _end_of_address(octets, middle)), (2, middle))


def _decoded(octets: bytes, server_field: tuple[int, int], client_field: tuple[int, int]) -> Frame | None:
    server = _address(octets[slice(*server_field)])
    control_at = max(server_field[1], client_field[1])
    if octets[-2:] != fcs(octets[:-2]) or server is None or control_at + 1 > len(octets) - 2:
        return None
    if client_field[1] != client_field[0] + 1:
        return None  # a client's address has one octet
    information = octets[control_at + 1 : -2]
    if information:
        if len(information) < 3 or information[:2] != fcs(octets[: control_at + 1]):
            return None
        information = information[2:]
    return Frame(server, octets[client_field[0]] >> 1, octets[control_at], information, bool(octets[0] & 0x08))


def _end_of_address(octets: bytes, start: int) -> int:
    """Where the address that begins at `start` ends: behind its first odd octet."""
    for at in range(start, len(octets) - 2):
        if octets[at] & 1:
            return at + 1
    return len(octets)


class Splitter:
    """Bytes in at any split, sound frames out in order; everything between them is passed over.

    Two frames may share the flag between them. A frame that is not whole when the line has been silent for too long is
    forgotten by `reset`. More than `max_pending` octets that nobody took are forgotten too: a station that keeps its
    window never sends as many.
    """

    __slots__ = ("_buffer", "_decode", "_max_pending")

    def __init__(self, *, max_pending: int = 32_768, decode: Callable[[bytes], Frame | None] = decode) -> None:
        self._buffer = bytearray()
        self._decode = decode
        self._max_pending = max_pending

    @property
    def buffered(self) -> int:
        return len(self._buffer)

    def reset(self) -> None:
        self._buffer.clear()

    def feed(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) > self._max_pending:
            del self._buffer[: -self._max_pending]

    def next(self) -> Frame | None:
        """The next sound frame. A flag within broken bytes may open the next one, so the search goes on behind it."""
        buffer = self._buffer
        start = 0
        while (start := buffer.find(_FLAG, start)) >= 0 and len(buffer) > start + 2:
            length = (buffer[start + 1] << 8 | buffer[start + 2]) & _LENGTH
            end = start + 1 + length
            if buffer[start + 1] & 0xF0 != _TYPE or length < _SHORTEST:
                start += 1
            elif end >= len(buffer):
                break  # not whole yet
            elif buffer[end] == FLAG and (frame := self._decode(bytes(buffer[start + 1 : end]))) is not None:
                # The closing flag may be the next frame's opening one; not when the word was given to us with it.
                del buffer[: end + 1 if frame.poll and end + 1 == len(buffer) else end]
                return frame
            else:
                start += 1
        del buffer[: start if start >= 0 else len(buffer)]
        return None
