# SPDX-License-Identifier: MIT
"""Clocks that go wrong: at once, or by and by. Nothing is logged, because the meter does not notice it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator

from simulator.meter.behaviour import story
from simulator.scenario.selecting import Numbers
from simulator.scenario.stage import Stage
from simulator.scenario.step import Outcome, Step
from simulator.values import MS_PER_SECOND, parse_duration_ms


class ClockJump(Step):
    """The clocks jump; back means that rows which now lie ahead are written anew."""

    do: Literal["clock_jump"]
    by_s: int = Field(alias="by", description="whole seconds, 90s or -5m", json_schema_extra={"type": "string"})

    @field_validator("by_s", mode="before")
    @classmethod
    def _seconds(cls, value: Any) -> int:
        text = str(value).strip()
        span_ms = parse_duration_ms(text.removeprefix("-").removeprefix("+"))
        if span_ms % MS_PER_SECOND:
            raise ValueError(f"{text!r} is not a whole number of seconds")
        return (-1 if text.startswith("-") else 1) * span_ms // MS_PER_SECOND

    async def begin(self, stage: Stage, numbers: Numbers, level: float) -> Outcome:
        return await _step_clocks(stage, numbers, self.by_s)


class ClockDrift(Step):
    """The clocks run fast, or slow with a negative number: a second more or less as often as it adds up."""

    do: Literal["clock_drift"]
    ppm: float = Field(ge=-100_000, le=100_000, description="parts per million; 100 are 8.64 s a day")

    @field_validator("ppm")
    @classmethod
    def _not_right(cls, ppm: float) -> float:
        if ppm == 0:
            raise ValueError("a clock that drifts by 0 ppm is right")
        return ppm

    @property
    def repeats_ms(self) -> int:
        return round(1_000_000 / abs(self.ppm) * MS_PER_SECOND)

    @property
    def waits_ms(self) -> int:
        return self.repeats_ms

    async def begin(self, stage: Stage, numbers: Numbers, level: float) -> Outcome:
        return await _step_clocks(stage, numbers, 1 if self.ppm > 0 else -1)


async def _step_clocks(stage: Stage, numbers: Numbers, by_s: int) -> Outcome:
    for cohort, rows in stage.parts(numbers):
        await story.step_clocks(cohort, rows, by_s)
    return Outcome(len(numbers), detail={"by_s": by_s})
