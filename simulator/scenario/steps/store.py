# SPDX-License-Identifier: MIT
"""Steps that concern the run itself: SQL on the store, and words for its history."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from simulator.scenario.selecting import Numbers
from simulator.scenario.stage import Stage
from simulator.scenario.step import Entry, Outcome


class Sql(Entry):
    """Statements run on the store in one transaction; tables of the schema sim need no prefix."""

    do: Literal["sql"]
    text: str | None = Field(default=None, description="statements, with ; between")
    file: str | None = Field(default=None, description="a file of statements, beside the scenario")

    @model_validator(mode="after")
    def _one_source(self) -> Sql:
        if (self.text is None) == (self.file is None):
            raise ValueError("give text or file, one of them")
        return self

    async def begin(self, stage: Stage, numbers: Numbers, level: float) -> Outcome:
        text = self.text if self.text is not None else (stage.folder / str(self.file)).read_text(encoding="utf-8")
        return Outcome(0, detail={"rows": await stage.fleet.store.history.execute(text)})


class Log(Entry):
    """Words for the history."""

    do: Literal["log"]
    text: str

    async def begin(self, stage: Stage, numbers: Numbers, level: float) -> Outcome:
        return Outcome(0, detail={"text": self.text})
