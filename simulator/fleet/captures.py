# SPDX-License-Identifier: MIT
"""When the meters of a fleet are brought forward: at each block's end, and when one has something to do by itself."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from simulator.errors import StoreError, StoreUnavailable
from simulator.fleet.clockwork import Clockwork
from simulator.meter.behaviour import story
from simulator.meter.calendar import Calendar
from simulator.meter.cohort import Cohort
from simulator.world.kernel import Priority

log = logging.getLogger(__name__)

_BLOCKS_AT_ONCE = 48


class Captures:
    def __init__(self, clock: Clockwork) -> None:
        self._clock = clock
        self._cohorts: Sequence[Cohort] = ()
        self._store_away = False
        self._wakes: set[int] = set()  # instants at which a meter has something to do by itself
        self._next_ms = 0  # the next block end
        self._held_back = 0  # block ends that the next capture brings along

    def start(self, cohorts: Sequence[Cohort]) -> None:
        """The clock runs."""
        self._cohorts = cohorts
        self._schedule()
        for cohort in cohorts:
            for instant_ms in cohort.alarms.values():
                self.wake(instant_ms)

    def wake(self, instant_ms: int) -> None:
        """A meter has something to do at an instant; before the clock runs, Fleet.open sees to it."""
        if self._clock.is_running and instant_ms not in self._wakes:
            self._wakes.add(instant_ms)
            self._clock.schedule_loosely(instant_ms, Priority.DEMAND, self._awake)

    def make_up(self) -> None:
        """Try again what the store has missed."""
        if self._store_away and not self._clock.is_busy:
            self._bring(self._clock.now_ms())

    def _calendar(self) -> Calendar:
        """Of the meters with the shortest blocks."""
        return min((cohort.calendar for cohort in self._cohorts), key=lambda calendar: calendar.block_ms)

    def _schedule(self) -> None:
        calendar = self._calendar()
        self._next_ms = calendar.block_start(self._clock.instant_ms) + calendar.block_ms
        self._clock.schedule_loosely(self._next_ms, Priority.CAPTURE, self._capture)

    def _awake(self) -> None:
        now_ms = self._clock.instant_ms
        self._wakes = {instant for instant in self._wakes if instant > now_ms}
        self._bring(now_ms)

    def _capture(self) -> None:
        """A block has ended. A clock that is behind takes a day of blocks in one pass, if nothing lies between."""
        due_ms = self._clock.instant_ms
        self._schedule()
        self._held_back += 1
        alone = self._clock.next_instant() == self._next_ms
        if self._held_back < _BLOCKS_AT_ONCE and alone and self._clock.is_behind(self._next_ms):
            return
        self._bring(due_ms)

    def _bring(self, due_ms: int) -> None:
        self._held_back = 0
        self._clock.occupy(self._bring_all(due_ms), due_ms)

    async def _bring_all(self, due_ms: int) -> None:
        """All blocks for every cohort; if the store is away, a later capture brings what is missing."""
        try:
            for cohort in self._cohorts:
                await story.bring(cohort, due_ms)
        except StoreUnavailable as error:
            if not self._store_away:
                log.warning("the store is away (%s); captures wait, live values are served", error)
            self._store_away = True
        except StoreError:
            log.exception("a capture could not be written")
        else:
            if self._store_away:
                log.warning("the store is back; the missing captures are written")
            self._store_away = False
