# SPDX-License-Identifier: MIT
"""The kinds of expectations. A new kind is a class here and a line at the end."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from pydantic import Field, model_validator

from simulator.cosem.model import Model
from simulator.errors import StoreError, StoreUnavailable
from simulator.meter.change import plain
from simulator.scenario.calling import answered
from simulator.scenario.expectation import Counted, Expectation, Verdict
from simulator.scenario.fitting import Unfit, without_attribute, without_client, without_object
from simulator.scenario.selecting import Numbers
from simulator.scenario.silence import Refusal, Silence, result_in_words
from simulator.scenario.stage import Stage
from simulator.scenario.values import Object, Setup
from simulator.scenario.words import Codes, Compared, Length
from simulator.values import MS_PER_SECOND, format_obis
from simulator.wire import axdr
from simulator.wire.codes import DataAccessResult

_UTILITY = 48
_SHOWN = 3


class EventExpected(Counted):
    """Entries of event logs."""

    event: Codes = Field(description="code, or several of which each counts")

    @property
    def kind(self) -> str:
        return "event"

    @property
    def told(self) -> str:
        return f"event {self.event}"

    async def check(self, stage: Stage, marks: Mapping[str, int], numbers: Numbers) -> Verdict:
        codes = [self.event] if isinstance(self.event, int) else self.event
        found = await stage.fleet.store.history.told(
            "events_told", _ids(stage, numbers), after=marks["event_logs"], codes=codes
        )
        return self.judged(found.rows, found.meters, len(numbers), "entries")


class AlarmExpected(Counted):
    """Alarms: bits of the event status word that were raised and passed its filter."""

    alarm: Codes | Literal["any"] = Field(description="code of the event that raises the bit, or any")
    status: Literal["PENDING", "SENT", "FAILED", "ACKNOWLEDGED"] | None = Field(
        default=None, description="at the window's end"
    )

    @property
    def kind(self) -> str:
        return "alarm"

    @property
    def told(self) -> str:
        return f"alarm {self.alarm}" + (f" {self.status}" if self.status else "")

    async def check(self, stage: Stage, marks: Mapping[str, int], numbers: Numbers) -> Verdict:
        found = await stage.fleet.store.history.told(
            "alarms_told",
            _ids(stage, numbers),
            after=marks["eswf_push_alarms"],
            bits=self._bits(stage, numbers),
            status=self.status,
        )
        return self.judged(found.rows, found.meters, len(numbers), "alarms")

    def _bits(self, stage: Stage, numbers: Numbers) -> list[int] | None:
        if self.alarm == "any":
            return None
        codes = [self.alarm] if isinstance(self.alarm, int) else self.alarm
        models = {cohort.model for cohort, _ in stage.parts(numbers)}
        return sorted({model.events[code].esw_bit for model in models for code in codes if code in model.events})


class PushExpected(Counted):
    """Pushes of a setup."""

    pushed: Setup = Field(description="instant, alert, block, daily, billing, tamper, registration, or a logical name")
    status: Literal["SUCCESS", "FAILED", "RETRY", "CANCELLED"] = "SUCCESS"

    @property
    def kind(self) -> str:
        return "pushed"

    @property
    def told(self) -> str:
        return f"pushed {format_obis(self.pushed)} {self.status}"

    def unfit(self, model: Model) -> Unfit | None:
        return without_object(model, "pushed", self.pushed)

    async def check(self, stage: Stage, marks: Mapping[str, int], numbers: Numbers) -> Verdict:
        found = await stage.fleet.store.history.told(
            "pushes_told",
            _ids(stage, numbers),
            after=marks["push_history"],
            setup=format_obis(self.pushed),
            status=self.status,
        )
        return self.judged(found.rows, found.meters, len(numbers), "pushes")


class ReadExpected(Counted):
    """What meters answer at the window's end: the value on the wire, before its scaler."""

    read: Object = Field(description="logical name and attribute, 1.0.1.8.0.255:2")
    equals: bool | int | float | str | list[Any] | None = Field(default=None, description="the value, as JSON has it")
    value: Compared | None = Field(default=None, description='a comparison of a number, ">= 1.5"')
    refused: Refusal | None = Field(default=None, description="a data-access-result: read-write-denied …")
    client: int = Field(_UTILITY, ge=1, le=127, description="who reads")

    @model_validator(mode="after")
    def _one_wish(self) -> ReadExpected:
        if sum(wish is not None for wish in (self.equals, self.value, self.refused)) != 1:
            raise ValueError("give equals, value or refused, one of them")
        return self

    @property
    def kind(self) -> str:
        return "read"

    @property
    def told(self) -> str:
        wish = self.refused or (f"= {self.equals}" if self.value is None else str(self.value))
        return f"read {self.read} {wish}"

    def unfit(self, model: Model) -> Unfit | None:
        unread = None if self.refused is not None else without_attribute(model, "read", self.read)
        return unread or without_client(model, "client", self.client)

    async def check(self, stage: Stage, marks: Mapping[str, int], numbers: Numbers) -> Verdict:
        answers = [await stage.read(int(number), self.client, self.read) for number in numbers]
        values = [_told(answer) for answer in answers]
        fitting = sum(self._fits(value) for value in values)
        others = [_in_words(value) for value in values if not self._fits(value)][:_SHOWN]
        verdict = self.judged(fitting, fitting, len(numbers), "fitting answers")
        return Verdict(
            verdict.is_met, verdict.words + (f"; others: {', '.join(others)}" if others else ""), verdict.detail
        )

    def _fits(self, value: Any) -> bool:
        if isinstance(value, DataAccessResult | Silence):
            return _in_words(value) == self.refused
        if self.value is not None:
            return isinstance(value, int | float) and self.value.holds(float(value))
        return self.refused is None and bool(value == self.equals)


