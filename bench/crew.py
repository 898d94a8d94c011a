# SPDX-License-Identifier: MIT
"""The clients of one side: they ask while they are told to, then finish what they are at and rest.

One request is under way per connection. They decode nothing but a challenge: an answer is whole when it has the length
that the plan says, and any other length is a fault.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import cast

from bench.plan import Seat, Side
from bench.voice import Voice
from simulator.wire import hdlc, wrapper

_LIMIT_S = 30.0
_AT_ONCE = 100  # connections being opened
_PREPARED = 12_000  # requests of all clients that are made before the clock runs


class Crew:
    def __init__(self, side: Side, *, reconnect: bool) -> None:
        self.side, self.reconnect = side, reconnect
        self.done = 0  # rounds of the script
        self.going = False
        self._fault = ""
        self._working = 0
        self._resting = asyncio.Event()
        self._clients: list[Client] = []
        self._voices = {seat.host: Voice(seat.secrets) for seat in side.seats}
        self._connecting: set[asyncio.Task[Client]] = set()

    async def open(self) -> None:
        """Connect all seats, if their connections are to last."""
        gate = asyncio.Semaphore(_AT_ONCE)

        async def one(seat: Seat) -> Client:
            async with gate:
                client = await self._connect(seat)
                await client.opened
            return client

        if not self.reconnect:
            async with asyncio.timeout(_LIMIT_S):
                self._clients = await asyncio.gather(*map(one, self.side.seats))

    def prepare(self) -> None:
        """What would cost the load generator more than the servers if it were done while the clock runs."""
        for client in self._clients:
            client.prepare(_PREPARED // len(self._clients))

    async def work(self, seconds: float) -> None:
        """Load for so long, and until the last round is finished. SystemExit if a server fails."""
        self.going = True
        self._working = len(self.side.seats)
        self._resting.clear()
        for client in self._clients:
            client.begin()
        if self.reconnect:
            for seat in self.side.seats:
                self._connect_soon(seat)
        await asyncio.sleep(seconds)
        self.going = False
        async with asyncio.timeout(_LIMIT_S):
            await self._resting.wait()
        if self._fault:
            sys.exit(self._fault)

    def rest(self) -> None:
        self._working -= 1
        if not self._working:
            self._resting.set()

    def left(self, seat: Seat) -> None:
        """A client has closed its connection after its round."""
        if self.going:
            self._connect_soon(seat)
        else:
            self.rest()

    def fail(self, fault: str) -> None:
        self._fault = fault
        self._resting.set()

    async def _connect(self, seat: Seat) -> Client:
        loop = asyncio.get_running_loop()
        return (
            await loop.create_connection(lambda: Client(seat, self._voices[seat.host], self), seat.host, self.side.port)
        )[1]

    def _connect_soon(self, seat: Seat) -> None:
        task = asyncio.ensure_future(self._connect(seat))
        self._connecting.add(task)
        task.add_done_callback(self._connected)

    def _connected(self, task: asyncio.Task[Client]) -> None:
        self._connecting.discard(task)
        if not task.cancelled() and (error := task.exception()):
            self.fail(f"no connection: {error}")


class Client(asyncio.Protocol):
    """Plays a seat's part on one connection."""

    __slots__ = (
        "_again", "_crew", "_expected", "_first", "_got", "_heard", "_index", "_last", "_repeats", "_seat", "_steps",
        "_transport", "_voice", "_write", "opened",
    )  # fmt: skip

    def __init__(self, seat: Seat, voice: Voice, crew: Crew) -> None:
        self._seat, self._voice, self._crew = seat, voice, crew
        self._steps = [*seat.opening, *seat.script]
        self._first, self._last = len(seat.opening), len(self._steps) - 1
        self._index = self._got = self._expected = 0
        self._heard = b""
        self._repeats = False
        self._again: Callable[[], bytes] = bytes
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._write = self._transport.write
        if self._first or self._crew.reconnect:
            self._ask(0)
        else:
            self.opened.set_result(None)

    def prepare(self, count: int) -> None:
        if self._first == self._last:
            say = self._steps[self._first].say
            if not self._repeats:
                self._again, self._repeats = self._voice.again(say), True
            self._voice.prepare(say, count)

    def begin(self) -> None:
        self._ask(self._first)

    def _ask(self, index: int) -> None:
        say, self._expected, _ = self._steps[index]
        request = self._again() if self._repeats else self._voice.say(say, self._heard)
        self._index, self._got, self._heard = index, 0, b""
        self._write(request)

    def data_received(self, data: bytes) -> None:
        crew = self._crew
        if self._repeats and len(data) == self._expected and crew.going:
            # One request again and again: the load must cost less than the bare server, or it were the limit.
            crew.done += 1
            self._write(self._again())
            return
        self._got += len(data)
        self._heard += data
        if self._got != self._expected:
            self._check_length(data)
        elif self._index == self._last:
            self._finish()
        elif self._index + 1 == self._first:
            self.opened.set_result(None)
        else:
            self._ask(self._index + 1)

    def _finish(self) -> None:
        self._crew.done += 1
        if self._crew.reconnect:
            self._transport.close()
        elif self._crew.going:
            self._ask(self._first)
        else:
            self._crew.rest()

    def _check_length(self, data: bytes) -> None:
        """A part of an answer is well, if it begins one whose first frame has the expected length."""
        first = self._steps[self._index].first_octets
        begins = self._got == len(data) >= wrapper.HEADER_OCTETS
        if self._got > self._expected or (begins and frame_octets(data) != first):
            told = frame_octets(data) if begins else self._got
            self._crew.fail(f"an answer of {told} octets came where {first} of {self._expected} were expected")

    def connection_lost(self, exc: Exception | None) -> None:
        if self._crew.reconnect and self._transport.is_closing():
            self._crew.left(self._seat)
        else:
            self._crew.fail("the server closed a connection")


def frame_octets(data: bytes) -> int:
    """How long the frame is that begins here: the wrapper's or HDLC's."""
    if data[0] == hdlc.FLAG:
        return ((data[1] << 8 | data[2]) & 0x07FF) + 2
    return int.from_bytes(data[6:8], "big") + wrapper.HEADER_OCTETS
