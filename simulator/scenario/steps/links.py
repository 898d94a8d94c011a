# SPDX-License-Identifier: MIT
"""What goes wrong between meters and whoever calls them."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, WithJsonSchema

from simulator.errors import UserError
from simulator.faults.parse import faults_of
from simulator.faults.registry import KNOWN
from simulator.scenario.selecting import Numbers
from simulator.scenario.stage import Stage
from simulator.scenario.step import Lasting, Outcome

_PACKS = ("link", "quirk")


def _understood(faults: list[dict[str, Any]]) -> list[dict[str, Any]]:
    try:
        faults_of(faults)
    except UserError as error:
        told = (f"{place.message}" for place in error.mistakes)
        raise ValueError("; ".join(told)) from None
    return faults


_ONE = {"type": "object", "anyOf": [{"required": [name]} for name in (*KNOWN, *_PACKS)]}
Faults = Annotated[
    list[dict[str, Any]],
    AfterValidator(_understood),
    WithJsonSchema({"type": "array", "minItems": 1, "items": _ONE}),
]


class Link(Lasting):
    """Faults of the links of these meters: `{drop: 0.3}`, `{delay: 2s}`, `{link: plc}`, `{quirk: short-frames}`."""

    survives: ClassVar[bool] = False
    do: Literal["link"]
    faults: Faults

    async def begin(self, stage: Stage, numbers: Numbers, level: float) -> Outcome:
        stage.fleet.links.set(frozenset(numbers.tolist()), faults_of(self.faults), for_ms=self.lasts_ms)
        return Outcome(len(numbers), detail={"faults": self.faults})

    async def end(self, stage: Stage, numbers: Numbers) -> Outcome:
        """They have ended by themselves: their end was given when they began."""
        return Outcome(len(numbers))
