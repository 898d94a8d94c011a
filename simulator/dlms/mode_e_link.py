# SPDX-License-Identifier: MIT
"""A serial line that begins with the sign-on of IEC 62056-21 mode E and goes on with HDLC at the speed agreed there.

It says at which speed the line should run; who drives the line sets it. It holds a bounded number of octets.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from simulator.dlms.framing import Lost, Poll, Word
from simulator.dlms.hdlc_link import HdlcLink
from simulator.wire import mode_e
from simulator.wire.mode_e import Choice, SignOn


class LineSpeed(NamedTuple):
    baud: int
    seven_bits_even: bool = False  # 7E1 as long as characters are exchanged, 8N1 for HDLC


class SignedOn(NamedTuple):
    """Whom a sign-on reached."""

    meter: int
    flag: str
    name: str


OPENING = LineSpeed(mode_e.OPENING_BAUD, seven_bits_even=True)
_CHARACTER_GAP_MS = 1_500  # IEC 62056-21 6.3.13
_LONGEST_LINE = 64
_AWAIT_REQUEST, _AWAIT_CHOICE, _HDLC = range(3)


class ModeELink:
    """A Framing: HDLC with its sign-on. `find` says who answers to an address."""

    broken = False
    buffered = 0
    word = Word.WHEN_POLLED

    def __init__(
        self, link: HdlcLink, find: Callable[[str], SignedOn | None], *, baud: int, inactivity_ms: int
    ) -> None:
        self.speed = OPENING
        self.meter: int | None = None  # who has signed on; the others on the line keep silent
        self._link, self._find = link, find
        self._baud, self._inactivity_ms = baud, inactivity_ms
        self._phase = _AWAIT_REQUEST
        self._line = bytearray()
        self._due: deque[bytes] = deque()
        self._fed_ms = 0
        self._was_connected = False

    @property
    def connected(self) -> bool:
        """The sign-on is over and an HDLC connection is set up."""
        return self._link.connected

    def feed(self, data: bytes, now_ms: int) -> None:
        self.pass_time(now_ms)
        gap_ms, self._fed_ms = now_ms - self._fed_ms, now_ms
        if self._phase == _HDLC and not data.startswith(b"/?"):
            self._link.feed(data, now_ms)
            return
        if self._phase == _HDLC:
            self._start_over()  # a reader that lost the thread signs on anew
        if gap_ms > _CHARACTER_GAP_MS:
            self._line.clear()
        self._line += bytes(octet & 0x7F for octet in data)
        while (end := self._line.find(b"\n")) >= 0 and self._phase != _HDLC:
            line = bytes(self._line[:end]).removesuffix(b"\r")
            del self._line[: end + 1]
            self._take_line(line)
        del self._line[:-_LONGEST_LINE]

    def pass_time(self, now_ms: int) -> None:
        """Back to the opening speed when nothing was heard for too long, or the last connection has timed out."""
        self._link.pass_time(now_ms)
        if self._phase != _AWAIT_REQUEST and now_ms - self._fed_ms >= self._inactivity_ms:
            self._start_over()
        self._end_with_connection()

    def next(self) -> tuple[int, int, bytes] | bytes | Lost | Poll | None:
        if self._due:
            return self._due.popleft()
        outcome = self._link.next()
        if outcome is None:
            self._end_with_connection()  # the UA to a DISC is on its way by now
        return outcome

    def encode(self, source: int, destination: int, apdu: bytes) -> bytes:
        return self._link.encode(source, destination, apdu)

    def want_poll(self, source: int, destination: int, *, wanted: bool) -> None:
        self._link.want_poll(source, destination, wanted=wanted)

    def unasked(self, source: int, destination: int, apdu: bytes) -> bytes:
        return self._link.unasked(source, destination, apdu)

    def _take_line(self, line: bytes) -> None:
        message = mode_e.read_line(line)
        if isinstance(message, SignOn):
            reached = self._find(message.address)
            if reached is not None:
                self.meter = reached.meter
                self._phase = _AWAIT_CHOICE
                self._due.append(mode_e.identification(reached.flag, self._baud, reached.name))
        elif isinstance(message, Choice) and self._phase == _AWAIT_CHOICE:
            if message.hdlc and message.baud is not None and message.baud <= self._baud:
                self.speed = LineSpeed(message.baud)
                self._phase = _HDLC
                self._due.append(mode_e.acknowledgement(message.baud))  # at the new speed
            else:
                self._start_over()  # another protocol, or a speed that was not offered

    def _end_with_connection(self) -> None:
        connected = self._link.connected
        if self._was_connected and not connected:
            self._start_over()
        self._was_connected = connected

    def _start_over(self) -> None:
        self.speed, self.meter, self._phase = OPENING, None, _AWAIT_REQUEST
        self._was_connected = self._link.connected
        self._line.clear()
