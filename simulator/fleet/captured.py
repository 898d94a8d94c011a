# SPDX-License-Identifier: MIT
"""Connections whose octets a capture keeps, each in the packets that could have carried them.

The fleet sees streams, datagrams and lines but no packets, so headers are made up; octets, order and time are real.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from simulator.fleet.capture import Capture
from simulator.fleet.connection import Connection, SessionAt
from simulator.fleet.packets import ACK, FIN, MOST, PSH, SYN, End, Stream, datagram, end_of
from simulator.wire.wrapper import HEADER_OCTETS

_CLIENT, _METER = 0, 1
_HEAD_END = "127.255.255.254"  # on a serial line
_LINES = int.from_bytes(bytes((127, 255, 0, 0)), "big")
_LINE_PORT = 4059  # so that dissectors know what it is
_FIRST_PORT, _PORTS = 49_152, 16_384


class Tape(Protocol):
    """One conversation, kept."""

    def keep(self, side: int, data: bytes) -> None: ...

    def end(self) -> None: ...


Tapes = Callable[[asyncio.BaseTransport], Tape | None]


class StreamTape:
    def __init__(self, capture: Capture, client: End, meter: End) -> None:
        self._capture, self._stream = capture, Stream(client, meter)
        capture.packet(self._stream.segment(_CLIENT, SYN))
        capture.packet(self._stream.segment(_METER, SYN | ACK))

    def keep(self, side: int, data: bytes) -> None:
        for at in range(0, len(data), MOST):
            self._capture.packet(self._stream.segment(side, PSH | ACK, data[at : at + MOST]))

    def end(self) -> None:
        self._capture.packet(self._stream.segment(_METER, FIN | ACK))


class DatagramTape:
    """A frame of the wrapper in each datagram."""

    def __init__(self, capture: Capture, client: End, meter: End) -> None:
        self._capture, self._ends = capture, (client, meter)

    def keep(self, side: int, data: bytes) -> None:
        while data:
            size = HEADER_OCTETS + int.from_bytes(data[6:8], "big")
            self._capture.packet(datagram(self._ends[side], self._ends[1 - side], data[:size]))
            data = data[size:]

    def end(self) -> None:
        pass


def network_tapes(capture: Capture, *, udp: bool) -> Tapes:
    def begin(transport: asyncio.BaseTransport) -> Tape | None:
        peer = transport.get_extra_info("peername")
        if peer is None:  # gone already
            return None
        kind = DatagramTape if udp else StreamTape
        return kind(capture, end_of(peer), end_of(transport.get_extra_info("sockname")))

    return begin


def line_tapes(capture: Capture, number: int) -> Tapes:
    """The line of that number, from 1, looks like TCP to 127.255.0.1, .2 ..., with a connection for each session."""
    meter = End((_LINES + number).to_bytes(4, "big"), _LINE_PORT)
    sessions = 0

    def begin(_: asyncio.BaseTransport) -> Tape:
        nonlocal sessions
        sessions += 1
        return StreamTape(capture, end_of((_HEAD_END, _FIRST_PORT + sessions % _PORTS)), meter)

    return begin


class CapturedConnection(Connection):
    __slots__ = ("_tape", "_tapes")

    def __init__(self, session_at: SessionAt, known: set[Connection], tapes: Tapes) -> None:
        super().__init__(session_at, known)
        self._tapes = tapes
        self._tape: Tape | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if self.session is not None:
            self._tape = self._tapes(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._tape:
            self._tape.end()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._tape:
            self._tape.keep(_CLIENT, data)
        super().data_received(data)

    def _send(self, out: list[bytes]) -> None:
        if self._tape:
            self._tape.keep(_METER, b"".join(out))
        super()._send(out)
