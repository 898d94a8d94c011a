# SPDX-License-Identifier: MIT
"""Pushes out of turn."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from simulator.cosem.model import Model
from simulator.scenario.fitting import Unfit, without_object
from simulator.scenario.selecting import Numbers
from simulator.scenario.stage import Stage
from simulator.scenario.step import Outcome, Step, each
from simulator.scenario.values import Setup, Target, parse_data

_ZERO = parse_data("integer:0")


class Push(Step):
    """Meters push now what a setup lists, as the method push of it does (class 40)."""

    do: Literal["push"]
    setup: Setup = Field(description="instant, alert, block, daily, billing, tamper, registration, or a logical name")

    def unfit(self, model: Model) -> Unfit | None:
        return without_object(model, "setup", self.setup)

    async def begin(self, stage: Stage, numbers: Numbers, level: float) -> Outcome:
        method = Target(self.setup, 1)
        return await each(numbers, lambda number: stage.act(number, method, _ZERO, None))
