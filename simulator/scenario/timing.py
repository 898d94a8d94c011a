# SPDX-License-Identifier: MIT
"""When the steps of a timeline happen: repetition, chance, waves, ramps and undoing, one instant after the other.

Everything follows from the seed and the scenario; nothing here knows a fleet or a clock.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count, islice, takewhile
from typing import NamedTuple

import numpy as np

from simulator.scenario.step import Entry, Graded, Lasting, Step
from simulator.values import MS_PER_SECOND
from simulator.world.noise import Purpose, key_of, uniform

_MOST_WAVES = 20


class Turn(NamedTuple):
    """One thing to do. The order of its fields is the order of turns at one instant."""

    at_ms: int
    place: int  # of the entry in the timeline
    number: int  # how many times the entry has come before
    is_undo: bool
    wave: int  # of `waves`: a part of the meters
    waves: int
    level: float  # up to 1
    key: str  # names it within the scenario
    start_ms: int  # when the entry came, of which this is a part

    @property
    def slot(self) -> int:
        return slot_of(self.key)


@dataclass(frozen=True, slots=True)
class Times:
    """What offsets, times of the day and chance are counted from."""

    start_ms: int
    utc_offset_minutes: int
    seed: int

    def first(self, entry: Entry) -> int:
        """When an entry comes first."""
        return next(self.starts(entry, 0), self._from(entry))

    def starts(self, entry: Entry, place: int) -> Iterator[int]:
        at_ms = self._from(entry)
        if entry.random is not None:
            key = np.array([key_of(f"random/{entry.id or place}")], np.uint64)
            chances = uniform(self.seed, key, np.arange(entry.random.count), Purpose.SHARE)
            return iter(np.sort(at_ms + (chances * entry.random.within).astype(np.int64)).tolist())
        if entry.every is None:
            return iter([at_ms])
        instants: Iterator[int] = count(at_ms, entry.every)
        if entry.until is not None:
            last_ms = entry.until.instant(self.start_ms, self.utc_offset_minutes)
            instants = takewhile(lambda instant: instant <= last_ms, instants)
        return islice(instants, entry.count) if entry.count is not None else instants

    def _from(self, entry: Entry) -> int:
        return self.start_ms if entry.at is None else entry.at.instant(self.start_ms, self.utc_offset_minutes)


def name_of(key: str) -> str:
    """Of the entry whose turn, or whose row of history, has this key."""
    return key.partition("/")[0].partition("#")[0]


def slot_of(key: str) -> int:
    """Of the noise that chooses meters: the same for doing and undoing."""
    return key_of(key.partition("/")[0]) >> 1


def key_at(entry: Entry, place: int, number: int) -> str:
    """Of an entry that comes once more, without what tells its parts."""
    return name_at(entry, place) + (f"#{number}" if number or entry.every or entry.random else "")


def name_at(entry: Entry, place: int) -> str:
    return entry.id or f"timeline.{place}"


def is_endless(entry: Entry) -> bool:
    return entry.every is not None and entry.until is None and entry.count is None


def timeline(entries: Sequence[Entry], times: Times) -> Iterator[Turn]:
    """All turns in their order; it may have no end."""
    return heapq.merge(*(_stream(entry, place, times) for place, entry in enumerate(entries)))


def _stream(entry: Entry, place: int, times: Times) -> Iterator[Turn]:
    """The turns of one entry: those of a time may come after those of the next."""
    waiting: list[Turn] = []
    starts = enumerate(times.starts(entry, place))
    coming = next(starts, None)
    while waiting or coming:
        while coming and (not waiting or coming[1] <= waiting[0].at_ms):
            for turn in _turns(entry, place, *coming):
                heapq.heappush(waiting, turn)
            coming = next(starts, None)
        yield heapq.heappop(waiting)


def _turns(entry: Entry, place: int, number: int, start_ms: int) -> Iterator[Turn]:
    name = key_at(entry, place, number)
    for wave, waves, delay_ms in _waves(entry):
        at_ms, tail = start_ms + delay_ms, f"~{wave}" if waves > 1 else ""
        for step, level, later_ms in _levels(entry):
            key = f"{name}/{step}{tail}" if step or tail else name
            yield Turn(at_ms + later_ms, place, number, False, wave, waves, level, key, start_ms)
        if isinstance(entry, Lasting) and entry.lasts_ms is not None:
            key = f"{name}/undo{tail}"
            yield Turn(at_ms + entry.lasts_ms, place, number, True, wave, waves, 0.0, key, start_ms)


def _waves(entry: Entry) -> Iterator[tuple[int, int, int]]:
    span_ms = entry.stagger or 0 if isinstance(entry, Step) else 0
    waves = min(_MOST_WAVES, max(span_ms // MS_PER_SECOND, 1))
    return ((wave, waves, span_ms * wave // waves) for wave in range(waves))


def _levels(entry: Entry) -> Iterator[tuple[str, float, int]]:
    if not isinstance(entry, Graded) or entry.ramp is None:
        yield "", 1.0, 0
        return
    steps = entry.ramp.steps
    for step in range(1, steps + 1):
        yield f"{step}of{steps}", step / steps, entry.ramp.over * step // steps
