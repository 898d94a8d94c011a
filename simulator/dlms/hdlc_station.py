# SPDX-License-Identifier: MIT
"""The secondary station of one data link connection in normal response mode (IEC 62056-46 6.4.4.4): numbers, windows.

A command in, what became of it out. It speaks only when polled, and knows no time, no other connection, no APDU.
"""

from __future__ import annotations

from collections import deque
from itertools import islice

from simulator.wire import hdlc
from simulator.wire.hdlc import POLL_FINAL, Address, Control, Frame
from simulator.wire.hdlc_parameters import Parameters

LLC_COMMAND, LLC_RESPONSE = b"\xe6\xe6\x00", b"\xe6\xe7\x00"
_NUMBERS = 8
# Why a frame is rejected: the bits W, X, Y, Z of FRMR (ISO/IEC 13239 5.5.3.4.2).
_UNKNOWN_CONTROL, _TOO_LONG, _BAD_RECEIVE_NUMBER = 0x01, 0x04, 0x08
_MISPLACED_INFORMATION = 0x03


class Station:
    """`take` gives the LPDU that a command completed, or frames to send, or None."""

    __slots__ = (
        "_acknowledged",
        "_assembled",
        "_expected",
        "_held",
        "_max_assembled",
        "_queue",
        "_rejected",
        "_sent",
        "address",
        "client",
        "has_news",
        "heard_ms",
        "parameters",
        "polled",
    )

    def __init__(self, address: Address, client: int, parameters: Parameters, *, max_assembled: int) -> None:
        self.address, self.client, self.parameters = address, client, parameters
        self.polled = False  # the primary gave us the word and waits
        self.heard_ms = 0
        self.has_news = False  # it would say something unasked, given the word
        self._max_assembled = max_assembled
        self._expected = 0  # V(R)
        self._acknowledged = 0  # N(S) of the first frame in the queue
        self._sent = 0  # how many of the queue were sent; V(S) is _acknowledged + _sent
        self._held = 0  # octets in the queue
        self._queue: deque[tuple[bytes, bool]] = deque()  # information field, more segments follow
        self._assembled = bytearray()
        self._rejected: bytes | None = None  # information field of the FRMR that is told until the link is set up anew

    def take(self, frame: Frame) -> bytes | bytearray | None:
        """An LPDU is a bytearray, frames to send are bytes."""
        self.polled = self.polled or frame.poll
        if self._rejected is not None:
            return self._answer(Control.FRMR, self._rejected)
        control = frame.control & ~POLL_FINAL
        if control & 0x01 == 0:
            return self._take_information(frame)
        if control & 0x0F in (Control.RR, Control.RNR):
            return self._take_supervision(frame)
        return self._reject(frame, _UNKNOWN_CONTROL)

    def queue(self, lpdu: bytes) -> bytes:
        """Sends an LPDU in as many segments as it takes; those that must wait for a poll follow by `take`."""
        size = self.parameters.information_transmit
        last = len(lpdu) - size
        self._held += len(lpdu)
        self._queue.extend((lpdu[at : at + size], at < last) for at in range(0, len(lpdu), size))
        return self.transmit()

    def transmit(self) -> bytes:
        """What the window allows if we are polled; the last frame gives the word back (6.4.4.4.5).

        Frames that were sent before and not acknowledged are sent again: the poll is the checkpoint.
        """
        if not self.polled:
            return b""
        batch = list(islice(self._queue, self.parameters.window_transmit))
        if not batch:
            return b"" if self.has_news else self.say(b"")
        self.polled = False
        self._sent = len(batch)
        return b"".join(self._numbered(place, *one) for place, one in enumerate(batch))

    def say(self, lpdu: bytes) -> bytes:
        """Unasked, in an unnumbered frame of its own; what is none, or does not fit, leaves the poll its RR."""
        if not lpdu or len(lpdu) > self.parameters.information_transmit:
            return self._answer(Control.RR | self._expected << 5)
        return self._answer(Control.UI, lpdu)

    def _numbered(self, place: int, information: bytes, more: bool) -> bytes:
        number = (self._acknowledged + place) % _NUMBERS
        final = POLL_FINAL if place == self._sent - 1 else 0
        control = self._expected << 5 | final | number << 1
        return hdlc.encode(self.address, self.client, control, information, segmented=more)

    def _answer(self, control: int, information: bytes = b"") -> bytes:
        if not self.polled:
            return b""
        self.polled = False
        return hdlc.encode(self.address, self.client, control | POLL_FINAL, information)

    def _acknowledge(self, number: int) -> bool:
        """Takes N(R); False if it acknowledges what was never sent."""
        count = (number - self._acknowledged) % _NUMBERS
        if count > self._sent:
            return False
        for _ in range(count):
            self._held -= len(self._queue.popleft()[0])
        self._acknowledged, self._sent = number, self._sent - count
        return True

    def _take_supervision(self, frame: Frame) -> bytes:
        if frame.information:
            return self._reject(frame, _MISPLACED_INFORMATION)
        if not self._acknowledge(frame.control >> 5):
            return self._reject(frame, _BAD_RECEIVE_NUMBER)
        if frame.control & 0x0F == Control.RNR:
            return self._answer(Control.RR | self._expected << 5)  # it cannot take information now
        return self.transmit()

    def _take_information(self, frame: Frame) -> bytes | bytearray:
        if len(frame.information) > self.parameters.information_receive:
            return self._reject(frame, _TOO_LONG)
        if not self._acknowledge(frame.control >> 5):
            return self._reject(frame, _BAD_RECEIVE_NUMBER)
        if frame.control >> 1 & 0x07 != self._expected or self._held > self._max_assembled:
            # A duplicate, whose answer was lost: that is sent again. One before it got lost: RR says which. Or a
            # primary that asks on and takes no answers: it is not heard until it has taken some.
            return self.transmit()
        self._expected = (self._expected + 1) % _NUMBERS
        self._assembled += frame.information
        if len(self._assembled) > self._max_assembled:
            return self._reject(frame, _TOO_LONG)
        if frame.segmented:
            return self.transmit()
        whole, self._assembled = self._assembled, bytearray()
        return whole

    def _reject(self, frame: Frame, why: int) -> bytes:
        self._assembled.clear()
        sending = (self._acknowledged + self._sent) % _NUMBERS
        self._rejected = bytes((frame.control, self._expected << 5 | sending << 1, why))
        return self._answer(Control.FRMR, self._rejected)
