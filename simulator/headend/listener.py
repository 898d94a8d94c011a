# SPDX-License-Identifier: GPL-2.0-only
"""The push listener: TCP and UDP sockets on which meters call, and what they push, one after the other.

What arrives is deciphered and confirmed at once, and decoded when it is asked for; when too much waits, nothing more is
read. One bad peer costs its own connection.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections import deque
from typing import Any, Self

from simulator.errors import UserError
from simulator.headend.arrivals import Arrival
from simulator.headend.calls import Call, Counts, Datagrams, Send
from simulator.headend.confirming import Confirmer, Trouble
from simulator.headend.keybook import EMPTY, KeyBook
from simulator.headend.notifications import Decoder, Notification, Received
from simulator.headend.unsealing import Unsealer

_BACKLOG = 4096  # connections that wait to be accepted
_WAITING = 50_000  # pushes that nobody has asked for, until nothing more is read
_IDLE_S = 120.0
_SWEEP_S = 5.0
_BREATH_S = 0.005  # so long may pushes be decoded before connections are looked after again
_PORTS_TRIED = 20
_NO_TROUBLE = Trouble()
_EVERYTHING = Decoder()


class Listener:
    """``async with Listener(keys=…) as ear: note = await ear.next(5)``; port 0: a free one, for TCP and UDP."""

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        keys: KeyBook = EMPTY,
        decoder: Decoder = _EVERYTHING,
        unsealer: Unsealer | None = None,
        confirmer: Confirmer | None = None,
        trouble: Trouble = _NO_TROUBLE,
    ) -> None:
        self.host, self.port = host, port
        self.decoder, self.unsealer = decoder, unsealer or Unsealer(keys)
        self.received = Counts()
        self.calls: set[Call] = set()
        self._confirmer, self._trouble = confirmer or Confirmer(), trouble
        self._waiting: deque[Received] = deque()
        self._came = asyncio.Event()
        self._stopped: list[Call] = []  # calls that are not read from, because too much waits
        self._breath_s = 0.0
        self._server: asyncio.Server | None = None
        self._udp: asyncio.DatagramTransport | None = None
        self._sweeper: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        try:
            await self._open()
        except OSError as error:
            raise UserError(f"{self.host}:{self.port} cannot be listened on: {error.strerror or error}") from error
        self._sweeper = asyncio.ensure_future(self._sweep())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        assert self._udp is not None
        assert self._sweeper is not None
        self._sweeper.cancel()
        self._server.close()
        self._udp.close()
        for call in list(self.calls):
            call.abort()
        await self._server.wait_closed()

    async def next(self, timeout_s: float | None = None) -> Notification:
        """The next push, decoded; TimeoutError if none comes."""
        if not self._waiting:
            async with asyncio.timeout(timeout_s):
                while not self._waiting:
                    self._came.clear()
                    await self._came.wait()
        elif time.monotonic() - self._breath_s > _BREATH_S:
            await asyncio.sleep(0)
            self._breath_s = time.monotonic()
        received = self._waiting.popleft()
        if self._stopped and len(self._waiting) < _WAITING // 2:
            self._read_on()
        return self.decoder.decode(received)

    def forget(self) -> None:
        """Drop what waits; for those who only count."""
        self._waiting.clear()
        self._read_on()

    @property
    def waiting(self) -> int:
        """Pushes that have come and that nobody has asked for."""
        return len(self._waiting)

    @property
    def is_full(self) -> bool:
        return len(self._waiting) >= _WAITING

    def take(self, arrival: Arrival, peer: tuple[Any, ...], transport: str, send: Send) -> bool:
        """A push has come; False if its connection is to be reset."""
        opened = self.unsealer.open(arrival.apdu)
        number = self.received.pushes
        self.received.pushes += 1
        self.received.unreadable += bool(opened.problem)
        answer = ""
        if refused := self._trouble.fails(number):
            answer, self.received.refused = "refused", self.received.refused + 1
        elif self._trouble.confirm and (confirmation := self._confirmer.answer(opened)) is not None:
            answer, self.received.confirmed = "confirmed", self.received.confirmed + 1
            send(arrival.framed(confirmation))
        place = f"[{peer[0]}]:{peer[1]}" if ":" in peer[0] else f"{peer[0]}:{peer[1]}"
        moment = dt.datetime.now(dt.UTC)
        self._waiting.append(Received(moment, place, transport, arrival.framing, arrival.apdu, opened, answer))
        self._came.set()
        return not refused

    @property
    def delay_s(self) -> float:
        return self._trouble.delay_s

    def stop_reading(self, call: Call) -> None:
        self._stopped.append(call)

    def _read_on(self) -> None:
        stopped, self._stopped = self._stopped, []
        for call in stopped:
            call.read_on()

    async def _open(self) -> None:
        loop = asyncio.get_running_loop()
        for attempt in range(_PORTS_TRIED):
            server = await loop.create_server(lambda: Call(self), self.host, self.port, backlog=_BACKLOG)
            port = server.sockets[0].getsockname()[1]
            try:
                self._udp, _ = await loop.create_datagram_endpoint(lambda: Datagrams(self), (self.host, port))
            except OSError:
                server.close()
                if self.port or attempt == _PORTS_TRIED - 1:  # a free port may be taken for the other transport
                    raise
                continue
            self._server, self.port = server, port
            return

    async def _sweep(self) -> None:
        """Calls that say nothing any more are ended."""
        while True:
            await asyncio.sleep(_SWEEP_S)
            late_s = time.monotonic() - _IDLE_S
            for call in [] if self.is_full else [call for call in self.calls if call.heard_s < late_s]:
                call.abort()
