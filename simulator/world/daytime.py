# SPDX-License-Identifier: MIT
"""Slots of 15 minutes, numbered from the epoch in UTC, and where each stands in the local day and year.

Local time is a fixed offset from UTC; summer time is the meter's clock's business and never moves the load.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from simulator.world.noise import Ints

SLOT_MS = 900_000
SLOTS_PER_DAY = 96
SLOT_MINUTES = 15
YEAR_DAYS = 366  # days are numbered as in a leap year, so that a date has the same number in every year

MONTH_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
MONTH_STARTS = np.cumsum((0, *MONTH_DAYS[:-1]), dtype=np.int64)


class LocalTime(NamedTuple):
    """One entry per slot."""

    slot: Ints
    day: Ints  # local, since the epoch
    quarter: Ints  # of the local day, 0 to 95
    day_of_year: Ints  # 0 to 365
    month: Ints  # 0 to 11
    day_kind: Ints  # 0 weekday, 1 Saturday, 2 Sunday


def local_time(slots: Ints, utc_offset_minutes: int) -> LocalTime:
    """Raises ValueError for an offset that is no multiple of 15 minutes."""
    shift, rest = divmod(utc_offset_minutes, SLOT_MINUTES)
    if rest:
        raise ValueError(f"an offset of {utc_offset_minutes} minutes from UTC is no multiple of {SLOT_MINUTES}")
    day, quarter = np.divmod(slots + shift, SLOTS_PER_DAY)
    dates = day.astype("datetime64[D]")
    months = dates.astype("datetime64[M]")
    month = months.astype(np.int64) % 12
    day_of_month = (dates - months.astype("datetime64[D]")).astype(np.int64)
    weekday = (day + 3) % 7  # 1970-01-01 was a Thursday; Monday is 0
    return LocalTime(slots, day, quarter, MONTH_STARTS[month] + day_of_month, month, np.maximum(weekday - 4, 0))
