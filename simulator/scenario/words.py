# SPDX-License-Identifier: MIT
"""The small values of the grammar: spans, moments, comparisons. Each says how it is written, for parser and schema."""

from __future__ import annotations

import datetime as dt
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, WithJsonSchema

from simulator.documents import did_you_mean
from simulator.values import MS_PER_DAY, MS_PER_SECOND, instant_of, is_number, parse_duration_ms
from simulator.world.shapes import load_world

_SPAN = r"^\s*(\d+(\.\d+)?(ms|s|m|h|d|w))+\s*$"
_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?")
_ISO = r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2})?(Z|[+-]\d{2}:\d{2})?)?$"
_FIRST_YEAR, _LAST_YEAR = 2000, 2100
_SERIES = r"^\d{3,5}$"  # with the meter's own seven they fill the five octets of a system title
_COMPARISON = re.compile(r"\s*(>=|<=|==|!=|>|<)?\s*(-?\d+(?:\.\d+)?)\s*(%)?\s*")
_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge, "<=": operator.le, "==": operator.eq, "!=": operator.ne, ">": operator.gt, "<": operator.lt,
}  # fmt: skip


class Strict(BaseModel):
    """A mapping of a scenario file: its keys are known, and it never changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


@dataclass(frozen=True, slots=True)
class Moment:
    """When: an offset from the start, a time of the day, or a moment of the calendar, one of them."""

    offset_ms: int | None = None
    day_ms: int | None = None  # the first such time of the local day, at the start or after it
    moment: dt.datetime | None = None  # without an offset from UTC: local

    def instant(self, start_ms: int, utc_offset_minutes: int) -> int:
        if self.offset_ms is not None:
            return start_ms + self.offset_ms
        zone = dt.timezone(dt.timedelta(minutes=utc_offset_minutes))
        if self.moment is not None:
            return instant_of(self.moment if self.moment.tzinfo else self.moment.replace(tzinfo=zone))
        assert self.day_ms is not None
        local_ms = start_ms + utc_offset_minutes * 60_000
        return start_ms + (self.day_ms - local_ms) % MS_PER_DAY


@dataclass(frozen=True, slots=True)
class Comparison:
    """``>= 0.99``; a number alone means equality."""

    sign: str
    limit: float

    def holds(self, value: float) -> bool:
        return _OPERATORS[self.sign](value, self.limit)

    def may_hold(self, most: float) -> bool:
        """Of a number from 0 to `most`."""
        return any(self.holds(one) for one in (0.0, most, min(max(self.limit, 0.0), most)))

    def __str__(self) -> str:
        return f"{self.sign} {self.limit:g}"


def parse_moment(value: Any) -> Moment:
    if isinstance(value, Moment):
        return value
    text = str(value).strip()
    if clock := _CLOCK.fullmatch(text):
        hours, minutes, seconds = (int(part or 0) for part in clock.groups())
        return Moment(day_ms=((hours * 60 + minutes) * 60 + seconds) * MS_PER_SECOND)
    if re.match(_ISO, text):
        return Moment(moment=_dated(text))
    try:
        return Moment(offset_ms=parse_duration_ms(text))
    except ValueError:
        raise ValueError(
            f"{text!r} is not a time; write an offset from the start (5m, 1h30m), a time of the day (18:00) "
            "or a moment (2025-06-01T18:00)"
        ) from None


def _dated(text: str) -> dt.datetime:
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise ValueError(f"{text!r} is not a moment of the years {_FIRST_YEAR} to {_LAST_YEAR}")
    return moment


def known_load(name: str) -> str:
    if name not in _loads():
        raise ValueError(f"there is no load {name!r}; {did_you_mean(name, _loads())}")
    return name


@cache
def _loads() -> list[str]:
    return load_world(0).loads()


def _span(value: Any) -> int:
    return parse_duration_ms(str(value))


def _positive_span(value: Any) -> int:
    if (span := _span(value)) <= 0:
        raise ValueError(f"{value!r} takes no time; write for example 10m")
    return span


def parse_comparison(value: Any) -> Comparison:
    match = _COMPARISON.fullmatch(str(value))
    if isinstance(value, bool) or match is None:
        raise ValueError(f'{value!r} is not a comparison; write for example ">= 0.99" or 12')
    sign, number, percent = match.groups()
    return Comparison(sign or "==", float(number) / (100 if percent else 1))


def _start(value: Any) -> dt.datetime:
    try:
        return _dated(str(value))
    except ValueError as error:
        raise ValueError(f"{error}; write for example 2025-06-01T17:00:00+05:30") from None


def _ranges(value: Any) -> tuple[range, ...]:
    """``1-20,33``: numbers from 1."""
    found = []
    for part in str(value).split(","):
        first, dash, last = part.strip().partition("-")
        if not (is_number(first) and (not dash or is_number(last))) or int(first) < 1:
            raise ValueError(f"{part.strip()!r} is no number or range of meters; write for example 1-20,33")
        if int(first) > int(last or first):
            raise ValueError(f"{part.strip()!r} ends before it begins; write for example 1-20,33")
        found.append(range(int(first) - 1, int(last or first)))
    return tuple(found)


def _series(value: Any) -> str:
    text = str(value).strip()
    if not re.fullmatch(_SERIES, text):
        raise ValueError(f"{text!r} is no beginning of serial numbers; write 3 to 5 digits, for example 912")
    return text


_span_schema = WithJsonSchema({"type": "string", "pattern": _SPAN})
Span = Annotated[int, PlainValidator(_span), _span_schema]
"""Milliseconds, written 90s, 5m, 1h30m, 2d."""
Length = Annotated[int, PlainValidator(_positive_span), _span_schema]
"""A span that is not empty."""
When = Annotated[
    Moment,
    PlainValidator(parse_moment),
    WithJsonSchema({"anyOf": [{"type": "string", "pattern": one} for one in (_SPAN, rf"^{_CLOCK.pattern}$", _ISO)]}),
]
Series = Annotated[
    str,
    PlainValidator(_series),
    WithJsonSchema(
        {"anyOf": [{"type": "integer", "minimum": 100, "maximum": 99_999}, {"type": "string", "pattern": _SERIES}]}
    ),
]
Compared = Annotated[
    Comparison,
    PlainValidator(parse_comparison),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string", "pattern": rf"^{_COMPARISON.pattern}$"}]}),
]
Codes = int | Annotated[list[int], Field(min_length=1)]
"""Of events, as `meterfleet events codes` lists them."""
Start = Annotated[dt.datetime, PlainValidator(_start), WithJsonSchema({"type": "string", "pattern": _ISO})]
Ranges = Annotated[
    tuple[range, ...],
    PlainValidator(_ranges),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "pattern": r"^[\d\s,-]+$"}]}),
]
