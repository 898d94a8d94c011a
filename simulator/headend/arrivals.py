# SPDX-License-Identifier: GPL-2.0-only
"""APDUs out of what a meter sends by itself: the wrapper or HDLC, told by the first octet; and frames for answers.

Pure, and of bounded memory: octets in at any split, APDUs out in order. It knows no APDU.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from simulator.wire import hdlc, wrapper

_LONGEST_APDU = 0xFFFF
_SLICE = 0x4000  # octets that a splitter is given at once, so that its bound is one of memory and not of zeal
_PENDING = _LONGEST_APDU + wrapper.HEADER_OCTETS + _SLICE
_FROM_SERVER = b"\xe6\xe7\x00"  # LLC header (IEC 62056-46 5.3.2); UI frames of some meters have none
_FROM_CLIENT = b"\xe6\xe6\x00"


class Arrival(NamedTuple):
    framing: str  # wrapper or hdlc
    apdu: bytes
    framed: Callable[[bytes], bytes]  # an answering APDU as a frame back to the sender


class Inbox:
    """One connection, or one datagram. `broken`: what comes is neither of the two, and nothing is taken any more."""

    __slots__ = ("_reader", "broken")

    def __init__(self) -> None:
        self._reader: _Wrapper | _Hdlc | None = None
        self.broken = False

    @property
    def buffered(self) -> int:
        """Octets of what is not whole yet."""
        return self._reader.buffered if self._reader is not None else 0

    def feed(self, data: bytes) -> Iterator[Arrival]:
        """To be taken to its end."""
        if self._reader is None and data:
            self._reader = _Hdlc() if data[0] == hdlc.FLAG else _Wrapper()
        for start in range(0, len(data), _SLICE):
            if self.broken or self._reader is None:
                return
            yield from self._reader.feed(data[start : start + _SLICE])
            self.broken = self._reader.broken


class _Wrapper:
    def __init__(self) -> None:
        self._splitter = wrapper.Splitter(max_frame=_LONGEST_APDU, max_pending=_PENDING)

    @property
    def buffered(self) -> int:
        return self._splitter.buffered

    @property
    def broken(self) -> bool:
        return self._splitter.broken

    def feed(self, data: bytes) -> Iterator[Arrival]:
        self._splitter.feed(data)
        while (frame := self._splitter.next()) is not None:
            source, destination, apdu = frame
            yield Arrival("wrapper", apdu, partial(wrapper.encode, destination, source))


class _Hdlc:
    """UI frames, and I frames of a meter that holds a connection to be open; long APDUs in segments."""

    broken = False

    def __init__(self) -> None:
        self._splitter = hdlc.Splitter(max_pending=_PENDING, decode=hdlc.decode_from_server)
        self._segments = b""

    @property
    def buffered(self) -> int:
        """A flag alone is the end of the last frame."""
        return max(self._splitter.buffered - 1, 0) + len(self._segments)

    def feed(self, data: bytes) -> Iterator[Arrival]:
        self._splitter.feed(data)
        while (frame := self._splitter.next()) is not None:
            if not _carries_apdu(frame):
                continue
            self._segments += frame.information
            if len(self._segments) > _PENDING:
                self.broken = True
                return
            if not frame.segmented:
                apdu, self._segments = self._segments.removeprefix(_FROM_SERVER), b""
                yield Arrival("hdlc", apdu, partial(_answer, frame))


def _carries_apdu(frame: hdlc.Frame) -> bool:
    kind = frame.control & ~hdlc.POLL_FINAL
    return bool(frame.information) and (kind == hdlc.Control.UI or not frame.control & 1)


def _answer(to: hdlc.Frame, apdu: bytes) -> bytes:
    return hdlc.encode_command(hdlc.Frame(to.server, to.client, hdlc.Control.UI, _FROM_CLIENT + apdu))
