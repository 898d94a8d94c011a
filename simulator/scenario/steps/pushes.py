# SPDX-License-Identifier: MIT
"""Pushes out of turn."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from simulator.cosem.model import Model
from simulator.meter.push.setup import setup_objects
from simulator.scenario.fitting import Unfit, without_object
from simulator.scenario.selecting import Numbers
from simulator.scenario.silence import Silence
from simulator.scenario.stage import Stage
from simulator.scenario.step import Outcome, Step, each
from simulator.scenario.values import Setup, Target, parse_data
from simulator.values import format_obis
from simulator.wire.codes import ActionResult

_ZERO = parse_data("integer:0")


class Push(Step):
    """Meters push now what a setup lists, as the method push of it does (class 40)."""

    do: Literal["push"]
    setup: Setup = Field(description="instant, alert, block, daily, billing, tamper, registration, or a logical name")

    def unfit(self, model: Model) -> Unfit | None:
        unknown = without_object(model, "setup", self.setup)
        is_setup = unknown is not None or self.setup in setup_objects(model)
        return unknown if is_setup else Unfit("setup", f"has no push setup {format_obis(self.setup)}")

    async def begin(self, stage: Stage, numbers: Numbers, level: float) -> Outcome:
        return await each(numbers, lambda number: self._push(stage, number))

    async def _push(self, stage: Stage, number: int) -> int:
        if self.setup not in setup_objects(stage.device(number).cohort.model):
            return ActionResult.OBJECT_UNDEFINED
        result = await stage.act(number, Target(self.setup, 1), _ZERO, None)
        return Silence.NOBODY_TO_PUSH_TO if result == ActionResult.OTHER_REASON else result
