# SPDX-License-Identifier: MIT
"""Steps that change meters as their clients do: relay, billing reset, any attribute, any method."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from simulator.cosem.model import Model
from simulator.scenario.fitting import Unfit, without_attribute, without_client, without_method
from simulator.scenario.selecting import Numbers
from simulator.scenario.stage import Stage
from simulator.scenario.step import Lasting, Outcome, Step, each
from simulator.scenario.values import Object, Typed, parse_data, parse_target

_UTILITY = 48
_DISCONNECT, _RECONNECT = parse_target("0.0.96.3.10.255:1"), parse_target("0.0.96.3.10.255:2")
_MD_RESET = parse_target("0.0.10.0.1.255:1")
_ZERO, _ONE = parse_data("integer:0"), parse_data("long-unsigned:1")


class Relay(Lasting):
    """The load switch, by the methods that a head-end calls (disconnect control, class 70)."""

    do: Literal["relay"]
    to: Literal["open", "closed"]

    def unfit(self, model: Model) -> Unfit | None:
        return without_method(model, "do", _DISCONNECT)

    async def begin(self, stage: Stage, numbers: Numbers, level: float) -> Outcome:
        return await self._move(stage, numbers, is_open=self.to == "open")

    async def end(self, stage: Stage, numbers: Numbers) -> Outcome:
        return await self._move(stage, numbers, is_open=self.to != "open")

    async def _move(self, stage: Stage, numbers: Numbers, *, is_open: bool) -> Outcome:
        method = _DISCONNECT if is_open else _RECONNECT
        return await each(numbers, lambda number: stage.act(number, method, _ZERO, _UTILITY))


class BillingReset(Step):
    """The billing period ends now: the script of MD reset."""

    do: Literal["billing_reset"]

    def unfit(self, model: Model) -> Unfit | None:
        return without_method(model, "do", _MD_RESET)

    async def begin(self, stage: Stage, numbers: Numbers, level: float) -> Outcome:
        return await each(numbers, lambda number: stage.act(number, _MD_RESET, _ONE, _UTILITY))


class Write(Step):
    """An attribute takes a value; without a client even where no client has the right."""

    do: Literal["write"]
    object: Object = Field(description="logical name and attribute, 0.0.96.13.1.255:2")
    value: Typed = Field(description="type and value, visible-string:hello")
    client: int | None = Field(default=None, ge=1, le=127, description="whose access rights hold: 32, 48 …")

    def unfit(self, model: Model) -> Unfit | None:
        return without_attribute(model, "object", self.object) or without_client(model, "client", self.client)

    async def begin(self, stage: Stage, numbers: Numbers, level: float) -> Outcome:
        return await each(numbers, lambda number: stage.write(number, self.object, self.value, self.client))


class Act(Step):
    """A method is called; without a client even where no client has the right."""

    do: Literal["act"]
    object: Object = Field(description="logical name and method, 0.0.96.3.10.255:1")
    value: Typed = Field(default=_ZERO, description="type and value of the parameter; without it integer:0")
    client: int | None = Field(default=None, ge=1, le=127, description="whose access rights hold: 32, 48 …")

    def unfit(self, model: Model) -> Unfit | None:
        return without_method(model, "object", self.object) or without_client(model, "client", self.client)

    async def begin(self, stage: Stage, numbers: Numbers, level: float) -> Outcome:
        return await each(numbers, lambda number: stage.act(number, self.object, self.value, self.client))
