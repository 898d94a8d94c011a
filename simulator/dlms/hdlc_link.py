# SPDX-License-Identifier: MIT
"""HDLC below a session (IEC 62056-46): the connections on one line, their set-up and end, UI, and time-outs.

Bytes and an instant in, APDUs and bytes out; who lives on the line is asked. Whatever is not sound, not for a station
of this line, or half sent when the line falls silent, is passed over without a word.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from simulator.dlms.framing import Lost, Poll, Word
from simulator.dlms.hdlc_station import LLC_COMMAND, LLC_RESPONSE, Station
from simulator.wire import hdlc, hdlc_parameters
from simulator.wire.hdlc import ALL_STATION, CALLING, NO_STATION, POLL_FINAL, Address, Control, Frame

_LOWER_SHIFT = 14
_MAX_ADDRESS = 0x3FFF
_SWEEP_MS = 1_000  # how often those are looked for that time out without being called


@dataclass(frozen=True, slots=True)
class HdlcSettings:
    """What the stations of a line can do; a client that negotiates nothing gets windows of 1 and 128 octets."""

    window: int = hdlc_parameters.MAX_WINDOW
    information: int = hdlc_parameters.MAX_INFORMATION
    inter_octet_ms: int = 1_000  # a network may pause within a frame; on a real line 25 ms are usual
    inactivity_ms: int = 120_000
    max_connections: int = 64
    max_apdu: int = 65_535


DEFAULT_SETTINGS = HdlcSettings()


def server_number(upper: int, lower: int | None) -> int:
    """One number for both parts of a server's address; without a lower part it is the upper one itself."""
    return (lower or 0) << _LOWER_SHIFT | upper


def server_parts(number: int) -> tuple[int, int | None]:
    """Upper and lower part of a server's number."""
    return number & _MAX_ADDRESS, number >> _LOWER_SHIFT or None


@dataclass(frozen=True, slots=True)
class _Unconnected:
    """An APDU came in a UI frame: its answer goes the same way if the client gave us the word, else nowhere."""

    address: Address
    polled: bool


_NOT_ASKING = _Unconnected(Address(ALL_STATION), polled=False)


