# SPDX-License-Identifier: MIT
"""The clock (class 8, Blue Book 4.5.1): set, adjust, preset, shift.

A meter's clock is true local time plus an offset. A step backwards takes away the entries of load profiles that lie in
the clock's future: the meter writes them anew. Profile marks follow the clock by whole blocks (regime.py).
"""

from __future__ import annotations

import datetime as dt

from simulator.cosem.stamps import local_seconds
from simulator.meter.behaviour.regime import shifted
from simulator.meter.calendar import DAY_S
from simulator.meter.change import PRIVATE, Answer, Change, Meter, plain_value, sibling
from simulator.meter.events import CLOCK_SET
from simulator.store.rows import Forget
from simulator.wire.axdr import Data, encode
from simulator.wire.codes import ActionResult, DataAccessResult

_QUARTER_S, _MINUTE_S = 900, 60
_LONGEST_SHIFT_S = 900
_LATEST_S = 4_102_444_800  # the year 2100


async def set_time(meter: Meter, key: bytes, value: Data) -> Answer:
    moment = moment_of(meter, value.value)
    return DataAccessResult.OTHER_REASON if moment is None else _set(meter, moment)


async def adjust_to_quarter(meter: Meter, key: bytes, parameter: Data) -> Answer:
    return _set(meter, _nearest(meter.local_s, _QUARTER_S))


async def adjust_to_measuring_period(meter: Meter, key: bytes, parameter: Data) -> Answer:
    """To the nearest starting point of a measuring period: a block."""
    return _set(meter, _nearest(meter.local_s, meter.cohort.calendar_of(meter.row).block_minutes * 60))


async def adjust_to_minute(meter: Meter, key: bytes, parameter: Data) -> Answer:
    return _set(meter, _nearest(meter.local_s, _MINUTE_S))


async def preset_adjusting_time(meter: Meter, key: bytes, parameter: Data) -> Answer:
    """Only remembered: adjust_to_preset_time uses it, within its validity interval."""
    if None in (moment_of(meter, octets) for octets in plain_value(parameter)):
        return ActionResult.OTHER_REASON
    return Change(attributes={sibling(key, PRIVATE): encode(parameter)})


async def adjust_to_preset_time(meter: Meter, key: bytes, parameter: Data) -> Answer:
    preset = meter.value(sibling(key, PRIVATE))
    if preset is None:
        return ActionResult.OTHER_REASON
    moment, start, end = (moment_of(meter, octets) for octets in preset)
    assert moment is not None
    assert start is not None
    assert end is not None
    return _set(meter, moment) if start <= meter.local_s <= end else ActionResult.OTHER_REASON


async def shift_time(meter: Meter, key: bytes, parameter: Data) -> Answer:
    if abs(parameter.value) > _LONGEST_SHIFT_S:  # Blue Book 4.5.1: -900 to 900 s
        return ActionResult.OTHER_REASON
    return _set(meter, meter.local_s + parameter.value)


def moment_of(meter: Meter, octets: bytes) -> int | None:
    """Local seconds of a date-time in which all but hundredths, weekday and deviation is specified."""
    if 0xFF in (octets[2], octets[3], *octets[5:8]):
        return None
    try:
        dt.date(int.from_bytes(octets[:2], "big"), octets[2], octets[3])
        moment = local_seconds(octets, meter.cohort.model.spec.utc_offset_minutes, latest=False)
    except ValueError:
        return None
    return moment if 0 <= moment < _LATEST_S else None


def _nearest(local_s: int, step_s: int) -> int:
    return (local_s + step_s // 2) // step_s * step_s


def _set(meter: Meter, local_s: int) -> Change:
    offset_s = meter.number("clock_offset_s") + local_s - meter.local_s
    return Change(columns={"clock_offset_s": offset_s}, forgets=overtaken(meter, offset_s), events=(CLOCK_SET,))


def overtaken(meter: Meter, offset_s: int) -> tuple[Forget, ...]:
    """What the meter will write anew: marks after the one up to which it is captured, by its new clock."""
    step_s = offset_s - meter.number("clock_offset_s")
    if step_s >= 0:
        return ()
    id_ = meter.cohort.identities[meter.row].id
    meter.cohort.snapshots.pop(meter.row, None)
    mark_s = shifted(meter.cohort.calendar_of(meter.row), offset_s).local_s(meter.number("settled_ms"))
    return (
        Forget(id_, "instant_profile", "timestamp", meter.local_s + step_s - 1),
        Forget(id_, "block_load_profile", "capture_time", mark_s),
        Forget(id_, "daily_load_profile", "capture_date", mark_s // DAY_S * DAY_S),
    )
