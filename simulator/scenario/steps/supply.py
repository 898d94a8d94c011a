# SPDX-License-Identifier: MIT
"""What the world does to meters: outages, voltage, load, theft. What they notice of it is their own business."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from pydantic import ConfigDict, Field, field_validator, model_validator

from simulator.cosem.model import Model
from simulator.cosem.quantities import PHASES
from simulator.meter import supply
from simulator.meter.cohort import Cohort
from simulator.meter.columns import Ints
from simulator.scenario.fitting import Unfit
from simulator.scenario.selecting import Numbers
from simulator.scenario.stage import Stage
from simulator.scenario.step import Graded, Lasting, Outcome, Step
from simulator.scenario.words import known_load

Phase = Literal["r", "y", "b"]
Part = tuple[Cohort, Ints]  # and rows
Disturbance = Mapping[str, Any]  # the factors of supply.disturb
_OTHER_PHASES = {1: "the model has one phase", 3: "the model has three phases"}
_NATURAL = 1.0


class Outage(Lasting):
    """The supply fails; after `for` it returns, and each meter starts when its model has needed its time."""

    do: Literal["outage"]

    async def begin(self, stage: Stage, numbers: Numbers, level: float) -> Outcome:
        for cohort, rows in stage.parts(numbers):
            await supply.power_fails(cohort, rows, stage.now_ms)
        return Outcome(len(numbers))

    async def end(self, stage: Stage, numbers: Numbers) -> Outcome:
        return await _restore(stage, numbers)


class Restore(Step):
    """The supply of those that have none returns."""

    do: Literal["restore"]

    async def begin(self, stage: Stage, numbers: Numbers, level: float) -> Outcome:
        return await _restore(stage, numbers)


class Voltage(Graded):
    """A sag or a swell: a factor of the natural voltage."""

    do: Literal["voltage"]
    factor: float = Field(ge=0, le=2, description="0.8 is a sag, 1.2 a swell")
    phase: Phase | None = Field(default=None, description="one phase alone; without it all")

    def unfit(self, model: Model) -> Unfit | None:
        return of_other_phases("phase", model, _voltage(model, self.phase, self.factor))

    async def begin(self, stage: Stage, numbers: Numbers, level: float) -> Outcome:
        factor = _graded(self.factor, level)
        return await _disturb(stage, numbers, lambda model: _voltage(model, self.phase, factor))

    async def end(self, stage: Stage, numbers: Numbers) -> Outcome:
        return await _disturb(stage, numbers, lambda model: _voltage(model, self.phase, _NATURAL))


class PhaseLoss(Lasting):
    """One phase of three is missing."""

    do: Literal["phase_loss"]
    phase: Phase

    def unfit(self, model: Model) -> Unfit | None:
        return of_other_phases("phase", model, _voltage(model, self.phase, 0.0))

    async def begin(self, stage: Stage, numbers: Numbers, level: float) -> Outcome:
        return await _disturb(stage, numbers, lambda model: _voltage(model, self.phase, 0.0))

    async def end(self, stage: Stage, numbers: Numbers) -> Outcome:
        return await _disturb(stage, numbers, lambda model: _voltage(model, self.phase, _NATURAL))


class Load(Graded):
    """The consumption changes by a factor, or becomes another one: that of a load of profiles/loads."""

    model_config = ConfigDict(json_schema_extra={"anyOf": [{"required": ["factor"]}, {"required": ["shape"]}]})

    do: Literal["load"]
    factor: float | None = Field(default=None, ge=0, le=100, description="0.5 is half of what the load would be")
    shape: str | None = Field(default=None, description="the load that the homes have meanwhile: shop, solar, mixed …")

    @field_validator("shape")
    @classmethod
    def _known_load(cls, name: str | None) -> str | None:
        return None if name is None else known_load(name)

    @model_validator(mode="after")
    def _any_of_them(self) -> Load:
        if self.factor is None and self.shape is None:
            raise ValueError("say what becomes of the load: factor, shape, or both")
        if self.ramp is not None and self.factor is None:
            raise ValueError("a ramp leads to a factor; a shape has no steps on the way to it")
        return self

    async def begin(self, stage: Stage, numbers: Numbers, level: float) -> Outcome:
        factor = None if self.factor is None else _graded(self.factor, level)
        return await _disturb(stage, numbers, lambda _model: {"load": factor, "shape": self.shape})

    async def end(self, stage: Stage, numbers: Numbers) -> Outcome:
        factor, shape = None if self.factor is None else _NATURAL, None if self.shape is None else ""
        return await _disturb(stage, numbers, lambda _model: {"load": factor, "shape": shape})


How = Literal["bypass", "reverse", "earth", "ct-open", "single-wire"]


class Theft(Lasting):
    """Current that the meter does not see as it should: what it counts is less than what is used."""

    do: Literal["theft"]
    how: How
    part: float = Field(default=0.6, gt=0, le=1, description="of the current, for bypass and earth")
    phase: Phase | None = Field(default=None, description="for bypass, reverse and ct-open; without it all, ct-open: r")

    def unfit(self, model: Model) -> Unfit | None:
        return of_other_phases("how", model, meddled(model, self.how, self.phase))

    async def begin(self, stage: Stage, numbers: Numbers, level: float) -> Outcome:
        return await _disturb(stage, numbers, lambda model: meddled(model, self.how, self.phase, part=self.part))

    async def end(self, stage: Stage, numbers: Numbers) -> Outcome:
        return await _disturb(stage, numbers, lambda model: unmeddled(model, self.how, self.phase))


def meddled(model: Model, how: How, phase: Phase | None, *, part: float = 0.6) -> Disturbance | None:
    """What somebody does at the wires of a meter; None: its model has no such wire."""
    if how in ("earth", "single-wire"):
        share = part if how == "earth" else 1.0
        return {"earth": share} if how == "earth" or model.spec.phases == 1 else None
    return _current(model, how, phase, {"bypass": _NATURAL - part, "reverse": -_NATURAL, "ct-open": 0.0}[how])


def unmeddled(model: Model, how: How, phase: Phase | None) -> Disturbance | None:
    return {"earth": 0.0} if how in ("earth", "single-wire") else _current(model, how, phase, _NATURAL)


def _current(model: Model, how: How, phase: Phase | None, factor: float) -> Disturbance | None:
    names = PHASES[: model.spec.phases]
    chosen = "r" if how == "ct-open" and phase is None else phase
    if (chosen is not None and chosen not in names) or (how == "ct-open" and len(names) == 1):
        return None
    return {"current": [factor if chosen in (None, name) else None for name in names]}


def _graded(factor: float, level: float) -> float:
    """On the way from what is natural."""
    return _NATURAL + (factor - _NATURAL) * level


def _voltage(model: Model, phase: Phase | None, factor: float) -> Disturbance | None:
    """Of one phase: the others stay as they are."""
    names = PHASES[: model.spec.phases]
    if phase is not None and phase not in names:
        return None
    return {"voltage": [factor if phase in (None, name) else None for name in names]}


def of_other_phases(key: str, model: Model, factors: Disturbance | None) -> Unfit | None:
    """None, where a model was asked for its factors, means that it cannot be disturbed so."""
    return Unfit(key, f"cannot: {_OTHER_PHASES[model.spec.phases]}") if factors is None else None


async def _disturb(stage: Stage, numbers: Numbers, of: Callable[[Model], Disturbance | None]) -> Outcome:
    return await disturb(stage, stage.parts(numbers), of)


async def disturb(stage: Stage, parts: Sequence[Part], of: Callable[[Model], Disturbance | None]) -> Outcome:
    """None: a model that cannot be disturbed so."""
    done, refused = 0, Counter[str]()
    for cohort, rows in parts:
        factors = of(cohort.model)
        if factors is None:
            refused[_OTHER_PHASES[cohort.model.spec.phases]] += len(rows)
        else:
            await supply.disturb(cohort, rows, stage.now_ms, **factors)
            done += len(rows)
    return Outcome(done, refused)


async def _restore(stage: Stage, numbers: Numbers) -> Outcome:
    for cohort, rows in stage.parts(numbers):
        await supply.power_returns(cohort, rows, stage.now_ms)
    return Outcome(len(numbers))
