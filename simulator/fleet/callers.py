# SPDX-License-Identifier: MIT
"""By which rules each meter of a fleet calls, and which of them want a connection at a moment: columns, no sockets."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from simulator.fleet.selection import parts_of
from simulator.meter.calling import AUTO_CONNECT, Rules, rules_of
from simulator.meter.cohort import Cohort
from simulator.meter.columns import Ints
from simulator.world.noise import Bools

_CLASS = AUTO_CONNECT.to_bytes(2, "big")
_FEW = 1_000
_SECOND_BITS = 36  # local seconds since 1970, up to the year 4147


class Callers:
    """Meters by their number from 0. `cohorts` may be filled later, up to `begin`."""

    def __init__(self, count: int, cohorts: Sequence[Cohort], now_ms: Callable[[], int]) -> None:
        self._cohorts, self._now_ms = cohorts, now_ms
        self._rules: list[Rules] = []  # that meters have, and some that they had
        self._room = _FEW  # for so many
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
        if len(self._rules) > self._room:
            self._forget()
        return changed

    def _forget(self) -> None:
        """Rules that no meter has any more: a head-end may write other windows every day."""
        used, numbers = np.unique(self._number, return_inverse=True)
        self._number = numbers.astype(np.int32)
        self._rules = [self._rules[number] for number in used.tolist()]
        self._numbers = {rules: number for number, rules in enumerate(self._rules)}
        self._room = _FEW + 2 * len(self._rules)

    def update(self) -> None:
        """Who wants to be connected now, and whom a closed window bars from it (`shut`)."""
        self._kept = np.array([not one.is_windowed and one.keeps_connected(0) for one in self._rules])[self._number]
        self.shut = np.zeros(len(self._number), bool)
        windowed = np.flatnonzero(np.array([one.is_windowed for one in self._rules])[self._number])
        if len(windowed):
            self._kept[windowed] = self._are_open(windowed)
            self.shut[windowed] = ~self._kept[windowed]

    def wanted(self, place: int) -> Bools:
        """Who wants to be connected to that one of its destinations, as of the last update."""
        has_it = np.array([len(rules.destinations) > place for rules in self._rules])
        return np.asarray(self._kept & has_it[self._number])

    def keeps_connected(self, meter: int) -> bool:
        """One meter now, whatever the last update said."""
        ((cohort, rows),) = parts_of(self._cohorts, [meter])
        return self.rules(meter).keeps_connected(int(cohort.clocks_s(rows, self._now_ms())[0]))

    def _are_open(self, meters: Ints) -> Bools:
        """Their windows, each by its own clock; but most have the same window and show the same time."""
        now_ms, parts = self._now_ms(), parts_of(self._cohorts, meters.tolist())
        local_s = np.concatenate([cohort.clocks_s(rows, now_ms) for cohort, rows in parts])
        distinct, which = np.unique(
            self._number[meters].astype(np.int64) << _SECOND_BITS | local_s, return_inverse=True
        )
        rules, seconds = distinct >> _SECOND_BITS, distinct & (1 << _SECOND_BITS) - 1
        pairs = zip(rules.tolist(), seconds.tolist(), strict=True)
        return np.array([self._rules[number].is_within(second) for number, second in pairs])[which]

    def _known(self, cohort: Cohort, row: int) -> int:
        rules = rules_of(cohort, row)
        if rules not in self._numbers:
            self._numbers[rules] = len(self._rules)
            self._rules.append(rules)
        return self._numbers[rules]
