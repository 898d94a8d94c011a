# SPDX-License-Identifier: GPL-2.0-only
"""When which parts of which meter are due. It reads nothing, and takes the time from its caller."""

from __future__ import annotations

import heapq
import itertools
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

_AGAIN_S = 0.2
_PATIENCE_S = 120.0  # meters that call are awaited for so long: those that were refused try again within 90 s


@dataclass(frozen=True, slots=True)
class Schedule:
    """How often each part of a meter is read, seconds; `once`: all parts, one time."""

    periods_s: Mapping[str, float]
    once: bool = False


class Agenda:
    """A part that is missed because its meter is busy comes with the next."""

    def __init__(self, schedule: Schedule, serials: Mapping[str, object]) -> None:
        self._schedule = schedule
        now_s = time.monotonic()
        ties = itertools.count()
        self._heap = [(now_s, next(ties), serial, (*schedule.periods_s,)) for serial in serials]
        self._ties = ties
        self._awaited_s: dict[str, float] = {}
        heapq.heapify(self._heap)

    def renew(self, serials: Collection[str], new: Iterable[str]) -> None:
        """Only these are read any more, the new ones at once."""
        self._heap = [entry for entry in self._heap if entry[2] in serials]
        now_s = time.monotonic()
        self._heap += [(now_s, next(self._ties), serial, (*self._schedule.periods_s,)) for serial in new]
        heapq.heapify(self._heap)

    def due(
        self, now_s: float, busy: Collection[str], absent: Collection[str] = ()
    ) -> Iterator[tuple[str, tuple[str, ...]]]:
        """`absent`: meters that call by themselves and have not."""
        found: dict[str, list[str]] = {}
        while self._heap and self._heap[0][0] <= now_s:
            at_s, _, serial, parts = heapq.heappop(self._heap)
            if serial in busy or self._is_awaited(serial, now_s, absent):
                heapq.heappush(self._heap, (now_s + _AGAIN_S, next(self._ties), serial, parts))
                continue
            found.setdefault(serial, []).extend(parts)
            for part in () if self._schedule.once else parts:
                period_s = self._schedule.periods_s[part]
                again_s = max(at_s + period_s, now_s)
                heapq.heappush(self._heap, (again_s, next(self._ties), serial, (part,)))
        for serial, due in found.items():
            self._awaited_s.pop(serial, None)
            yield serial, tuple(part for part in self._schedule.periods_s if part in due)

    def _is_awaited(self, serial: str, now_s: float, absent: Collection[str]) -> bool:
        return serial in absent and now_s - self._awaited_s.setdefault(serial, now_s) < _PATIENCE_S

    @property
    def is_done(self) -> bool:
        """Nothing will ever be due again."""
        return self._schedule.once and not self._heap
