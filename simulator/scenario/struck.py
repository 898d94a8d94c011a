# SPDX-License-Identifier: MIT
"""Which meters the steps of a timeline have struck, for selectors that name one: `{step: storm}`.

A function of the scenario and an instant: what is remembered here could be found again after a restart.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

import numpy as np

from simulator.scenario.selecting import NOBODY, Numbers, OfStep, Residents, Selector
from simulator.scenario.step import Entry, Step
from simulator.scenario.timing import Times, key_at, slot_of


class Struck:
    """A step names only those that stand above it (judging.py), so that this has an end."""

    def __init__(self, entries: Sequence[Entry | None], residents: Residents, times: Times) -> None:
        self._residents, self._times = residents, times
        self._steps: dict[str, tuple[int, Step]] = {}
        for place, entry in enumerate(entries):
            if isinstance(entry, Step) and entry.id is not None:
                self._steps.setdefault(entry.id, (place, entry))  # of an id that is there twice the upper one
        self._known: dict[str, tuple[int, Numbers]] = {}  # and how many times the step had come by then

    def choose(self, selectors: Sequence[Selector], slot: int, as_of_ms: int) -> Numbers:
        return self._residents.choose(selectors, slot, self.by(as_of_ms))

    def by(self, as_of_ms: int) -> OfStep:
        """Who was struck up to an instant; of a step that has not come yet, whom it will strike first."""
        return lambda name: self._of(name, as_of_ms)

    def _of(self, name: str, as_of_ms: int) -> Numbers:
        place, entry = self._steps[name]
        starts = list(takewhile(lambda start_ms: start_ms <= as_of_ms, self._times.starts(entry, place)))
        starts = starts or [self._times.first(entry)]
        times, numbers = self._known.get(name, (0, NOBODY))
        if times > len(starts):
            times, numbers = 0, NOBODY
        for number in range(times, len(starts)):
            slot = slot_of(key_at(entry, place, number))
            numbers = np.union1d(numbers, self.choose(entry.on, slot, starts[number]))
        self._known[name] = len(starts), numbers
        return numbers
