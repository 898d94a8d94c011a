# SPDX-License-Identifier: MIT
"""When which meters push on schedule: one kernel event per cohort and distinct schedule, not a timer per meter.

Meters that follow their model form one group as long as their clocks agree. It knows no push; it says who is due.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import numpy as np

from simulator.fleet.clockwork import Clockwork
from simulator.meter.clocks import Clock, alike, clock_of, clocks_of
from simulator.meter.cohort import Cohort
from simulator.meter.columns import Ints
from simulator.meter.push.schedule import Plan, model_plans, own_of, own_settings, plans_with
from simulator.meter.push.setup import has_destination
from simulator.meter.push.times import next_moment
from simulator.values import MS_PER_MINUTE, MS_PER_SECOND
from simulator.world.kernel import Handle, Priority

Fire = Callable[[Cohort, Plan, Ints, int], Awaitable[None]]  # cohort, schedule, rows, instant
Groups = dict[tuple[Plan, Clock], Ints]  # by schedule and what the meters' clocks show
Signature = tuple[Clock, dict[bytes, bytes]]


class Timetable:
    def __init__(self, clock: Clockwork, fire: Fire) -> None:
        self._clock, self._fire = clock, fire
        self._handles: dict[Cohort, list[Handle]] = {}
        self._seen: dict[Cohort, dict[int, Signature]] = {}
        self._clocks: dict[Cohort, Ints] = {}  # as they were planned with

    def start(self, cohorts: Sequence[Cohort]) -> None:
        for cohort in cohorts:
            self._plan(cohort)

    def look(self, cohort: Cohort, row: int) -> None:
        """Something of a meter may have changed."""
        if cohort not in self._handles:
            return
        own = own_of(cohort, row)
        before = self._seen[cohort].get(row, (Clock(*self._clocks[cohort][:, row].tolist()), {}))
        if before != (clock_of(cohort.columns, row), own):
            self._plan(cohort)

    def _plan(self, cohort: Cohort) -> None:
        """Anew for a whole cohort: what was planned before is forgotten."""
        for handle in self._handles.get(cohort, ()):
            self._clock.cancel(handle)
        self._handles[cohort] = []
        self._clocks[cohort] = clocks_of(cohort.columns)
        seen = {row: own_of(cohort, row) for row in own_settings(cohort)}
        self._seen[cohort] = {row: (clock_of(cohort.columns, row), own) for row, own in seen.items()}
        for (plan, clock), rows in groups_of(cohort).items():
            self._put(cohort, plan, clock, rows)

    def _put(self, cohort: Cohort, plan: Plan, clock: Clock, rows: Ints) -> None:
        """The next time of one group, after now."""
        now_ms = max(self._clock.now_ms(), self._clock.instant_ms)
        ahead_ms = cohort.calendar.utc_offset_minutes * MS_PER_MINUTE
        moment = next_moment(plan.moments, (now_ms + ahead_ms + clock.offset_at(now_ms)) // MS_PER_SECOND)
        if moment is None:
            return

        def act() -> Awaitable[None]:
            self._handles[cohort].remove(handle)
            self._put(cohort, plan, clock, rows)
            return self._fire(cohort, plan, rows, at_ms)

        at_ms = clock.instant_of(moment * MS_PER_SECOND - ahead_ms)
        handle = self._clock.schedule(at_ms, Priority.PUSH, act)
        self._handles[cohort].append(handle)


def groups_of(cohort: Cohort) -> Groups:
    """Which meters push together, of those that have anybody to push to."""
    own = own_settings(cohort)
    ordinary = np.setdiff1d(np.arange(len(cohort.identities)), np.fromiter(own, np.int64, len(own)))
    together = alike(cohort.columns, ordinary)
    groups: Groups = {}
    for plan in model_plans(cohort.model):
        if any(has_destination(cohort.model, setup, {}) for setup in plan.setups):
            groups.update({(plan, clock): rows for clock, rows in together})
    others: dict[tuple[Plan, Clock], list[int]] = {}
    for row, settings in own.items():
        for plan in plans_with(cohort.model, settings):
            if any(has_destination(cohort.model, setup, settings) for setup in plan.setups):
                others.setdefault((plan, clock_of(cohort.columns, row)), []).append(row)
    for key, rows in others.items():
        groups[key] = np.union1d(groups.get(key, ordinary[:0]), np.array(rows))
    return groups
