# SPDX-License-Identifier: MIT
"""Events by their codes, which are logged, raised and alarmed, nothing else; and the tamper family by its names.

What somebody does at the wires is done there, and the meter notices it as its model does. Magnets, covers and the like
have nothing that could be measured: the event happens.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from pydantic import Field

from simulator.cosem.model import Model
from simulator.meter.behaviour import story
from simulator.meter.cohort import Cohort
from simulator.meter.detectors import detectors_of
from simulator.scenario.fitting import Unfit
from simulator.scenario.selecting import Numbers
from simulator.scenario.silence import Silence, result_in_words
from simulator.scenario.stage import Stage
from simulator.scenario.step import Lasting, Outcome
from simulator.scenario.steps.supply import How, Part, Phase, disturb, meddled, of_other_phases, unmeddled
from simulator.scenario.words import Codes

_NO_POWER = result_in_words(Silence.NO_POWER)
_UNKNOWN = "the model knows no such event"
_TAMPERS: Mapping[str, int] = {  # the code of the occurrence (IS 15959 parts 1 and 2)
    "reverse": 51,
    "ct-open": 57,
    "unbalance": 63,
    "bypass": 65,
    "over-current": 67,
    "earth": 69,
    "mismatch": 81,
    "magnet": 201,
    "neutral": 203,
    "single-wire": 207,
    "module": 209,
    "cover": 251,
    "esd": 891,
}


class _Wires(NamedTuple):
    """A tamper that is done at the wires, and the detectors that see it."""

    how: How = "bypass"
    codes: tuple[int, ...] = ()

    def are_watched(self, model: Model) -> bool:
        return any(one.occurrence in self.codes for one in detectors_of(model))


_NO_WIRES = _Wires()
_WIRES: Mapping[str, _Wires] = {
    "reverse": _Wires("reverse", (51, 53, 55)),
    "ct-open": _Wires("ct-open", (57, 59, 61)),
    "bypass": _Wires("bypass", (65, 81)),
    "mismatch": _Wires("bypass", (81,)),
    "earth": _Wires("earth", (69,)),
    "single-wire": _Wires("single-wire", (207,)),
}
Meddling = Callable[[Model, How, Phase | None], Mapping[str, Any] | None]


class Event(Lasting):
    """Meters notice events; after `for` those that restore them."""

    do: Literal["event"]
    code: Codes = Field(description="one code or several; `meterfleet events codes` lists them")

    async def begin(self, stage: Stage, numbers: Numbers, level: float) -> Outcome:
        return await notice(stage, numbers, _codes(self.code))

    async def end(self, stage: Stage, numbers: Numbers) -> Outcome:
        return await notice(stage, numbers, _codes(self.code), restored=True)


class Tamper(Lasting):
    """Somebody works on the meter, and it notices; at the wires after the time that its model says, else at once."""

    do: Literal["tamper"]
    phase: Phase | None = Field(default=None, description="for bypass, reverse and ct-open; without it all, ct-open: r")
    how: Literal["reverse", "ct-open", "unbalance", "bypass", "over-current", "earth", "mismatch", "magnet", "neutral",
                 "single-wire", "module", "cover", "esd"]  # fmt: skip

    def unfit(self, model: Model) -> Unfit | None:
        wires = _WIRES.get(self.how, _NO_WIRES)
        if wires.are_watched(model):
            return of_other_phases("how", model, meddled(model, wires.how, self.phase))
        return None if _TAMPERS[self.how] in model.events else Unfit("how", f"knows no event {_TAMPERS[self.how]}")

    async def begin(self, stage: Stage, numbers: Numbers, level: float) -> Outcome:
        return await self._work(stage, numbers, meddled, restored=False)

    async def end(self, stage: Stage, numbers: Numbers) -> Outcome:
        return await self._work(stage, numbers, unmeddled, restored=True)

    async def _work(self, stage: Stage, numbers: Numbers, act: Meddling, *, restored: bool) -> Outcome:
        """At the wires of meters that look out for it; for the others the event happens, if they know it."""
        wires = _WIRES.get(self.how, _NO_WIRES)
        by_themselves, told = list[Part](), list[Part]()
        for part in stage.parts(numbers):
            (by_themselves if wires.are_watched(part[0].model) else told).append(part)
        noticed = await _notice(told, [_TAMPERS[self.how]], restored=restored)
        done = await disturb(stage, by_themselves, lambda model: act(model, wires.how, self.phase))
        return Outcome(done.done + noticed.done, {**done.refused, **noticed.refused})


def _codes(code: int | list[int]) -> list[int]:
    return [code] if isinstance(code, int) else code


async def notice(stage: Stage, numbers: Numbers, codes: Sequence[int], *, restored: bool = False) -> Outcome:
    """The codes one after another, on all meters."""
    return await _notice(stage.parts(numbers), codes, restored=restored)


async def _notice(parts: Sequence[Part], codes: Sequence[int], *, restored: bool) -> Outcome:
    done, refused = 0, Counter[str]()
    for cohort, rows in parts:
        known = [code for code in _meant(cohort, codes, restored=restored) if code in cohort.model.events]
        noticed = await story.notice_in_turn(cohort, rows, known) if known else len(rows) * restored
        done += noticed
        refused[_NO_POWER if known else _UNKNOWN] += len(rows) - noticed
    return Outcome(done, +refused)


def _meant(cohort: Cohort, codes: Sequence[int], *, restored: bool) -> list[int]:
    """The codes, or those that restore them; what is over at once, such as an opened cover, has none."""
    if not restored:
        return list(codes)
    events = cohort.model.events
    return [events[code].pair for code in codes if code in events and events[code].pair]
