# SPDX-License-Identifier: MIT
"""An activity calendar as a function from the day to its tariff zones (Blue Book 4.5.5, 4.5.4).

Built from the encoded attributes of a calendar and its special days; two calendars with the same octets are equal.
It knows no meter and holds nothing that changes.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from simulator.wire.axdr import decode_whole

ZONES = 8
_ANY, _ANY_YEAR = 0xFF, 0xFFFF
_QUARTERS = 96
_EPOCH_ORDINAL = dt.date(1970, 1, 1).toordinal()
Day = tuple[int, ...]  # the zone of each quarter of an hour, 96


@dataclass(frozen=True, slots=True)
class Tariff:
    """Attributes 3 to 5 of an Activity calendar and, if the meter has one, attribute 2 of its Special days table."""

    seasons: bytes
    weeks: bytes
    days: bytes
    special: bytes = b"\x01\x00"

    def zones_on(self, day: int) -> Day:
        """The zones of a local day, counted from 1970-01-01. A calendar without a plan for it keeps zone 1."""
        return _zones_on(self, day)


def mistake(tariff: Tariff) -> str:
    """What makes a calendar unusable; empty if nothing does."""
    days = {day_id for day_id, _ in _days(tariff.days)}
    weeks = dict(_weeks(tariff.weeks))
    if any(week not in weeks for _, week in _seasons(tariff.seasons)):
        return "a season names a week that is not in the calendar"
    if any(day not in days for week in weeks.values() for day in week):
        return "a week names a day that is not in the calendar"
    steps = [step for _, plan in _days(tariff.days) for step in plan]
    if any(not 1 <= zone <= ZONES or quarter >= _QUARTERS for quarter, zone in steps):
        return f"a day has a step outside the day, or a zone beyond {ZONES}"
    return ""


@lru_cache(maxsize=4096)
def _zones_on(tariff: Tariff, day: int) -> Day:
    date = dt.date.fromordinal(day + _EPOCH_ORDINAL)
    plans = dict(_days(tariff.days))
    special = [day_id for pattern, day_id in _specials(tariff.special) if date_matches(pattern, date)]
    steps = sorted(plans.get(special[0] if special else _ordinary(tariff, date), ()))
    return tuple(next((z for q, z in reversed(steps) if q <= quarter), steps[-1][1] if steps else 1)
                 for quarter in range(_QUARTERS))  # fmt: skip


def _ordinary(tariff: Tariff, date: dt.date) -> int:
    """The day id by season and day of the week; 0 if the calendar has none."""
    starts = sorted(_seasons(tariff.seasons))
    begun = [week for start, week in starts if start <= (date.month, date.day)]
    week = begun[-1] if begun else starts[-1][1] if starts else b""  # the year's last season goes on in the next
    days = dict(_weeks(tariff.weeks)).get(week)
    return days[date.weekday()] if days else 0


def date_matches(pattern: bytes, date: dt.date) -> bool:
    """Whether a date has the form of five octets; FF: any, day FE: the month's last, FD: the one before it."""
    year, month, day, weekday = int.from_bytes(pattern[:2], "big"), pattern[2], pattern[3], pattern[4]
    after = date.replace(day=28) + dt.timedelta(days=4)
    last = (after - dt.timedelta(days=after.day)).day
    return (
        year in (_ANY_YEAR, date.year)
        and month in (_ANY, date.month)
        and {0xFE: last, 0xFD: last - 1}.get(day, day) in (_ANY, date.day)
        and weekday in (_ANY, date.isoweekday())
    )


def _seasons(encoded: bytes) -> list[tuple[tuple[int, int], bytes]]:
    """(month, day) of each season's start and its week; what is not specified is the first."""
    found = []
    for season in _parts(encoded):
        _, start, week = (part.value for part in season)
        month, day = (value if value <= 31 else 1 for value in (start[2], start[3]))
        found.append(((month, day), week))
    return found


def _weeks(encoded: bytes) -> list[tuple[bytes, tuple[int, ...]]]:
    return [(week[0].value, tuple(day.value for day in week[1:])) for week in _parts(encoded)]


def _days(encoded: bytes) -> list[tuple[int, list[tuple[int, int]]]]:
    """Day ids, each with (quarter, zone) of its steps; a step within a quarter holds from its beginning."""
    found = []
    for day_id, actions in _parts(encoded):
        steps = [(a.value[0].value, a.value[2].value) for a in actions.value]
        found.append((day_id.value, [(time[0] * 4 + time[1] // 15, zone) for time, zone in steps]))
    return found


def _specials(encoded: bytes) -> list[tuple[bytes, int]]:
    return [(date.value, day_id.value) for _, date, day_id in _parts(encoded)]


def _parts(encoded: bytes) -> list[Any]:
    return [part.value for part in decode_whole(encoded).value]
