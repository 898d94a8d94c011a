# SPDX-License-Identifier: MIT
"""What all expectations share: the window in which they count, the meters, and how many are enough."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING, Any

from pydantic import Field, ValidationInfo, field_validator, model_validator

from simulator.cosem.model import Model
from simulator.scenario.fitting import Unfit
from simulator.scenario.selecting import ALL, Numbers, On
from simulator.scenario.words import Compared, Comparison, Length, Strict, When

if TYPE_CHECKING:
    from simulator.scenario.stage import Stage

_ALL_OF_THEM = Comparison(">=", 1.0)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether it is as expected, in words for people, and numbers for the history."""

    is_met: bool
    words: str
    detail: Mapping[str, Any] = field(default_factory=dict)


class Expectation(Strict):
    """Something that must be so at the end of a window, which begins at the start unless `after` or `at` says when."""

    name: str | None = Field(default=None, description="how the report calls it")
    after: str | None = Field(default=None, description="id of a step: the window begins when it first happens")
    at: When | None = Field(default=None, description="when the window begins")
    within: Length | None = Field(
        default=None, description="how long the window is; without it to the end of the scenario"
    )

    @model_validator(mode="after")
    def _begins_one_way(self) -> Expectation:
        if self.after is not None and self.at is not None:
            raise ValueError("give after or at, not both")
        return self

    @property
    def kind(self) -> str:
        raise NotImplementedError  # the word by which each is known

    @property
    def told(self) -> str:
        """What is expected, in words."""
        raise NotImplementedError  # each kind has its own

    async def check(self, stage: Stage, marks: Mapping[str, int], numbers: Numbers) -> Verdict:
        """`marks`: the newest row of each table when the window began."""
        raise NotImplementedError  # each kind has its own


class Counted(Expectation):
    """An expectation about meters: of how many of them it must be true; without a word, of all."""

    on: On = Field(default=ALL, description="which meters")
    share: Compared | None = Field(default=None, description='part of the meters, ">= 0.99"')
    count: Compared | None = Field(default=None, description="how often in all, of all these meters")

    @field_validator("share", "count")
    @classmethod
    def _may_be_met(cls, wish: Comparison | None, info: ValidationInfo) -> Comparison | None:
        most, are = (1.0, "is 0 to 1, or 0% to 100%") if info.field_name == "share" else (inf, "is 0 or more")
        if wish is not None and not wish.may_hold(most):
            raise ValueError(f"{wish} is never so; a {info.field_name} {are}")
        return wish

    def unfit(self, model: Model) -> Unfit | None:
        """What it looks for and meters of a model have not."""
        return None

    def judged(self, rows: int, meters: int, of: int, what: str) -> Verdict:
        """`rows` found, of `meters` among `of`."""
        share = meters / of if of else 0.0
        words = f"{rows} {what} of {meters} of {of} meters ({share:.1%})"
        detail = {"rows": rows, "meters": meters, "of": of}
        if self.count is not None and not self.count.holds(rows):
            return Verdict(False, f"{words}; count {self.count} was expected", detail)
        wanted = self.share or (None if self.count is not None else _ALL_OF_THEM)
        if wanted is not None and not wanted.holds(share):
            return Verdict(False, f"{words}; share {wanted} was expected", detail)
        return Verdict(True, words, detail)
