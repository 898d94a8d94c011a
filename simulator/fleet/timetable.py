# SPDX-License-Identifier: MIT
"""When which meters push on schedule: one kernel event per cohort and distinct schedule, not a timer per meter.

Meters that follow their model form one group as long as their clocks agree. It knows no push; it says who is due.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import numpy as np

from simulator.fleet.clockwork import Clockwork
from simulator.meter.cohort import Cohort
from simulator.meter.columns import Ints
from simulator.meter.push.schedule import Plan, model_plans, own_of, own_settings, plans_with
from simulator.meter.push.setup import has_destination
from simulator.meter.push.times import next_moment
from simulator.world.kernel import Handle, Priority

Fire = Callable[[Cohort, Plan, Ints, int], Awaitable[None]]  # cohort, schedule, rows, instant
Groups = dict[tuple[Plan, int], Ints]  # by schedule and offset of the meters' clocks
Signature = tuple[int, dict[bytes, bytes]]


class Timetable:
    def __init__(self, clock: Clockwork, fire: Fire) -> None:
        self._clock, self._fire = clock, fire
        self._handles: dict[Cohort, list[Handle]] = {}
        self._seen: dict[Cohort, dict[int, Signature]] = {}
        self._offsets: dict[Cohort, Ints] = {}

    def start(self, cohorts: Sequence[Cohort]) -> None:
        for cohort in cohorts:
            self._plan(cohort)

    def look(self, cohort: Cohort, row: int) -> None:
        """Something of a meter may have changed."""
        if cohort not in self._handles:
            return
        own = own_of(cohort, row)
        before = self._seen[cohort].get(row, (int(self._offsets[cohort][row]), {}))
        if before != (int(cohort.columns.clock_offset_s[row]), own):
            self._plan(cohort)

    def _plan(self, cohort: Cohort) -> None:
        """Anew for a whole cohort: what was planned before is forgotten."""
        for handle in self._handles.get(cohort, ()):
            self._clock.cancel(handle)
        self._handles[cohort] = []
        self._offsets[cohort] = cohort.columns.clock_offset_s.copy()
        seen = {row: own_of(cohort, row) for row in own_settings(cohort)}
        self._seen[cohort] = {row: (int(self._offsets[cohort][row]), own) for row, own in seen.items()}
        for (plan, offset_s), rows in groups_of(cohort).items():
            self._put(cohort, plan, offset_s, rows)

    def _put(self, cohort: Cohort, plan: Plan, offset_s: int, rows: Ints) -> None:
        """The next time of one group, after now."""
        now_ms = max(self._clock.now_ms(), self._clock.instant_ms)
        local_s = cohort.calendar.local_s(now_ms) + offset_s
        moment = next_moment(plan.moments, local_s)
        if moment is None:
            return

        def act() -> Awaitable[None]:
            self._handles[cohort].remove(handle)
            self._put(cohort, plan, offset_s, rows)
            return self._fire(cohort, plan, rows, at_ms)

        at_ms = cohort.calendar.instant_ms(moment - offset_s)
        handle = self._clock.schedule(at_ms, Priority.PUSH, act)
        self._handles[cohort].append(handle)


def groups_of(cohort: Cohort) -> Groups:
    """Which meters push together, of those that have anybody to push to."""
    offsets, own = cohort.columns.clock_offset_s, own_settings(cohort)
    ordinary = np.setdiff1d(np.arange(len(offsets)), np.fromiter(own, np.int64, len(own)))
    groups: Groups = {}
    for plan in model_plans(cohort.model) if len(ordinary) else ():
        if any(has_destination(cohort.model, setup, {}) for setup in plan.setups):
            for offset_s in np.unique(offsets[ordinary]).tolist():
                groups[plan, offset_s] = ordinary[offsets[ordinary] == offset_s]
    others: dict[tuple[Plan, int], list[int]] = {}
    for row, settings in own.items():
        for plan in plans_with(cohort.model, settings):
            if any(has_destination(cohort.model, setup, settings) for setup in plan.setups):
                others.setdefault((plan, int(offsets[row])), []).append(row)
    for key, rows in others.items():
        groups[key] = np.union1d(groups.get(key, ordinary[:0]), np.array(rows))
    return groups
