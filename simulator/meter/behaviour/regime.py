# SPDX-License-Identifier: MIT
"""The calendar of one meter, from what clients have written of it: block period, tariff, billing dates, clock.

It only reads. A new calendar holds from the last captured mark on; a clock that is off by less than half a block moves
no mark.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from simulator.meter.calendar import Calendar, billing_of
from simulator.meter.change import Meter, objects_of
from simulator.meter.clocks import alike, nearest
from simulator.meter.cohort import Cohort
from simulator.meter.columns import Ints
from simulator.meter.tariff import Tariff
from simulator.values import MS_PER_SECOND, attribute_key, parse_obis

CAPTURE_PERIOD = attribute_key(1, parse_obis("1.0.0.8.4.255"), 2)
BILLING_SCHEDULE = attribute_key(22, parse_obis("0.0.15.0.0.255"), 4)
_ACTIVE = (3, 4, 5)  # season, week and day profiles in force, attributes of class 20
_ACTIVITY_CALENDAR, _SPECIAL_DAYS = 20, 11


def calendar_for(meter: Meter) -> Calendar:
    calendar = replace(meter.cohort.calendar, tariff=_tariff(meter))
    own = meter.cohort.overrides
    if (meter.row, CAPTURE_PERIOD) in own:
        calendar = replace(calendar, block_minutes=meter.value(CAPTURE_PERIOD) // 60)
    if (meter.row, BILLING_SCHEDULE) in own:
        billing = billing_of(meter.value(BILLING_SCHEDULE))
        calendar = replace(calendar, billing=calendar.billing if billing is None else billing)
    return shifted(calendar, meter.clock.offset_at(meter.instant_ms))


def shifted(calendar: Calendar, clock_offset_ms: int) -> Calendar:
    """The calendar whose marks are nearest to those of a clock that is off."""
    return replace(calendar, shift_s=nearest(clock_offset_ms, calendar.block_ms) // MS_PER_SECOND)


def follow_clocks(cohort: Cohort, rows: Ints, instant_ms: int) -> None:
    """Calendars of meters whose clocks have moved, and of which nothing else differs from their model."""
    for clock, part in alike(cohort.columns, rows):
        calendar = shifted(cohort.calendar, clock.offset_at(instant_ms))
        if calendar != cohort.calendar:
            cohort.calendars.update(dict.fromkeys(part.tolist(), calendar))
        elif cohort.calendars:
            for row in cohort.calendars.keys() & set(part.tolist()):
                del cohort.calendars[row]
        cohort.marks_move_ms[part] = clock.marks_move_ms(instant_ms, calendar.block_ms)


def blocks_ms(cohort: Cohort, rows: Ints) -> Ints:
    """[rows] how long their blocks are."""
    lengths = np.full(len(cohort.identities), cohort.calendar.block_ms)
    for row, calendar in cohort.calendars.items():
        lengths[row] = calendar.block_ms
    return lengths[rows]


def _tariff(meter: Meter) -> Tariff | None:
    """None while calendar and special days are the model's: its zones say the same in less."""
    model = meter.cohort.model
    found = [head + bytes((index,)) for head in objects_of(model, _ACTIVITY_CALENDAR) for index in _ACTIVE]
    special = [head + b"\x02" for head in objects_of(model, _SPECIAL_DAYS)]
    if not found or not any((meter.row, key) in meter.cohort.overrides for key in (*found, *special)):
        return None
    return Tariff(*(meter.encoded(key) or b"\x01\x00" for key in (*found[:3], *special[:1])))
