# SPDX-License-Identifier: MIT
"""Moments by pattern, on a meter's own clock: execution times of schedules (Blue Book 4.5.7), communication windows.

A pattern is a time of four octets and a date of five, FF for any. Local seconds in and out; it asks no clock.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from simulator.meter.calendar import DAY_S
from simulator.meter.tariff import date_matches
from simulator.wire.axdr import Data, decode_whole, encode
from simulator.wire.codes import Tag

_EPOCH_ORDINAL = dt.date(1970, 1, 1).toordinal()
_ANY = 0xFF
_AHEAD_DAYS = 400
ANY_DATE = b"\xff\xff\xff\xff\xff"


class Moment(NamedTuple):
    time: bytes
    date: bytes


Moments = tuple[Moment, ...]


def _at(*hours_and_minutes: tuple[int, int]) -> Moments:
    return tuple(Moment(bytes((hour, minute, 0, _ANY)), ANY_DATE) for hour, minute in hours_and_minutes)


SCHEDULE_TYPES: Mapping[str, Moments] = {  # of sim.push_schedules
    "FIFTEEN_MIN": _at((_ANY, 0), (_ANY, 15), (_ANY, 30), (_ANY, 45)),
    "THIRTY_MIN": _at((_ANY, 0), (_ANY, 30)),
    "ONE_HOUR": _at((_ANY, 0)),
    "FOUR_HOUR": _at(*((hour, 0) for hour in range(0, 24, 4))),
    "EIGHT_HOUR": _at(*((hour, 0) for hour in range(0, 24, 8))),
    "TWELVE_HOUR": _at((0, 0), (12, 0)),
    "TWENTY_FOUR_HOUR": _at((0, 0)),
}


@lru_cache(maxsize=1024)
def moments_of(encoded: bytes) -> Moments:
    """An attribute execution_time."""
    return tuple(Moment(*(part.value for part in entry.value)) for entry in decode_whole(encoded).value)


def encoded_moments(moments: Moments) -> bytes:
    entries = (Data(Tag.STRUCTURE, tuple(Data(Tag.OCTET_STRING, part) for part in moment)) for moment in moments)
    return encode(Data(Tag.ARRAY, tuple(entries)))


def schedule_type(moments: Moments) -> str:
    """The type whose entries these are, in whatever order; else the one with the nearest number of firings a day."""
    for name, entries in SCHEDULE_TYPES.items():
        if set(entries) == set(moments):
            return name
    count = firings_a_day(moments)
    return min(SCHEDULE_TYPES, key=lambda name: abs(firings_a_day(SCHEDULE_TYPES[name]) - count))


def firings_a_day(moments: Moments) -> int:
    return len({second for moment in moments for second in _seconds(moment.time)})


@lru_cache(maxsize=4096)
def next_moment(moments: Moments, after_s: int) -> int | None:
    """The first after a second; None if there is none within a good year."""
    for day in range(after_s // DAY_S, after_s // DAY_S + _AHEAD_DAYS):
        later = [second for second in _on(moments, day) if second > after_s]
        if later:
            return min(later)
    return None


def latest_moment(moments: Moments, until_s: int) -> int | None:
    """The last up to and including a second; None if there was none within a good year."""
    for day in range(until_s // DAY_S, until_s // DAY_S - _AHEAD_DAYS, -1):
        earlier = [second for second in _on(moments, day) if second <= until_s]
        if earlier:
            return max(earlier)
    return None


def _on(moments: Moments, day: int) -> Iterator[int]:
    date = dt.date.fromordinal(day + _EPOCH_ORDINAL)
    for moment in moments:
        if date_matches(moment.date, date):
            yield from (day * DAY_S + second for second in _seconds(moment.time))


@lru_cache(maxsize=1024)
def _seconds(time: bytes) -> tuple[int, ...]:
    """Of the day. A second that is not specified is the first of its minute; a time that does not exist never comes."""
    hour, minute, second = time[0], time[1], 0 if time[2] == _ANY else time[2]
    hours = range(24) if hour == _ANY else (hour,)
    minutes = range(60) if minute == _ANY else (minute,)
    found = [(h, m) for h in hours for m in minutes if h < 24 and m < 60 and second < 60]
    return tuple(h * 3600 + m * 60 + second for h, m in found)


class Window(NamedTuple):
    """A communication window: date-times of twelve octets, from and to."""

    start: bytes
    end: bytes

    def opening(self, local_s: int) -> int | None:
        """`local_s` if the window is open then, else when it opens next; None: never again."""
        starts, ends = (moment_of(self.start),), (moment_of(self.end),)
        begun = latest_moment(starts, local_s)
        if begun is not None:
            closed = next_moment(ends, begun) if is_given(self.end) else None
            if closed is None or local_s < closed:
                return local_s
        return next_moment(starts, local_s)


def moment_of(stamp: bytes) -> Moment:
    return Moment(stamp[5:9], stamp[:5])


def is_given(stamp: bytes) -> bool:
    """Whether a date-time specifies anything."""
    return any(octet != _ANY for octet in stamp[:8])


def opening(windows: tuple[Window, ...], local_s: int) -> int | None:
    """When a push may start that is due at a moment; without windows at once (Blue Book 4.4.8.2)."""
    if not windows:
        return local_s
    return min((at for window in windows if (at := window.opening(local_s)) is not None), default=None)
