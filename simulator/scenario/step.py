# SPDX-License-Identifier: MIT
"""What all steps share: when and on which meters, declared once for the parser, the JSON Schema and the docs.

A kind of step is a small class with its own fields, what it does, and for those that last how it is undone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field, model_validator

from simulator.cosem.model import Model
from simulator.scenario.fitting import Unfit
from simulator.scenario.selecting import ALL, Numbers, On
from simulator.scenario.silence import result_in_words
from simulator.scenario.words import Length, Strict, When

if TYPE_CHECKING:
    from simulator.scenario.stage import Stage

_NOTHING: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a step: on how many meters it was done, and which of them refused it why."""

    done: int
    refused: Mapping[str, int] = field(default_factory=lambda: _NOTHING)  # reason -> meters
    detail: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)

    @property
    def words(self) -> str:
        return ", ".join(f"{count} x {reason}" for reason, count in self.refused.items())


class Scatter(Strict):
    """So many times at moments that the seed chooses."""

    count: int = Field(ge=1, le=10_000)
    within: Length


class Entry(Strict):
    """When something happens; without `at` at the start."""

    survives: ClassVar[bool] = True  # a restart of the fleet; what does not is done again
    do: str
    id: str | None = Field(default=None, pattern=r"^[\w-]+$", description="a name for the `after` of expectations")
    at: When | None = Field(default=None, description="offset from the start, time of the day, or moment")
    every: Length | None = Field(default=None, description="again and again, from `at` on")
    until: When | None = Field(default=None, description="the last moment of `every`")
    count: int | None = Field(default=None, ge=1, le=10**9, description="how many times `every` makes it happen")
    random: Scatter | None = Field(default=None, description="so many times within a span from `at` on")

    @model_validator(mode="after")
    def _repeats_one_way(self) -> Entry:
        if self.random is not None and self.every is not None:
            raise ValueError("give every or random, not both")
        if self.every is None and (self.until is not None or self.count is not None):
            raise ValueError("until and count belong to every; say every: 10m")
        return self

    async def begin(self, stage: Stage, numbers: Numbers, level: float) -> Outcome:
        raise NotImplementedError  # each kind of step has its own


class Step(Entry):
    """Something that happens to meters."""

    on: On = Field(default=ALL, description="which meters; without it all")
    stagger: Length | None = Field(default=None, description="spread over a span, each meter at its moment")

    def unfit(self, model: Model) -> Unfit | None:
        """What the step needs and meters of a model have not."""
        return None


class Lasting(Step):
    """A step that is undone by a second one after a span."""

    lasts_ms: Length | None = Field(default=None, alias="for", description="undone after a span; without it, it stays")

    async def end(self, stage: Stage, numbers: Numbers) -> Outcome:
        raise NotImplementedError  # each kind of step has its own


class Ramp(Strict):
    """In so many equal steps over a span."""

    over: Length
    steps: int = Field(default=10, ge=2, le=1000)


class Graded(Lasting):
    """A step with a strength that it may reach by and by."""

    ramp: Ramp | None = Field(default=None, description="the full strength is reached in steps over a span")


async def each(numbers: Numbers, act: Callable[[int], Awaitable[int]]) -> Outcome:
    """What changes meters one by one, as a head-end would; `act` returns a result code of DLMS, or silence."""
    results = Counter([await act(int(number)) for number in numbers])
    done = results.pop(0, 0)
    return Outcome(done, {result_in_words(code): n for code, n in results.items()})
