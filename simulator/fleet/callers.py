# SPDX-License-Identifier: MIT
"""By which rules each meter of a fleet calls, and which of them want a connection at a moment: columns, no sockets."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from simulator.fleet.selection import parts_of
from simulator.meter.calling import AUTO_CONNECT, Rules, rules_of
from simulator.meter.cohort import Cohort
from simulator.world.noise import Bools

_CLASS = AUTO_CONNECT.to_bytes(2, "big")


class Callers:
    """Meters by their number from 0. `cohorts` may be filled later, up to `begin`."""

    def __init__(self, count: int, cohorts: Sequence[Cohort], now_ms: Callable[[], int]) -> None:
        self._cohorts, self._now_ms = cohorts, now_ms
        self._rules: list[Rules] = []  # that any meter has had
        self._numbers: dict[Rules, int] = {}
        self._number = np.zeros(count, np.int32)  # of each meter's rules
        self._looked: set[tuple[Cohort, int]] = set()
        self._kept, self.shut = np.zeros(count, bool), np.zeros(count, bool)

    def begin(self) -> None:
        """As all meters were delivered, then those that have been told otherwise."""
        for cohort in self._cohorts:
            owners = {row for row, key in cohort.overrides if key[:2] == _CLASS}
            others = next((row for row in range(len(cohort.identities)) if row not in owners), None)
            if others is not None:
                self._number[cohort.first : cohort.first + len(cohort.identities)] = self._known(cohort, others)
            for row in owners:
                self._number[cohort.first + row] = self._known(cohort, row)
        self._looked.clear()

    @property
    def places(self) -> int:
        """The most that any meter calls."""
        return max((len(rules.destinations) for rules in self._rules), default=0)

    def rules(self, meter: int) -> Rules:
        return self._rules[int(self._number[meter])]

    def look(self, cohort: Cohort, row: int) -> None:
        """Something of this meter may have changed."""
        self._looked.add((cohort, row))

    def follow(self) -> list[int]:
        """The meters whose rules have changed since the last time."""
        looked, changed = self._looked, list[int]()
        self._looked = set()
        for cohort, row in looked:
            if (number := self._known(cohort, row)) != self._number[cohort.first + row]:
                self._number[cohort.first + row] = number
                changed.append(cohort.first + row)
        return changed

    def update(self) -> None:
        """Who wants to be connected now, and whom a closed window bars from it (`shut`)."""
        self._kept = np.array([not one.is_windowed and one.keeps_connected(0) for one in self._rules])[self._number]
        self.shut = np.zeros(len(self._number), bool)
        for number, rules in enumerate(self._rules):
            if rules.is_windowed:
                self._look_at_clocks(number, rules)

    def wanted(self, place: int) -> Bools:
        """Who wants to be connected to that one of its destinations, as of the last update."""
        has_it = np.array([len(rules.destinations) > place for rules in self._rules])
        return np.asarray(self._kept & has_it[self._number])

    def keeps_connected(self, meter: int) -> bool:
        """One meter now, whatever the last update said."""
        ((cohort, rows),) = parts_of(self._cohorts, [meter])
        return self.rules(meter).keeps_connected(int(cohort.clocks_s(rows, self._now_ms())[0]))

    def _look_at_clocks(self, number: int, rules: Rules) -> None:
        """Each meter has a clock of its own, but most show the same."""
        for cohort, rows in parts_of(self._cohorts, np.flatnonzero(self._number == number).tolist()):
            shown, which = np.unique(cohort.clocks_s(rows, self._now_ms()), return_inverse=True)
            is_open = np.array([rules.is_within(local_s) for local_s in shown.tolist()])[which]
            self._kept[cohort.first + rows], self.shut[cohort.first + rows] = is_open, ~is_open

    def _known(self, cohort: Cohort, row: int) -> int:
        rules = rules_of(cohort, row)
        if rules not in self._numbers:
            self._numbers[rules] = len(self._rules)
            self._rules.append(rules)
        return self._numbers[rules]
