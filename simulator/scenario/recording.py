# SPDX-License-Identifier: MIT
"""Recorded alarms (CSV: time, meter, code) as steps of a timeline: one per moment and code, with its meters."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from simulator.documents import keys_of, load_table, read_table
from simulator.errors import Mistake, UserError
from simulator.fleet.selection import parse_meters
from simulator.fleet.spec import FleetSpec
from simulator.scenario.step import Entry
from simulator.scenario.steps.events import Event
from simulator.scenario.words import Moment, parse_moment
from simulator.values import MS_PER_SECOND


def _time_ms(text: str) -> int:
    moment = parse_moment(text)
    if moment.offset_ms is not None:
        return moment.offset_ms
    if moment.moment is None:
        raise ValueError(f"{text!r} is no recorded time; write an offset (90s) or a moment (2025-06-01T18:00:00)")
    aware = moment.moment if moment.moment.tzinfo else moment.moment.replace(tzinfo=dt.UTC)
    return round(aware.timestamp() * MS_PER_SECOND)


class _Alarm(BaseModel):
    """One line: when (an offset, or a moment), which meter (number or serial number), which event."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    time_ms: Annotated[int, BeforeValidator(_time_ms)] = Field(alias="time")
    meter: str
    code: int


COLUMNS = frozenset(keys_of(_Alarm))


def read_alarms(path: Path) -> list[_Alarm]:
    return load_table(path, _Alarm)


def recorded(path: Path, spec: FleetSpec, at_ms: int) -> Iterator[Entry]:
    """The first happens `at_ms` after the start, the others so much later as they were recorded later.

    UserError with every mistake and its line.
    """
    alarms, mistakes = read_table(path, _Alarm)
    known = {code for model in spec.models() for code in model.events}
    together: dict[tuple[int, int], list[str]] = {}
    for line, alarm in alarms.items():
        try:
            parse_meters(alarm.meter, spec.count, spec.meter_named)
            if alarm.code not in known:
                raise ValueError(f"no model of the fleet knows event {alarm.code}")
            together.setdefault((alarm.time_ms, alarm.code), []).append(alarm.meter)
        except (UserError, ValueError) as error:
            mistakes.append(Mistake(str(path), line, 0, str(error)))
    if not alarms and not mistakes:
        mistakes.append(Mistake(str(path), 1, 0, "no line is recorded; write time,meter,code and lines below"))
    if mistakes:
        raise UserError(mistakes)
    begin_ms = min(time_ms for time_ms, _ in together)
    for (time_ms, code), meters in sorted(together.items()):
        at = Moment(offset_ms=time_ms - begin_ms + at_ms)
        yield Event.model_validate({"do": "event", "code": code, "on": {"meters": ",".join(meters)}, "at": at})
