# SPDX-License-Identifier: GPL-2.0-only
"""Where meters' octets come in: a TCP connection, a datagram. Each hands its pushes to the listener."""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, cast

from simulator.headend.arrivals import Arrival, Inbox

_CONNECTIONS = 10_000
_NO_LINGER = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
Send = Callable[[bytes], None]


@dataclass(slots=True)
class Counts:
    """Since the listener was opened."""

    connections: int = 0
    pushes: int = 0
    unreadable: int = 0  # among the pushes: no key, a broken envelope
    confirmed: int = 0
    refused: int = 0  # by a trouble that was asked for
    broken: int = 0  # connections and datagrams with octets that are no frame
    turned_away: int = 0  # connections beyond the bound, datagrams while too much waited


class Ear(Protocol):
    """What a listener is to its calls."""

    received: Counts
    calls: set[Call]

    @property
    def is_full(self) -> bool:
        """Whether so much waits that nothing more should be read."""

    @property
    def delay_s(self) -> float:
        """How late confirmations are to be."""

    def take(self, arrival: Arrival, peer: tuple[Any, ...], transport: str, send: Send) -> bool:
        """A push has come; False if its connection is to be reset."""

    def stop_reading(self, call: Call) -> None:
        """The call has stopped, and waits for its `read_on`."""


class Call(asyncio.Protocol):
    """One TCP connection of a meter; it may carry any number of pushes."""

    __slots__ = ("_ear", "_half_closed", "_inbox", "_owed", "_peer", "_transport", "heard_s")

    def __init__(self, ear: Ear) -> None:
        self._ear, self._inbox = ear, Inbox()
        self._peer: tuple[Any, ...] = ("", 0)
        self._transport: asyncio.Transport | None = None
        self._owed = 0  # confirmations that are delayed
        self._half_closed = False
        self.heard_s = time.monotonic()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._peer = transport.get_extra_info("peername")
        self._ear.received.connections += 1
        if len(self._ear.calls) >= _CONNECTIONS:
            self._ear.received.turned_away += 1
            self._transport.abort()
            return
        self._ear.calls.add(self)
        self._wait_if_full()

    def connection_lost(self, exc: Exception | None) -> None:
        self._ear.calls.discard(self)
        self._ear.received.broken += bool(self._inbox.buffered and not self._inbox.broken)

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        self.heard_s = time.monotonic()
        for arrival in self._inbox.feed(data):
            if not self._ear.take(arrival, self._peer, "tcp", self._send):
                self._reset()
                return
        if self._inbox.broken:
            self._ear.received.broken += 1
            self._transport.abort()
        self._wait_if_full()

    def eof_received(self) -> bool:
        """A meter may close its half before it is answered."""
        self._half_closed = True
        return self._owed > 0

    def read_on(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _reset(self) -> None:
        """A RST, which a meter cannot take for a friendly end."""
        assert self._transport is not None
        opened = self._transport.get_extra_info("socket")
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self._transport.abort()

    def _wait_if_full(self) -> None:
        assert self._transport is not None
        if self._ear.is_full and not self._transport.is_closing():
            self._transport.pause_reading()
            self._ear.stop_reading(self)

    def _send(self, frame: bytes) -> None:
        assert self._transport is not None
        if self._transport.is_closing():
            return
        if not self._ear.delay_s:
            self._transport.write(frame)
            return
        self._owed += 1
        asyncio.get_running_loop().call_later(self._ear.delay_s, self._send_late, frame)

    def _send_late(self, frame: bytes) -> None:
        assert self._transport is not None
        self._owed -= 1
        if not self._transport.is_closing():
            self._transport.write(frame)
            if self._half_closed and not self._owed:
                self._transport.close()


class Datagrams(asyncio.DatagramProtocol):
    def __init__(self, ear: Ear) -> None:
        self._ear = ear
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        if self._ear.is_full:
            self._ear.received.turned_away += 1
            return
        inbox = Inbox()

        def send(frame: bytes) -> None:
            asyncio.get_running_loop().call_later(self._ear.delay_s, self._send, frame, addr)

        for arrival in inbox.feed(data):
            self._ear.take(arrival, addr, "udp", send)
        self._ear.received.broken += bool(inbox.broken or inbox.buffered)

    def _send(self, frame: bytes, addr: tuple[Any, ...]) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(frame, addr)
