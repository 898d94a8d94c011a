# SPDX-License-Identifier: MIT
"""Single action schedules (class 22, Blue Book 4.5.7): new execution times, and the script run when one comes.

Billing dates are part of the meter's calendar (regime.py), so that they fall on a block mark; all others are timers.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from simulator.meter.behaviour.pushing import schedule_change
from simulator.meter.behaviour.regime import BILLING_SCHEDULE
from simulator.meter.behaviour.scripts import run_script, script_of
from simulator.meter.calendar import DAY_S, Billing, billing_of
from simulator.meter.change import Answer, Change, Meter, Timer, objects_of, plain_value
from simulator.meter.events import BILLING_DATES, IMAGE_SCHEDULE
from simulator.meter.push.schedule import own_of, plans_with
from simulator.meter.tariff import date_matches
from simulator.values import parse_obis
from simulator.wire.axdr import Data
from simulator.wire.codes import DataAccessResult

_CLASS, _SCRIPT, _TIMES = 22, 2, 4
_IMAGE_ACTIVATION = parse_obis("0.0.15.0.2.255")
_EPOCH_ORDINAL = dt.date(1970, 1, 1).toordinal()
_LOOKED_AHEAD_DAYS = 400


async def set_execution_time(meter: Meter, key: bytes, value: Data) -> Answer:
    if key == BILLING_SCHEDULE and billing_of(plain_value(value)) is None:
        return DataAccessResult.OTHER_REASON
    events = {BILLING_SCHEDULE: (BILLING_DATES,)}.get(key, (IMAGE_SCHEDULE,) if key[2:8] == _IMAGE_ACTIVATION else ())
    return replace(await schedule_change(meter, key, value), events=events)


async def set_script(meter: Meter, key: bytes, value: Data) -> Answer:
    return await schedule_change(meter, key, value)


def _due(meter: Meter) -> int | None:
    moments = [at for key in _watched(meter) if (at := _next(meter, key)) is not None]
    return min(moments, default=None)


async def _fire(meter: Meter) -> Change | None:
    for key in _watched(meter):
        if any(_matches(meter.local_s, entry) for entry in _times(meter, key)):
            script, selector = meter.value(key[:8] + bytes((_SCRIPT,)))
            await run_script(meter, script, selector)
    return None


def _watched(meter: Meter) -> list[bytes]:
    """Schedules that a client has written and whose script does something; those that push are the fleet's affair."""
    pushing = {plan.schedule for plan in plans_with(meter.cohort.model, own_of(meter.cohort, meter.row))}
    heads = [head for head in objects_of(meter.cohort.model, _CLASS) if head[2:] not in pushing]
    keys = [head + bytes((_TIMES,)) for head in heads]
    own = [key for key in keys if key != BILLING_SCHEDULE and (meter.row, key) in meter.cohort.overrides]
    return [key for key in own if script_of(meter, *meter.value(key[:8] + bytes((_SCRIPT,))))]


def _times(meter: Meter, key: bytes) -> Billing:
    return billing_of(meter.value(key)) or ()


def _matches(local_s: int, entry: tuple[int, bytes]) -> bool:
    second, date = entry
    return local_s % DAY_S == second and date_matches(date, dt.date.fromordinal(local_s // DAY_S + _EPOCH_ORDINAL))


def _next(meter: Meter, key: bytes) -> int | None:
    """The first execution after now, within a good year."""
    today = meter.local_s // DAY_S
    for day in range(today, today + _LOOKED_AHEAD_DAYS):
        date = dt.date.fromordinal(day + _EPOCH_ORDINAL)
        seconds = sorted(second for second, pattern in _times(meter, key) if date_matches(pattern, date))
        moments = (meter.instant_of(day * DAY_S + second) for second in seconds)
        if later := [moment for moment in moments if moment > meter.instant_ms]:
            return later[0]
    return None


TIMER = Timer(_due, _fire)
