# SPDX-License-Identifier: MIT
"""What meters' clocks show: true local time, an offset, and a drift since an instant; exact to the millisecond.

Nothing ticks: a clock is a function of the instant, so a fleet of drifting clocks costs what one of right ones does.
"""

from __future__ import annotations

from typing import NamedTuple, TypeVar

import numpy as np

from simulator.meter.columns import Columns, Ints, Rows
from simulator.values import MS_PER_DAY, MS_PER_MINUTE, MS_PER_SECOND, NEVER_MS

_US_PER_DAY = MS_PER_DAY * 1000
ALL = slice(None)
Offset = TypeVar("Offset", int, Ints)


class Clock(NamedTuple):
    """Less true local time: so much at an instant, and so many microseconds more with every day."""

    offset_ms: int
    drift_us: int
    since_ms: int

    def offset_at(self, instant_ms: int) -> int:
        return self.offset_ms + (instant_ms - self.since_ms) * self.drift_us // _US_PER_DAY

    def instant_of(self, local_ms: int) -> int:
        """The first instant at which it shows a moment, or more; `local_ms` as if UTC were the local time."""
        ahead_ms = local_ms - self.offset_ms - self.since_ms
        return self.since_ms - -ahead_ms * _US_PER_DAY // (_US_PER_DAY + self.drift_us)

    def marks_move_ms(self, instant_ms: int, block_ms: int) -> int:
        """When drift will have made the nearest marks (`nearest`) others than they are at an instant."""
        marks_ms = nearest(self.offset_at(instant_ms), block_ms)
        if self.drift_us > 0:
            gained_ms = marks_ms + block_ms - block_ms // 2 - self.offset_ms
            return self.since_ms - -gained_ms * _US_PER_DAY // self.drift_us
        lost_ms = self.offset_ms - marks_ms + block_ms // 2
        return NEVER_MS if self.drift_us == 0 else self.since_ms + lost_ms * _US_PER_DAY // -self.drift_us + 1


def nearest(offset_ms: Offset, block_ms: Offset) -> Offset:
    """An offset in whole blocks: by so much a clock's marks differ from those of true time."""
    return (offset_ms + block_ms // 2) // block_ms * block_ms


def clock_of(columns: Columns, row: int) -> Clock:
    return Clock(int(columns.clock_offset_ms[row]), int(columns.clock_drift_us[row]), int(columns.clock_since_ms[row]))


def clocks_of(columns: Columns) -> Ints:
    """[3, n]: the fields of each meter's Clock."""
    return np.stack([columns.clock_offset_ms, columns.clock_drift_us, columns.clock_since_ms])


def alike(columns: Columns, rows: Ints) -> list[tuple[Clock, Ints]]:
    """These rows by what their clocks show."""
    fields = clocks_of(columns)[:, rows]
    if (fields == fields[:, :1]).all():  # as most fleets are
        return [(clock_of(columns, int(rows[0])), rows)] if len(rows) else []
    different, places = np.unique(fields, axis=1, return_inverse=True)
    order = np.argsort(places, kind="stable")
    parts = np.split(rows[order], np.flatnonzero(np.diff(places[order])) + 1)
    return [(Clock(*clock), part) for clock, part in zip(different.T.tolist(), parts, strict=True)]


def offsets_ms(columns: Columns, instant_ms: int, rows: Rows = ALL) -> Ints:
    """[n] what each clock shows at an instant, less true local time."""
    offset_ms, drift_us = columns.clock_offset_ms[rows], columns.clock_drift_us[rows]
    if not drift_us.any():
        return offset_ms
    days, rest_ms = np.divmod(instant_ms - columns.clock_since_ms[rows], MS_PER_DAY)  # the whole product is too long
    return np.asarray(offset_ms + (days * drift_us + rest_ms * drift_us // MS_PER_DAY) // 1000)


def shown_s(columns: Columns, utc_offset_minutes: int, instant_ms: int, rows: Rows = ALL) -> Ints:
    """[n] what each clock shows, in local seconds."""
    true_ms = instant_ms + utc_offset_minutes * MS_PER_MINUTE
    return np.asarray((true_ms + offsets_ms(columns, instant_ms, rows)) // MS_PER_SECOND)