class ReachExpected(Counted):
    """Meters that are called over the network as the public client, over the wrapper on TCP, give a value."""

    reach: Object = Field(description="logical name and attribute that is read, 0.0.1.0.0.255:2")
    limit: Length = Field(default=2000, validate_default=False, description="how long a call may take, of wall time")

    @property
    def kind(self) -> str:
        return "reach"

    @property
    def told(self) -> str:
        return f"reach {self.reach}"

    def unfit(self, model: Model) -> Unfit | None:
        return without_attribute(model, "reach", self.reach)

    async def check(self, stage: Stage, marks: Mapping[str, int], numbers: Numbers) -> Verdict:
        calls = [stage.call(int(number), self.reach) for number in numbers]
        reachable = [call for call in calls if call is not None]
        if len(reachable) < len(calls):
            return Verdict(False, "meters are called over the wrapper on TCP, which this network does not have")
        reached = sum(await answered(reachable, self.limit / MS_PER_SECOND))
        return self.judged(reached, reached, len(numbers), "answers")


class SqlExpected(Expectation):
    """What a query finds in the store at the window's end; it can change nothing."""

    sql: str = Field(description="a query; tables of the schema sim need no prefix")
    equals: int | float | str | bool | None = Field(default=None, description="its one cell")
    value: Compared | None = Field(default=None, description="a comparison of its one cell")
    rows: list[list[Any]] | None = Field(default=None, description="all its rows")

    @model_validator(mode="after")
    def _one_wish(self) -> SqlExpected:
        if sum(wish is not None for wish in (self.equals, self.value, self.rows)) != 1:
            raise ValueError("give equals, value or rows, one of them")
        return self

    @property
    def kind(self) -> str:
        return "sql"

    @property
    def told(self) -> str:
        wish = f"{len(self.rows)} rows" if self.rows is not None else str(self.value or f"= {self.equals}")
        return f"sql {' '.join(self.sql.split())[:60]} {wish}"

    async def check(self, stage: Stage, marks: Mapping[str, int], numbers: Numbers) -> Verdict:
        try:
            found = [[_cell(cell) for cell in row] for row in await stage.fleet.store.history.ask(self.sql)]
        except StoreUnavailable:
            raise
        except StoreError as error:
            return Verdict(False, str(error))
        words = str(found[:_SHOWN])
        if self.rows is not None:
            return Verdict(found == self.rows, f"{len(found)} rows: {words}")
        if [len(row) for row in found] != [1]:
            return Verdict(False, f"one cell was expected, not {words}")
        cell = found[0][0]
        met = cell == self.equals if self.value is None else _holds(self.value, cell)
        return Verdict(met, f"found {cell}")


def _holds(wanted: Any, cell: Any) -> bool:
    return isinstance(cell, int | float) and bool(wanted.holds(float(cell)))


def _cell(cell: Any) -> Any:
    """As a scenario would write it."""
    if isinstance(cell, Decimal):
        return int(cell) if cell == cell.to_integral_value() else float(cell)
    return str(cell) if isinstance(cell, dt.datetime | dt.date | UUID) else cell


def _told(answer: bytes | DataAccessResult | Silence) -> Any:
    return plain(axdr.decode_whole(answer)) if isinstance(answer, bytes) else answer


def _in_words(value: Any) -> str:
    return result_in_words(value) if isinstance(value, DataAccessResult | Silence) else str(value)


def _ids(stage: Stage, numbers: Numbers) -> Sequence[UUID]:
    return [stage.fleet.identity(int(number)).id for number in numbers]


EXPECTATIONS: Mapping[str, type[Expectation]] = {
    "alarm": AlarmExpected,
    "event": EventExpected,
    "pushed": PushExpected,
    "reach": ReachExpected,
    "read": ReadExpected,
    "sql": SqlExpected,
}
"""By the key that tells the kind."""
