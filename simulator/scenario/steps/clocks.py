# SPDX-License-Identifier: MIT
"""Clocks that go wrong: at once, or by and by. Nothing is logged, because the meter does not notice it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict, Field, field_validator, model_validator

from simulator.meter.behaviour import story
from simulator.scenario.selecting import Numbers
from simulator.scenario.stage import Stage
from simulator.scenario.step import Lasting, Outcome, Step
from simulator.values import parse_duration_ms

_US_PER_PPM = 86_400  # microseconds a day
_MOST_PPM = 100_000
_SIGNED = r"^\s*[+-]?(\d+(\.\d+)?(ms|s|m|h|d|w))+\s*$"


def _signed_ms(value: Any) -> int:
    """``90s`` or ``-5m``."""
    text = str(value).strip()
    span_ms = parse_duration_ms(text.removeprefix("-").removeprefix("+"))
    return -span_ms if text.startswith("-") else span_ms


class ClockJump(Step):
    """The clocks jump; back means that rows which now lie ahead are written anew."""

    do: Literal["clock_jump"]
    by_ms: int = Field(alias="by", description="90s or -5m", json_schema_extra={"type": "string", "pattern": _SIGNED})

    @field_validator("by_ms", mode="before")
    @classmethod
    def _milliseconds(cls, value: Any) -> int:
        return _signed_ms(value)

    async def begin(self, stage: Stage, numbers: Numbers, level: float) -> Outcome:
        for cohort, rows in stage.parts(numbers):
            await story.upset_clocks(cohort, rows, by_ms=self.by_ms)
        return Outcome(len(numbers), detail={"by_ms": self.by_ms})


class ClockDrift(Lasting):
    """The clocks run fast, or slow with a negative number; after `for` they run right, as far off as they are then."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["ppm"]}, {"required": ["a_day"]}]})

    do: Literal["clock_drift"]
    ppm: float | None = Field(
        default=None, ge=-_MOST_PPM, le=_MOST_PPM, description="parts per million; 100 are 8.64 s a day"
    )
    a_day_ms: int | None = Field(
        default=None,
        alias="a_day",
        description="what they gain or lose in a day: 0.5s or -3s",
        json_schema_extra={"type": "string", "pattern": _SIGNED},
    )

    @field_validator("a_day_ms", mode="before")
    @classmethod
    def _milliseconds(cls, value: Any) -> int:
        return _signed_ms(value)

    @model_validator(mode="after")
    def _one_of_them(self) -> ClockDrift:
        if (self.ppm is None) == (self.a_day_ms is None):
            raise ValueError("say how fast: ppm or a_day, one of them")
        if not 0 < abs(self._us_a_day) <= _MOST_PPM * _US_PER_PPM:
            raise ValueError(f"a clock that drifts is wrong by 0.001 to {_MOST_PPM} ppm, at most 2h24m a day")
        return self

    @property
    def _us_a_day(self) -> int:
        return round(self.ppm * _US_PER_PPM) if self.ppm is not None else (self.a_day_ms or 0) * 1000

    async def begin(self, stage: Stage, numbers: Numbers, level: float) -> Outcome:
        return await _drift(stage, numbers, self._us_a_day)

    async def end(self, stage: Stage, numbers: Numbers) -> Outcome:
        return await _drift(stage, numbers, 0)


async def _drift(stage: Stage, numbers: Numbers, us_a_day: int) -> Outcome:
    for cohort, rows in stage.parts(numbers):
        await story.upset_clocks(cohort, rows, drift_us=us_a_day)
    return Outcome(len(numbers))
