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
        yield _ready(count, "first", seconds=[start.fresh_s for start in starts])
        yield _ready(count, "second", seconds=[start.again_s for start in starts])
    yield from _per_meter(*((count, memories[count]) for count in effort.memory_sizes))


def _start(count: int) -> Start:
    with home() as place:
        with fleet(place, count) as first:
            fresh_s, occupied = first.ready_s, memory(first.pid)
        with fleet(place, count) as second:
            return Start(fresh_s, second.ready_s, occupied)


def _ready(count: int, which: str, *, seconds: list[float]) -> Figure:
    median_s = statistics.median(seconds)
    targets = (at_most("seconds", median_s, most=_READY_S),) if count == _READY_METERS else ()
    return Figure(f"{count:,} meters ready, {which} start", "s", median_s, targets=targets)


def _per_meter(fewer: tuple[int, Memory], more: tuple[int, Memory]) -> Iterator[Figure]:
    """The slope from a small fleet to a large one, so that what one process costs anyway does not count."""
    (few, small), (many, large) = fewer, more
    threads = f"threads {small.threads} and {large.threads}"
    for name, low, high in (("RSS", small.rss, large.rss), ("PSS", small.pss, large.pss)):
        octets = (high - low) / (many - few)
        note = f"{few:,}: {low / 2**20:.0f} MiB, {many:,}: {high / 2**20:.0f} MiB; {threads}"
        targets = (at_most("bytes", octets, most=_OCTETS_PER_METER),)
        yield Figure(f"memory of an idle meter, {name}", "B", octets, note=note, targets=targets)
