# SPDX-License-Identifier: MIT
"""Which meters: the words after `on:`, and the choice that they make in a fleet.

A share takes exactly so many of the meters that the other words leave, but at least one, so that a scenario can be made
smaller: those with the least noise. The choice depends on the seed, the meters and the place in the scenario only.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BeforeValidator, Field

from simulator.documents import did_you_mean
from simulator.errors import UserError
from simulator.fleet.selection import parse_meters
from simulator.fleet.spec import FleetSpec
from simulator.scenario.words import Ranges, Strict
from simulator.values import counted
from simulator.world.noise import Purpose, key_of, uniform

Numbers = npt.NDArray[np.int64]  # of meters, from 0, ascending
Words = npt.NDArray[np.uint64]
_LISTED = 12
OfStep = Callable[[str], Numbers]
NOBODY: Numbers = np.empty(0, np.int64)


class Selector(Strict):
    """Meters that all of these words fit; without any, all meters."""

    model: str | None = Field(default=None, description="name of a model; * and ? stand for any letters")
    feeder: str | None = Field(default=None, description="name of a feeder; * and ? stand for any letters")
    group: str | None = Field(default=None, description="name of a group under fleet")
    serial: str | None = Field(default=None, description="serial number; * and ? stand for any digits")
    step: str | None = Field(default=None, description="id of a step above: the meters that it has struck")
    meters: str | int | None = Field(default=None, description="numbers in the fleet and serial numbers: 1-20,33")
    index: Ranges | None = Field(default=None, description="places among the meters that the words above leave, from 1")
    share: float | None = Field(default=None, ge=0, le=1, description="so many of those that all other words leave")


def _listed(value: Any) -> Any:
    if value == "all":
        return [{}]
    if value == []:
        raise ValueError("nobody is chosen; write all, or which meters")
    return [value] if isinstance(value, Mapping) else value


_Several = Annotated[list[Selector], Field(min_length=1)]
On = Annotated[
    tuple[Selector, ...],
    BeforeValidator(_listed, json_schema_input_type=Literal["all"] | Selector | _Several),
]
ALL: tuple[Selector, ...] = (Selector(),)


def shareless(selector: Selector) -> Selector:
    """All meters of which it takes a share."""
    return selector.model_copy(update={"share": None})


@dataclass(frozen=True)
class Residents:
    """The fleet as selectors see it; `groups` are the names of its groups."""

    spec: FleetSpec
    groups: Sequence[str]

    def choose(self, selectors: Sequence[Selector], slot: int, of_step: OfStep = lambda name: NOBODY) -> Numbers:
        """The meters that one selector or another takes; `slot` names the place in the scenario. `of_step`: whom the
        step of that id has struck."""
        chosen = [self._choice(selector, slot, of_step) for selector in selectors]
        return np.unique(np.concatenate(chosen)) if chosen else NOBODY

    def noise(self, numbers: Numbers, slot: int, purpose: Purpose = Purpose.SHARE) -> npt.NDArray[np.float64]:
        """Uniform in [0, 1) per meter."""
        return uniform(self.spec.seed, self._keys[numbers], np.array([slot], np.int64), purpose)

    def models_of(self, numbers: Numbers) -> list[str]:
        return [str(name) for name in np.unique(self._models[numbers])]

    def unknown(self, selector: Selector, *, unsure: Collection[str] = ()) -> list[str]:
        """What a selector says that no meter of the fleet fits, in words; `unsure`: which words nobody can judge."""
        told = (("model", selector.model, self._models), ("feeder", selector.feeder, self._feeders),
                ("group", selector.group, self._groups), ("serial", selector.serial, self._serials))  # fmt: skip
        mistakes = []
        for word, pattern, names in told:
            if pattern is not None and word not in unsure and not _fitting(names, pattern).any():
                known = [str(name) for name in np.unique(names)[:_LISTED] if name]
                mistakes.append(f"no meter has the {word} {pattern!r}; {did_you_mean(pattern, known)}")
        try:
            if "meters" not in unsure:
                self._named(selector)
        except UserError as error:
            mistakes += str(error).splitlines()
        return mistakes

    def nobody(self, selector: Selector, of_step: OfStep) -> str | None:
        """Why a selector whose words all name something chooses nobody, in words; None: it chooses somebody."""
        if len(self._choice(selector, 0, of_step)):
            return None
        left = 0 if selector.share is None else len(self._choice(shareless(selector), 0, of_step))
        why = f"{selector.share:g} of {counted(left, 'meter')} is none" if left else "no meter fits all these words"
        return f"nobody is chosen; {why}"

    def _choice(self, selector: Selector, slot: int, of_step: OfStep) -> Numbers:
        fits = np.ones(self.spec.count, bool)
        for pattern, names in ((selector.model, self._models), (selector.feeder, self._feeders),
                               (selector.group, self._groups), (selector.serial, self._serials)):  # fmt: skip
            if pattern is not None:
                fits &= _fitting(names, pattern)
        if selector.step is not None:
            fits &= self._among(of_step(selector.step))
        if selector.meters is not None:
            fits &= self._among(self._named(selector))
        left = np.flatnonzero(fits)
        if selector.index is not None:
            left = left[_numbers(selector.index, len(left))]
        return left if selector.share is None else self._part(left, selector.share, slot)

    def _among(self, numbers: Collection[int] | Numbers) -> npt.NDArray[np.bool_]:
        among = np.zeros(self.spec.count, bool)
        among[np.fromiter(numbers, np.int64, len(numbers))] = True
        return among

    def _named(self, selector: Selector) -> Collection[int]:
        return parse_meters(str(selector.meters or "all"), self.spec.count, self.spec.meter_named)

    def _part(self, numbers: Numbers, share: float, slot: int) -> Numbers:
        order = np.argsort(self.noise(numbers, slot), kind="stable")
        return np.sort(numbers[order[: max(round(share * len(numbers)), share > 0)]])

    @cached_property
    def _serials(self) -> npt.NDArray[np.str_]:
        return np.array(self.spec.serials(range(self.spec.count)))

    @cached_property
    def _keys(self) -> Words:
        return np.array([key_of(serial) for serial in self._serials], np.uint64)

    @cached_property
    def _feeders(self) -> npt.NDArray[np.str_]:
        return np.array([group.feeder_of(place) for group in self.spec.groups for place in range(group.count)])

    @cached_property
    def _models(self) -> npt.NDArray[np.str_]:
        return np.repeat([group.model for group in self.spec.groups], self._counts)

    @cached_property
    def _groups(self) -> npt.NDArray[np.str_]:
        return np.repeat(list(self.groups), self._counts)

    @property
    def _counts(self) -> list[int]:
        return [group.count for group in self.spec.groups]


def _fitting(names: npt.NDArray[np.str_], pattern: str) -> npt.NDArray[np.bool_]:
    known, place = np.unique(names, return_inverse=True)
    fits: npt.NDArray[np.bool_] = np.array([fnmatchcase(str(name), pattern) for name in known])[place]
    return fits


def _numbers(ranges: Sequence[range], count: int) -> Numbers:
    parts = [np.arange(min(one.start, count), min(one.stop, count), dtype=np.int64) for one in ranges]
    return np.unique(np.concatenate(parts))
