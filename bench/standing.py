# SPDX-License-Identifier: MIT
"""What meters cost that nobody talks to: the time until they can be read, memory, threads.

A fresh start includes everything that a new user's first start does; the second one finds its server running.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import dataclass

from bench.effort import Effort
from bench.figures import Figure, at_most
from bench.fleets import fleet, home
from bench.processes import Memory, memory

_READY_METERS, _READY_S = 100_000, 15
_OCTETS_PER_METER = 4_096
_FRESH = "copies of the programs, initdb, start of PostgreSQL, schema, COPY of the meters"
_AGAIN = "PostgreSQL runs, schema and meters are there"


@dataclass(frozen=True, slots=True)
class Start:
    fresh_s: float
    again_s: float
    memory: Memory


def standing(effort: Effort) -> Iterator[Figure]:
    memories: dict[int, Memory] = {}
    for count in effort.fleet_sizes:
        starts = [_start(count) for _ in range(effort.starts)]
        memories[count] = starts[-1].memory
        yield _ready(f"{count:,} meters ready, first start", [start.fresh_s for start in starts], count, _FRESH)
        yield _ready(f"{count:,} meters ready, second start", [start.again_s for start in starts], count, _AGAIN)
    yield from _per_meter(memories)


def _start(count: int) -> Start:
    with home() as place:
        with fleet(place, count) as first:
            fresh_s, occupied = first.ready_s, memory(first.pid)
        with fleet(place, count) as second:
            return Start(fresh_s, second.ready_s, occupied)


def _ready(what: str, seconds: list[float], count: int, note: str) -> Figure:
    median_s = statistics.median(seconds)
    targets = (at_most("seconds", median_s, _READY_S),) if count == _READY_METERS else ()
    return Figure(what, "s", median_s, note=note, targets=targets)


def _per_meter(memories: dict[int, Memory]) -> Iterator[Figure]:
    few, many = min(memories), max(memories)
    threads = f"threads {memories[few].threads} and {memories[many].threads}"
    for name in ("rss", "pss"):
        small, large = getattr(memories[few], name), getattr(memories[many], name)
        octets = (large - small) / (many - few)
        note = f"{few:,}: {small / 2**20:.0f} MiB, {many:,}: {large / 2**20:.0f} MiB; {threads}"
        targets = (at_most("bytes", octets, _OCTETS_PER_METER),)
        yield Figure(f"memory of an idle meter, {name.upper()}", "B", octets, note=note, targets=targets)
