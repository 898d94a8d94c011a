# SPDX-License-Identifier: GPL-2.0-only
"""When which parts of which meter are due. It reads nothing, and takes the time from its caller.

Who cannot be read now is set aside until somebody says that it can: nobody looks through all of them meanwhile.
"""

from __future__ import annotations

import heapq
import itertools
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

_PATIENCE_S = 120.0  # meters that call are awaited for so long: those that were refused try again within 90 s


@dataclass(frozen=True, slots=True)
class Schedule:
    """How often each part of a meter is read, seconds; `once`: all parts, one time."""

    periods_s: Mapping[str, float]
    once: bool = False


class Agenda:
    """A part that is missed because its meter is busy comes with the next. `busy`: those that were given out, until
    they are `freed`."""

    def __init__(self, schedule: Schedule, serials: Iterable[str]) -> None:
        self._schedule = schedule
        self._ties = itertools.count()
        self._heap: list[tuple[float, int, str, tuple[str, ...]]] = []
        self._aside: dict[str, tuple[str, ...]] = {}
        self._awaited: dict[str, float] = {}  # absent ones, and until when
        self._ends: deque[tuple[float, str]] = deque()  # the same in order, with those that have come
        self._given_up: set[str] = set()
        self._now_s = time.monotonic()
        self.busy: set[str] = set()
        self._add(serials)

    def renew(self, serials: Collection[str], new: Iterable[str]) -> None:
        """Only these are read any more, the new ones at once."""
        self._heap = [entry for entry in self._heap if entry[2] in serials]
        self._aside = {serial: parts for serial, parts in self._aside.items() if serial in serials}
        self._add(new)

    def freed(self, serial: str) -> None:
        """It has been read."""
        self.busy.discard(serial)
        self._release(serial)

    def arrived(self, serials: Iterable[str]) -> None:
        """They have called."""
        for serial in serials:
            if serial not in self.busy:
                self._release(serial)

    def due(
        self, now_s: float, is_absent: Callable[[str], bool] = lambda _serial: False
    ) -> Iterator[tuple[str, tuple[str, ...]]]:
        """`is_absent`: a meter that calls by itself and has not."""
        self._now_s = now_s
        self._give_up()
        found: dict[str, list[str]] = {}
        while self._heap and self._heap[0][0] <= now_s:
            at_s, _, serial, parts = heapq.heappop(self._heap)
            if self._is_set_aside(serial, parts, is_absent):
                continue
            found.setdefault(serial, []).extend(parts)
            for part in () if self._schedule.once else parts:
                self._push(max(at_s + self._schedule.periods_s[part], now_s), serial, (part,))
        self._given_up.clear()
        for serial, due in found.items():
            self.busy.add(serial)
            yield serial, tuple(part for part in self._schedule.periods_s if part in due)

    @property
    def is_done(self) -> bool:
        """Nothing will ever be due again."""
        return self._schedule.once and not self._heap and not self._aside

    def _give_up(self) -> None:
        """Who was awaited for long enough is tried all the same, so that it is said to be missing."""
        while self._ends and self._ends[0][0] <= self._now_s:
            until_s, serial = self._ends.popleft()
            if self._awaited.get(serial) == until_s:
                self._given_up.add(serial)
                self._release(serial)

    def _is_set_aside(self, serial: str, parts: tuple[str, ...], is_absent: Callable[[str], bool]) -> bool:
        if serial not in self._aside and serial not in self.busy:
            if serial in self._given_up or not is_absent(serial):
                return False
            self._awaited[serial] = until_s = self._now_s + _PATIENCE_S
            self._ends.append((until_s, serial))
        self._aside[serial] = (*self._aside.get(serial, ()), *parts)
        return True

    def _release(self, serial: str) -> None:
        self._awaited.pop(serial, None)
        if parts := self._aside.pop(serial, ()):
            self._push(self._now_s, serial, tuple(dict.fromkeys(parts)))

    def _add(self, serials: Iterable[str]) -> None:
        self._heap += [(self._now_s, next(self._ties), serial, (*self._schedule.periods_s,)) for serial in serials]
        heapq.heapify(self._heap)

    def _push(self, at_s: float, serial: str, parts: tuple[str, ...]) -> None:
        heapq.heappush(self._heap, (at_s, next(self._ties), serial, parts))
