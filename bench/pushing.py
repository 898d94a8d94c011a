# SPDX-License-Identifier: MIT
"""A fleet whose meters all push within one second, to one head-end, beside a bare loop that sends the same bytes."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from queue import Queue
from statistics import median
from threading import Thread
from typing import IO, NamedTuple

import psycopg

from bench.effort import Effort
from bench.figures import Figure, at_least, spread
from bench.fleets import Fleet, fleet
from bench.processes import cpu_s
from simulator.fleet.control import order
from simulator.store.database import Store
from simulator.store.embedded import EmbeddedPostgres

_START = "2025-06-01T00:14:30+05:30"
_DUE_MS = int(dt.datetime.fromisoformat("2025-06-01T00:15:00+05:30").timestamp() * 1000)
_QUARTER_MS, _BEFORE_MS = 900_000, 1_000
_PAUSE_S, _PATIENCE_S = 1.0, 120.0
_SIZES = {"plain": ("0", 224), "ciphered (control 30)": ("30", 255)}  # security and octets of an instant push


class Round(NamedTuple):
    """A storm, after a bare one."""

    moments: Sequence[float]
    due: float
    cpu_us: float  # of our process, for each
    bare: float  # its rate
    bare_us: float

    @property
    def rate(self) -> float:
        return _rate(self.moments)

    def late_ms(self, share: float) -> float:
        late = sorted(moment - self.due for moment in self.moments)
        return 1e3 * late[min(int(len(late) * share), len(late) - 1)]


def pushes(effort: Effort, place: EmbeddedPostgres) -> Iterator[Figure]:
    count = effort.pushes
    for kind, (security, size) in _SIZES.items():
        with _sink() as sink, _fleet(place, sink, count, security) as ours:
            rounds = [_round(ours, sink, number, count, size) for number in range(effort.storms)]
        ratios = [one.rate / one.bare for one in rounds]
        half, all_but_one = (median(one.late_ms(share) for one in rounds) for share in (0.5, 0.99))
        late = f"{half:,.0f} ms late at the median, {all_but_one:,.0f} ms at 99 of 100"
        yield Figure(
            what=f"{count:,} pushes due in one second, {kind}",
            unit="pushes/s",
            ours=median(one.rate for one in rounds),
            limit=median(one.bare for one in rounds),
            ratio=spread(ratios),
            cpu_us=median(one.cpu_us for one in rounds),
            limit_cpu_us=median(one.bare_us for one in rounds),
            cpu_ratio=spread([one.cpu_us / one.bare_us for one in rounds]),
            note=f"{late}; the CPU includes some seconds of waiting, and the history",
            targets=(at_least("rate ratio", median(ratios), least=0.4),),
        )


def _fleet(place: EmbeddedPostgres, sink: Sink, count: int, security: str) -> AbstractContextManager[Fleet]:
    push = f"127.0.0.1:{sink.port},security={security}"
    return fleet(place, count, start=_START, options=("--push", push, "--seed", security))


def _round(ours: Fleet, sink: Sink, number: int, count: int, size: int) -> Round:
    """The fleet's clock stands, a moment before a quarter of an hour, and then goes on: all meters push."""
    due_ms = _DUE_MS + number * _QUARTER_MS
    now_ms = _clock(ours.dsn, speed=0)
    _clock(ours.dsn, step_ms=due_ms - _BEFORE_MS - now_ms)
    _settle(ours.dsn)
    bare, bare_us = _bare(sink, count, size)
    before, now_ms, at = cpu_s(ours.pid), _clock(ours.dsn, speed=1), time.time()
    due = at + (due_ms - now_ms) / 1000
    moments = sink.storm(since=due)
    _settle(ours.dsn)
    return Round(moments, due, 1e6 * (cpu_s(ours.pid) - before) / len(moments), bare, bare_us)


def _settle(dsn: str) -> None:
    """Until the history of all that was pushed is written."""
    told: object = None
    with psycopg.connect(dsn, autocommit=True) as connection:
        while told != (now := connection.execute("SELECT count(*) FROM sim.push_history").fetchone()):
            told = now
            time.sleep(_PAUSE_S)


def _clock(dsn: str, **how: int) -> int:
    """What it shows then."""

    async def told() -> int:
        store = await Store.open(dsn)
        try:
            return int((await order(store, "clock", timeout_s=_PATIENCE_S, **how))["now_ms"])
        finally:
            await store.close()

    return asyncio.run(told())


def _bare(sink: Sink, count: int, size: int) -> tuple[float, float]:
    """Its rate, and its CPU microseconds for each."""
    since = time.time()
    words = [sys.executable, "-m", "bench.bare_push", *map(str, (sink.port, count, size))]
    told = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout
    return _rate(sink.storm(since)), float(told)


def _rate(moments: Sequence[float]) -> float:
    """Without the first and the last hundredth, among which are stragglers of other pushes."""
    cut = len(moments) // 100
    inner = sorted(moments)[cut : len(moments) - cut]
    return (len(inner) - 1) / (inner[-1] - inner[0])


class Sink:
    def __init__(self, told: IO[str]) -> None:
        self.port = int(told.readline())
        self._storms = Queue[list[float]]()
        Thread(target=self._hear, args=(told,), daemon=True).start()

    def _hear(self, told: IO[str]) -> None:
        """All the time: a sink that cannot tell would hear nothing more."""
        for line in told:
            self._storms.put(json.loads(line))

    def storm(self, since: float) -> list[float]:
        """The moments of the next storm that is over, without what came before."""
        moments: list[float] = []
        while not moments:
            moments = [moment for moment in self._storms.get() if moment >= since]
        return moments


@contextmanager
def _sink() -> Iterator[Sink]:
    words = [sys.executable, "-m", "bench.sink"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield Sink(process.stdout)
        finally:
            process.terminate()
