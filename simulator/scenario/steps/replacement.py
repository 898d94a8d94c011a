# SPDX-License-Identifier: MIT
"""Meters that are replaced."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from simulator.meter.identity import MAX_GENERATION
from simulator.scenario.selecting import Numbers
from simulator.scenario.stage import Stage
from simulator.scenario.step import Outcome, Step

_WH = 1000


class Replace(Step):
    """Another meter of the same model comes into the place: with other numbers and keys, and empty profiles."""

    do: Literal["replace"]
    reading: float = Field(default=0, ge=0, le=10**9, description="kWh at which its import register begins")

    async def begin(self, stage: Stage, numbers: Numbers, level: float) -> Outcome:
        done = await stage.fleet.replacing.replace(numbers.tolist(), reading_wh=round(self.reading * _WH))
        left = len(numbers) - done
        return Outcome(done, {f"{MAX_GENERATION + 1} meters were there before": left} if left else {})
