# SPDX-License-Identifier: MIT
"""Whom steps and expectations concern: selectors that say what there is not or choose nobody, and what none of those
whom they choose can do or has."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from simulator.cosem.compiler import compile_model
from simulator.documents import Document, Location, did_you_mean
from simulator.errors import Mistake
from simulator.scenario.expectation import Counted
from simulator.scenario.selecting import OfStep, Residents, shareless
from simulator.scenario.step import Entry, Step
from simulator.scenario.struck import Struck
from simulator.scenario.timing import Times

_BEFORE = -1  # an instant at which nothing has happened yet
Part = tuple[Location, Step | Counted]


@dataclass(frozen=True)
class Concerned:
    """`unsure`: what of the fleet is not known, because it was written wrongly (parts.py)."""

    document: Document
    entries: Sequence[Entry | None]
    residents: Residents
    times: Times
    unsure: Collection[str]

    def mistakes(self, parts: Sequence[Part]) -> Iterator[Mistake]:
        unknown = {at: list(self._unknown(at, one)) for at, one in parts}
        of_step = Struck(self.entries, self.residents, self.times).by(_BEFORE)
        for at, one in parts:
            yield from unknown[at]
            leans_on_others = any(selector.step is not None for selector in one.on)
            if not (self.unsure or unknown[at] or (leans_on_others and any(unknown.values()))):
                yield from self._nobody(at, one, of_step)
                yield from self._unfit(at, one, of_step)

    def _unknown(self, at: Location, one: Step | Counted) -> Iterator[Mistake]:
        for selector in one.on:
            told = self.residents.unknown(selector, unsure=self.unsure)
            if selector.step is not None:
                told += self._unknown_step(at, selector.step)
            yield from (self.document.mistake((*at, "on"), words) for words in told)

    def _unknown_step(self, at: Location, name: str) -> list[str]:
        """A step names one above itself, so that no two lean on each other."""
        key, place = at
        last = int(place) if key == "timeline" else len(self.entries)
        if self._places.get(name, last) < last:
            return []
        known = [one for one, at_step in self._places.items() if at_step < last]
        hint = did_you_mean(name, known) if known else "none has an id"
        where = "above this one" if key == "timeline" else "of this scenario"
        return [f"no step {where} strikes meters and has the id {name!r}; {hint}"]

    @cached_property
    def _places(self) -> dict[str, int]:
        """Of the steps that have an id; of one that is there twice the upper place."""
        steps = [(entry.id, place) for place, entry in enumerate(self.entries) if isinstance(entry, Step)]
        return {name: place for name, place in reversed(steps) if name is not None}

    def _nobody(self, at: Location, one: Step | Counted, of_step: OfStep) -> Iterator[Mistake]:
        for selector in one.on:
            if selector.step is not None and not len(of_step(selector.step)):
                continue  # it is told of that step
            if (words := self.residents.nobody(selector, of_step)) is not None:
                yield self.document.mistake((*at, "on"), words)

    def _unfit(self, at: Location, one: Step | Counted, of_step: OfStep) -> Iterator[Mistake]:
        names = self.residents.models_of(self.residents.choose(list(map(shareless, one.on)), 0, of_step))
        found = [(name, one.unfit(compile_model(name))) for name in names]
        if found and all(unfit for _, unfit in found):
            key = next(unfit.key for _, unfit in found if unfit)
            words = "; ".join(f"model {Path(name).stem} {unfit.words}" for name, unfit in found if unfit)
            yield self.document.mistake((*at, key), words)
