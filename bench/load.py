# SPDX-License-Identifier: MIT
"""The load generator: `python -m bench.load` reads a plan from stdin, loads a server with it, prints what came out.

One request is under way per connection. It decodes nothing: an answer is whole when it has the length that the plan
says, and any other length ends the measurement.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Iterable
from typing import NamedTuple, cast

import uvloop

from bench.plan import Outcome, Plan, Seat
from bench.processes import busy_s, cpu_s
from simulator.wire import wrapper

_WARM_UP_S = 0.2
_OPENING_LIMIT_S = 30.0
_AT_ONCE = 100  # connections being opened


class Tally:
    def __init__(self) -> None:
        self.done = 0
        self.fault = ""


class Client(asyncio.Protocol):
    """Plays a seat's part on one connection."""

    __slots__ = (
        "_expected", "_first", "_got", "_index", "_last", "_once", "_steps", "_tally", "_transport", "_write",
        "ended", "opened",
    )  # fmt: skip

    def __init__(self, seat: Seat, tally: Tally, *, once: bool) -> None:
        self._steps = [*seat.opening, *seat.script]
        self._first, self._last = len(seat.opening), len(self._steps) - 1
        self._tally, self._once = tally, once
        self._index = self._got = self._expected = 0
        loop = asyncio.get_running_loop()
        self.opened: asyncio.Future[None] = loop.create_future()
        self.ended: asyncio.Future[None] = loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._write = self._transport.write
        if self._first:
            self._ask(0)
        else:
            self.opened.set_result(None)

    def begin(self) -> None:
        self._ask(self._first)

    def _ask(self, index: int) -> None:
        self._index, self._got = index, 0
        request, self._expected = self._steps[index]
        self._write(request)

    def data_received(self, data: bytes) -> None:
        self._got += len(data)
        if self._got != self._expected:
            self._check_length(data)
            return
        index = self._index
        if index == self._last:
            self._tally.done += 1
            if self._once:
                self._transport.close()
                return
            self._ask(self._first)
        elif index + 1 == self._first:
            self.opened.set_result(None)
        else:
            self._ask(index + 1)

    def _check_length(self, data: bytes) -> None:
        """A part of the answer is well, if it is the beginning of one that has the expected length."""
        begins = self._got == len(data)
        length = int.from_bytes(data[6:8], "big") + wrapper.HEADER_OCTETS
        if self._got > self._expected or (begins and length != self._expected):
            self._tally.fault = f"an answer of {length} octets came where {self._expected} were expected"

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._once:
            self._tally.fault = "the server closed a connection"
        self.ended.set_result(None)


async def _sit(plan: Plan, seat: Seat, tally: Tally) -> None:
    """One connection after the other, for ever."""
    loop = asyncio.get_running_loop()
    while True:
        _, client = await loop.create_connection(lambda: Client(seat, tally, once=True), seat.host, plan.port)
        client.begin()
        await client.ended


async def _open(plan: Plan, tally: Tally) -> list[Client]:
    """All seats' connections, each past its opening."""
    loop = asyncio.get_running_loop()
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(seat: Seat) -> Client:
        async with gate:
            _, client = await loop.create_connection(lambda: Client(seat, tally, once=False), seat.host, plan.port)
            await client.opened
        return client

    async with asyncio.timeout(_OPENING_LIMIT_S):
        return await asyncio.gather(*map(one, plan.seats))


async def _start(plan: Plan, tally: Tally) -> Iterable[object]:
    """What must be kept alive for the load to go on."""
    if plan.reconnect:
        return [asyncio.ensure_future(_sit(plan, seat, tally)) for seat in plan.seats]
    clients = await _open(plan, tally)
    for client in clients:
        client.begin()
    return clients


def _part(server: int) -> None:
    """Server and load each on a processor of its own: where the scheduler would put them changes from run to run."""
    processors = sorted(os.sched_getaffinity(0))
    if len(processors) > 1:
        os.sched_setaffinity(0, processors[:1])
        os.sched_setaffinity(server, processors[-1:])


class Sample(NamedTuple):
    wall_s: float
    done: int
    server_s: float
    others_s: float
    own_s: float
    all_s: float


def _sample(plan: Plan, tally: Tally) -> Sample:
    others_s = sum(map(cpu_s, plan.others))
    return Sample(time.perf_counter(), tally.done, cpu_s(plan.server), others_s, time.process_time(), busy_s())


async def _measure(plan: Plan) -> Outcome:
    _part(plan.server)
    tally = Tally()
    kept = await _start(plan, tally)
    await asyncio.sleep(_WARM_UP_S)
    before = _sample(plan, tally)
    await asyncio.sleep(plan.seconds)
    after = _sample(plan, tally)
    del kept
    if tally.fault or after.done == before.done:
        sys.exit(tally.fault or "no answer came")
    return _between(before, after)


def _between(before: Sample, after: Sample) -> Outcome:
    wall_s, done, server_s, others_s, own_s, all_s = (late - early for early, late in zip(before, after, strict=True))
    return Outcome(
        rate=done / wall_s,
        cpu_us=server_s / done * 1e6,
        others_us=others_s / done * 1e6,
        disturbance=max(all_s - server_s - others_s - own_s, 0.0) / wall_s,
    )


if __name__ == "__main__":
    print(json.dumps(uvloop.run(_measure(Plan.from_json(sys.stdin.read())))))
