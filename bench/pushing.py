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
from contextlib import contextmanager
from typing import IO, NamedTuple

from bench.effort import Effort
from bench.figures import Figure, at_least, spread
from bench.fleets import fleet
from bench.processes import cpu_s
from simulator.fleet.control import order
from simulator.store.database import Store
from simulator.store.embedded import EmbeddedPostgres

_START = "2025-06-01T00:14:30+05:30"
_DUE_MS = int(dt.datetime.fromisoformat("2025-06-01T00:15:00+05:30").timestamp() * 1000)
_SIZES = {"plain": ("0", 224), "ciphered (control 30)": ("30", 255)}  # security and octets of an instant push


class Storm(NamedTuple):
    moments: Sequence[float]
    due: float
    cpu_us: float  # of our process, for each

    @property
    def rate(self) -> float:
        return _rate(self.moments)

    def late_ms(self, share: float) -> float:
        late = sorted(moment - self.due for moment in self.moments)
        return 1e3 * late[min(int(len(late) * share), len(late) - 1)]


def pushes(effort: Effort, place: EmbeddedPostgres) -> Iterator[Figure]:
    for kind, (security, size) in _SIZES.items():
        with _sink() as sink:
            storm = _storm(place, sink, effort.pushes, security)
            bare, bare_us = _bare(sink, effort.pushes, size)
        ratio = storm.rate / bare
        late = f"{storm.late_ms(0.5):,.0f} ms late at the median, {storm.late_ms(0.99):,.0f} ms at 99 of 100"
        yield Figure(
            what=f"{effort.pushes:,} pushes due in one second, {kind}",
            unit="pushes/s",
            ours=storm.rate,
            limit=bare,
            ratio=spread([ratio]),
            cpu_us=storm.cpu_us,
            limit_cpu_us=bare_us,
            cpu_ratio=spread([storm.cpu_us / bare_us]),
            note=f"{late}; the CPU includes half a minute of waiting, and the history",
            targets=(at_least("rate ratio", ratio, least=0.4),),
        )


def _storm(place: EmbeddedPostgres, sink: Sink, count: int, security: str) -> Storm:
    push = f"127.0.0.1:{sink.port},security={security}"
    with fleet(place, count, start=_START, options=("--push", push, "--seed", security)) as ours:
        now_ms, at = asyncio.run(_clock(ours.dsn)), time.time()
        before = cpu_s(ours.pid)
        moments = sink.storm()
        cpu_us = 1e6 * (cpu_s(ours.pid) - before) / len(moments)
        due = at + (_DUE_MS - now_ms) / 1000
        return Storm([moment for moment in moments if moment >= due], due, cpu_us)


async def _clock(dsn: str) -> int:
    store = await Store.open(dsn)
    try:
        return int((await order(store, "clock"))["now_ms"])
    finally:
        await store.close()


def _bare(sink: Sink, count: int, size: int) -> tuple[float, float]:
    """Its rate, and its CPU microseconds for each."""
    words = [sys.executable, "-m", "bench.bare_push", *map(str, (sink.port, count, size))]
    told = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    return _rate(sink.storm()), float(told)


def _rate(moments: Sequence[float]) -> float:
    """Without the first and the last hundredth, among which are stragglers of other pushes."""
    cut = len(moments) // 100
    inner = sorted(moments)[cut : len(moments) - cut]
    return (len(inner) - 1) / (inner[-1] - inner[0])


class Sink:
    def __init__(self, told: IO[str]) -> None:
        self._told = told
        self.port = int(told.readline())

    def storm(self) -> list[float]:
        """The moments of the next storm that is over."""
        moments: list[float] = json.loads(self._told.readline())
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
