# SPDX-License-Identifier: MIT
"""The calendar of one meter, from what clients have written of it: block period, tariff, billing dates, clock.

It only reads. A new calendar holds from the last captured mark on; a clock that is off by less than half a block moves
no mark.
"""

from __future__ import annotations

from dataclasses import replace

from simulator.meter.calendar import Calendar, billing_of
from simulator.meter.change import Meter, objects_of
from simulator.meter.tariff import Tariff
from simulator.values import attribute_key, parse_obis

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
    return shifted(calendar, meter.number("clock_offset_s"))


def shifted(calendar: Calendar, clock_offset_s: int) -> Calendar:
    """The calendar whose marks are nearest to those of a clock that is off."""
    block_s = calendar.block_minutes * 60
    return replace(calendar, shift_s=(clock_offset_s + block_s // 2) // block_s * block_s)


def _tariff(meter: Meter) -> Tariff | None:
    """None while calendar and special days are the model's: its zones say the same in less."""
    model = meter.cohort.model
    found = [head + bytes((index,)) for head in objects_of(model, _ACTIVITY_CALENDAR) for index in _ACTIVE]
    special = [head + b"\x02" for head in objects_of(model, _SPECIAL_DAYS)]
    if not found or not any((meter.row, key) in meter.cohort.overrides for key in (*found, *special)):
        return None
    return Tariff(*(meter.encoded(key) or b"\x01\x00" for key in (*found[:3], *special[:1])))
