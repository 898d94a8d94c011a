# SPDX-License-Identifier: MIT
"""What a meter's clock makes of time: block marks, midnights, tariff zones, billing dates.

Equal for all meters of a model until clients write; meters with equal calendars advance together. It never asks what
time it is.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from simulator.meter.tariff import Day, Tariff, date_matches
from simulator.values import MS_PER_DAY, MS_PER_MINUTE

DAY_S = 86_400
_EPOCH_ORDINAL = dt.date(1970, 1, 1).toordinal()
Billing = tuple[tuple[int, bytes], ...]  # seconds of the day, date of five octets with FF for any
FIRST_OF_MONTH: Billing = ((0, b"\xff\xff\xff\x01\xff"),)


@dataclass(frozen=True, slots=True)
class Calendar:
    utc_offset_minutes: int
    block_minutes: int
    zones: Day  # tariff zone of each quarter of the day, where there is no `tariff`
    tariff: Tariff | None = None
    billing: Billing = FIRST_OF_MONTH
    shift_s: int = 0  # by how much the meter's marks differ from true local time: a whole number of blocks

    @property
    def block_ms(self) -> int:
        return self.block_minutes * MS_PER_MINUTE

    @property
    def _offset_ms(self) -> int:
        return self.utc_offset_minutes * MS_PER_MINUTE + self.shift_s * 1000

    def local_s(self, instant_ms: int) -> int:
        return (instant_ms + self._offset_ms) // 1000

    def instant_ms(self, local_s: int) -> int:
        return local_s * 1000 - self._offset_ms

    def block_start(self, instant_ms: int) -> int:
        """The last block boundary at or before an instant; blocks are counted from local midnight."""
        return (instant_ms + self._offset_ms) // self.block_ms * self.block_ms - self._offset_ms

    def midnight(self, instant_ms: int) -> int:
        return (instant_ms + self._offset_ms) // MS_PER_DAY * MS_PER_DAY - self._offset_ms

    def zones_on(self, day: int) -> Day:
        """The zones of a local day, counted from 1970-01-01."""
        return self.zones if self.tariff is None else self.tariff.zones_on(day)

    def zone_of_block(self, instant_ms: int) -> int:
        """A block belongs to the zone in which it begins."""
        day, second = divmod(self.local_s(self.block_start(instant_ms)), DAY_S)
        return self.zones_on(day)[second // 900]

    def billing_marks(self, after_s: int, until_s: int) -> list[int]:
        """The block marks, in local seconds, at which a billing period closes: the first at or after its moment."""
        block_s = self.block_minutes * 60
        marks = set()
        for day in range(after_s // DAY_S - 1, until_s // DAY_S + 1):
            date = dt.date.fromordinal(day + _EPOCH_ORDINAL)
            for second, pattern in self.billing:
                if date_matches(pattern, date):
                    marks.add(-(-(day * DAY_S + second) // block_s) * block_s)
        return sorted(mark for mark in marks if after_s < mark <= until_s)


def billing_of(entries: Sequence[tuple[bytes, bytes]]) -> Billing | None:
    """Execution times (time of four octets, date of five) as billing dates; None if one names no moment of a day."""
    found = []
    for time, date in entries:
        hour, minute, second = time[0], time[1], 0 if time[2] == 0xFF else time[2]
        if hour > 23 or minute > 59 or second > 59:
            return None
        found.append((hour * 3600 + minute * 60 + second, date))
    return tuple(found)