class HdlcLink:
    """A Framing: source and destination are the client's address and the server's number."""

    broken = False
    buffered = 0  # half a frame is our own business: see inter_octet_ms
    word = Word.WHEN_POLLED  # in normal response mode a secondary speaks when it is polled (6.4.4.4)

    def __init__(self, exists: Callable[[int], bool], settings: HdlcSettings = DEFAULT_SETTINGS) -> None:
        self._exists = exists
        self._settings = settings
        self._splitter = hdlc.Splitter()
        self._stations: dict[tuple[int, int], Station] = {}
        self._due: deque[Lost | bytes | tuple[int, int, bytes]] = deque()
        self._asker: Station | _Unconnected | None = None  # from whom the APDU came that was handed out last
        self._now_ms = self._fed_ms = self._swept_ms = 0

    @property
    def connected(self) -> bool:
        return bool(self._stations)

    def feed(self, data: bytes, now_ms: int) -> None:
        if self._splitter.buffered and now_ms - self._fed_ms > self._settings.inter_octet_ms:
            self._splitter.reset()
        self._fed_ms = now_ms
        self.pass_time(now_ms)
        self._splitter.feed(data)

    def pass_time(self, now_ms: int) -> None:
        """Connections that were silent for too long are gone, without a word (6.4.4.3.2)."""
        self._now_ms = now_ms
        if now_ms - self._swept_ms >= _SWEEP_MS:
            self._swept_ms = now_ms
            for key in list(self._stations):
                self._station(key)

    def next(self) -> tuple[int, int, bytes] | bytes | Lost | Poll | None:
        if self._asker is not None:
            asker, self._asker = self._asker, None
            # The APDU that it sent wants no answer, but its poll does.
            if isinstance(asker, Station) and asker.polled and (due := asker.transmit() or self._poll_of(asker)):
                return due
        while True:
            if self._due:
                due_first = self._due.popleft()
                if type(due_first) is tuple:  # came to all stations: nobody answers
                    self._asker = _NOT_ASKING
                return due_first
            frame = self._splitter.next()
            if frame is None:
                return None
            if (outcome := self._take(frame)) is not None:
                return outcome

    def encode(self, source: int, destination: int, apdu: bytes) -> bytes:
        """What may be sent of an answer now; empty if the client must poll for it first, or is gone."""
        asker, self._asker = self._asker, None
        lpdu = LLC_RESPONSE + apdu
        if isinstance(asker, _Unconnected):
            if not asker.polled or len(lpdu) > self._settings.information:
                return b""
            return hdlc.encode(asker.address, destination, Control.UI | POLL_FINAL, lpdu)
        station = self._stations.get((destination, source))
        return station.queue(lpdu) if station is not None else b""

    def want_poll(self, source: int, destination: int, *, wanted: bool) -> None:
        station = self._stations.get((destination, source))
        if station is not None:
            station.has_news = wanted

    def unasked(self, source: int, destination: int, apdu: bytes) -> bytes:
        """In a UI frame: on a poll by UI, or on one that there is nothing else to answer by."""
        asker, self._asker = self._asker, None
        lpdu = LLC_RESPONSE + apdu if apdu else b""
        if isinstance(asker, _Unconnected):
            fits = lpdu and len(lpdu) <= self._settings.information
            return hdlc.encode(asker.address, destination, Control.UI | POLL_FINAL, lpdu) if fits else b""
        station = self._stations.get((destination, source))
        return station.say(lpdu) if station is not None else b""

    def _take(self, frame: Frame) -> tuple[int, int, bytes] | bytes | Poll | None:
        control = frame.control & ~POLL_FINAL
        if control == Control.UI:
            return self._take_unconnected(frame)
        number = _number_of(frame.server)
        if _special(frame.server):
            return None  # 6.4.2.3: only UI may go to all stations
        key = frame.client, number
        if not self._exists(number):
            self._drop(key)  # it has gone, if it was there
            return None
        station = self._station(key)
        if control == Control.SNRM:
            return self._connect(key, frame)
        if control == Control.DISC:
            mode = Control.DM if station is None else Control.UA
            self._drop(key)
            return _reply(frame, mode)
        if station is None:
            return _reply(frame, Control.DM) if _meant(frame) else None
        station.heard_ms, station.address = self._now_ms, frame.server
        outcome = station.take(frame)
        if isinstance(outcome, bytearray):
            return self._hand_out(station, number, outcome)
        return outcome or self._poll_of(station)

    def _poll_of(self, station: Station) -> Poll | None:
        """Polled, with nothing to send but what nobody has asked for."""
        if not station.polled or not station.has_news:
            return None
        return Poll(station.client, _number_of(station.address))

    def _connect(self, key: tuple[int, int], frame: Frame) -> bytes | None:
        """SNRM sets up a connection, or an existing one anew; what lived in the old one is gone."""
        proposed = hdlc_parameters.decode(frame.information)
        if proposed is None or not proposed.valid:
            return _reply(frame, Control.DM)
        self._drop(key)
        if len(self._stations) >= self._settings.max_connections:
            self._drop(min(self._stations, key=lambda known: self._stations[known].heard_ms))
        agreed = hdlc_parameters.agree(proposed, information=self._settings.information, window=self._settings.window)
        station = Station(frame.server, frame.client, agreed, max_assembled=self._settings.max_apdu + len(LLC_COMMAND))
        station.heard_ms = self._now_ms
        self._stations[key] = station
        return _reply(frame, Control.UA, hdlc_parameters.encode(agreed))

    def _station(self, key: tuple[int, int]) -> Station | None:
        """The connection of a client with a server, unless it has timed out."""
        station = self._stations.get(key)
        if station is not None and self._now_ms - station.heard_ms >= self._settings.inactivity_ms:
            self._drop(key)
            return None
        return station

    def _drop(self, key: tuple[int, int]) -> None:
        if self._stations.pop(key, None) is not None:
            self._due.append(Lost(*key))

    def _hand_out(self, station: Station, number: int, lpdu: bytearray) -> tuple[int, int, bytes] | bytes | Poll | None:
        if not lpdu.startswith(LLC_COMMAND):
            return station.transmit() or self._poll_of(station)
        self._asker = station
        return station.client, number, bytes(lpdu[len(LLC_COMMAND) :])

    def _take_unconnected(self, frame: Frame) -> tuple[int, int, bytes] | Poll | None:
        if not frame.information:
            return self._triggered(frame)
        if not frame.information.startswith(LLC_COMMAND):
            return None
        apdu = frame.information[len(LLC_COMMAND) :]
        if ALL_STATION in frame.server[:2]:
            self._due.extend((client, number, apdu) for client, number in self._addressed(frame))
            return None
        number = _number_of(frame.server)
        if _special(frame.server) or not self._exists(number):
            return None
        self._asker = _Unconnected(frame.server, frame.poll)
        return frame.client, number, apdu

    def _triggered(self, frame: Frame) -> Poll | None:
        """An empty UI frame that polls lets the station send what is pending (Green Book 9.3.12)."""
        number = _number_of(frame.server)
        station = None if _special(frame.server) else self._station((frame.client, number))
        if station is None or not frame.poll or not station.has_news:
            return None
        self._asker = _Unconnected(frame.server, polled=True)
        return Poll(frame.client, number)

    def _addressed(self, frame: Frame) -> list[tuple[int, int]]:
        """The connections that this client has with stations that a frame to all is meant for."""
        upper, lower = frame.server[:2]
        return [
            (client, number)
            for client, number in self._stations
            if client == frame.client
            and upper in (ALL_STATION, server_parts(number)[0])
            and lower in (None, ALL_STATION, server_parts(number)[1])
        ]


def _number_of(server: Address) -> int:
    return server_number(server.upper, server.lower)


def _special(server: Address) -> bool:
    """Nobody's address, or several stations': none of them answers."""
    return not {NO_STATION, CALLING, ALL_STATION}.isdisjoint(server[:2])


def _meant(frame: Frame) -> bool:
    """An I frame without an LPDU was never a request; it is passed over rather than answered by DM."""
    return bool(frame.control & 0x01) or frame.information.startswith(LLC_COMMAND)


def _reply(frame: Frame, control: int, information: bytes = b"") -> bytes | None:
    if not frame.poll:
        return None
    return hdlc.encode(frame.server, frame.client, control | POLL_FINAL, information)
