# SPDX-License-Identifier: MIT
"""One connection whose meters have faults: a framing before its framing, devices before its devices.

The faults say what happens to a message; this finds the meter that a message is of, and does it. A connection whose
meters never had a fault has none of this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from simulator.dlms.framing import Framing, Lost, Poll, Word
from simulator.dlms.hdlc_link import server_number
from simulator.dlms.session import Session
from simulator.faults import course
from simulator.faults.answer_blocks import block_of
from simulator.faults.book import Turn
from simulator.faults.device import FaultyDevice
from simulator.faults.fault import Message
from simulator.fleet.delays import Delays
from simulator.ports import LogicalDevice
from simulator.wire import hdlc

_FLAG = bytes((hdlc.FLAG,))
_NO_INFORMATION = 0x01  # in the control field of all frames but I frames (IEC 62056-46 6.4.3)
Turns = Callable[[int], Sequence[Turn]]  # what a meter has now, by its number
MeterOf = Callable[[int], int]  # server's number in its framing -> meter's number


class FaultyLink:
    """What a session and its framing share. `alone`: all that comes is for this meter and meets its faults as it comes;
    else each APDU meets those of its own meter."""

    def __init__(self, turns: Turns, meter_of: MeterOf, delays: Delays, *, alone: int | None, reliable: bool) -> None:
        self._turns, self.meter_of, self._delays = turns, meter_of, delays
        self.alone, self._reliable = alone, reliable
        self._octets = self._messages = 0
        self._ended = False
        self._is_lost = False  # the answer that is being ciphered will not be sent
        self._is_last = True  # the answer under way ends with the APDU that is being framed

    def stand_in(self, session: Session) -> None:
        def framing(inner: Framing) -> Framing:
            return FaultyFraming(inner, self, session)

        session.interpose(framing, self._device)

    def turns(self, server: int) -> Sequence[Turn]:
        return self._turns(self.meter_of(server))

    def receive(self, meter: int, octets: bytes) -> bytes:
        """What of it the meter hears."""
        if self._ended:
            return b""
        carried = course.carry(self._turns(meter), self._message(octets, outgoing=False, last=False))
        self._messages += 1
        if carried.end is not None:
            self._ended = True
            self._delays.pass_on(carried)
            return b""
        self._delays.hold(carried)
        return carried.octets

    def send(self, server: int, frame: bytes, *, last: bool) -> bytes:
        """What of it goes at once."""
        if self._ended:
            return b""
        carried = course.carry(self.turns(server), self._message(frame, outgoing=True, last=last))
        self._messages += 1
        self._octets += len(carried.octets)
        self._ended = carried.end is not None
        return self._delays.pass_on(carried) if carried.octets or carried.end else b""

    def reply(self, server: int, apdu: bytes) -> bytes | None:
        return course.reply(self.turns(server), apdu) if apdu else None

    def spoil(self, server: int, apdu: bytes) -> bytes:
        """An APDU as it is framed; empty if it is not to be sent."""
        lost, self._is_lost = self._is_lost, False
        return b"" if lost else self._spoilt(server, apdu)

    def ends(self, frame: bytes) -> bool:
        """Whether an answer ends with this frame of it."""
        if frame[:1] != _FLAG:
            return self._is_last
        taken = hdlc.decode_from_server(frame[1:-1])
        return self._is_last and taken is not None and not taken.segmented and not taken.control & _NO_INFORMATION

    def begin_answer(self) -> None:
        self._is_last = True

    def _device(self, server: int, inner: LogicalDevice) -> LogicalDevice:
        def spoil(apdu: bytes) -> bytes:
            spoilt = self._spoilt(server, apdu) if apdu else apdu
            self._is_lost = bool(apdu) and not spoilt
            return spoilt or apdu

        return FaultyDevice(inner, lambda: self.turns(server), spoil)

    def _spoilt(self, server: int, apdu: bytes) -> bytes:
        if (block := block_of(apdu)) is not None:
            self._is_last = block.last
        return course.spoil(self.turns(server), apdu)

    def _message(self, octets: bytes, *, outgoing: bool, last: bool) -> Message:
        return Message(octets, outgoing, last, self._octets, self._messages, self._reliable)


class FaultyFraming:
    """A Framing before another one."""

    def __init__(self, inner: Framing, link: FaultyLink, session: Session) -> None:
        self._inner, self._link, self._session = inner, link, session
        self._asked = 0  # the server that was called last

    @property
    def broken(self) -> bool:
        return self._inner.broken

    @property
    def word(self) -> Word:
        return self._inner.word

    @property
    def buffered(self) -> int:
        return self._inner.buffered

    def feed(self, data: bytes, now_ms: int) -> None:
        if self._link.alone is not None:
            data = self._link.receive(self._link.alone, data)
        if data:
            self._inner.feed(data, now_ms)

    def next(self) -> tuple[int, int, bytes] | bytes | Lost | Poll | None:
        while (frame := self._inner.next()) is not None:
            outcome = self._pass(frame) if isinstance(frame, bytes | Lost | Poll) else self._take(frame)
            if outcome:
                return outcome
        return None

    def encode(self, source: int, destination: int, apdu: bytes) -> bytes:
        spoilt = self._link.spoil(source, apdu)
        if not spoilt:
            return b""
        return self._sent(source, self._inner.encode(source, destination, spoilt))

    def want_poll(self, source: int, destination: int, *, wanted: bool) -> None:
        self._inner.want_poll(source, destination, wanted=wanted)

    def unasked(self, source: int, destination: int, apdu: bytes) -> bytes:
        self._link.begin_answer()
        spoilt = self._link.spoil(source, apdu) if apdu else apdu
        return self._sent(source, self._inner.unasked(source, destination, spoilt))

    def _take(self, frame: tuple[int, int, bytes]) -> tuple[int, int, bytes] | bytes | None:
        client, server, apdu = frame
        link = self._link
        if link.alone is None and not link.receive(link.meter_of(server), apdu):
            return None
        self._asked = server
        link.begin_answer()
        if (reply := link.reply(server, apdu)) is not None:
            return self._sent(server, self._inner.encode(server, client, reply))
        turns = link.turns(server)
        self._session.limit(server, lambda agreed: course.size(turns, agreed))
        return frame

    def _pass(self, signal: bytes | Lost | Poll) -> bytes | Lost | Poll:
        """What the framing says of itself: frames without an APDU, or further ones of an answer."""
        return self._sent(self._sender(signal), signal) if isinstance(signal, bytes) else signal

    def _sent(self, server: int, octets: bytes) -> bytes:
        link = self._link
        return b"".join([link.send(server, frame, last=link.ends(frame)) for frame in _frames(octets)])

    def _sender(self, frame: bytes) -> int:
        taken = hdlc.decode_from_server(frame[1:-1]) if frame[:1] == _FLAG else None
        return self._asked if taken is None else server_number(taken.server.upper, taken.server.lower)


def _frames(octets: bytes) -> Iterator[bytes]:
    """HDLC frames one by one; anything else as it is."""
    while octets[:1] == _FLAG:
        end = 2 + (int.from_bytes(octets[1:3], "big") & 0x07FF)
        yield octets[:end]
        octets = octets[end:]
    if octets:
        yield octets
