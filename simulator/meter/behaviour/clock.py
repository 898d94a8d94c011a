# SPDX-License-Identifier: MIT
"""The clock (class 8, Blue Book 4.5.1): set, adjust, preset, shift.

A meter's clock is true local time plus an offset, and may drift (meter/clocks.py). A step backwards takes away the
entries of load profiles that lie in the clock's future: the meter writes them anew. Profile marks follow the clock by
whole blocks (regime.py).
"""

from __future__ import annotations

import datetime as dt

import numpy as np

from simulator.cosem.stamps import local_seconds
from simulator.meter.behaviour.regime import blocks_ms
from simulator.meter.calendar import DAY_S
from simulator.meter.change import PRIVATE, Answer, Change, Meter, plain_value, sibling
from simulator.meter.clocks import nearest, offsets_ms
from simulator.meter.cohort import Cohort
from simulator.meter.columns import Ints
from simulator.meter.events import CLOCK_SET
from simulator.meter.happening import Alongside, happen
from simulator.meter.measurements import TABLES
from simulator.store.rows import Forget
from simulator.values import MS_PER_MINUTE, MS_PER_SECOND
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
    return _moved(meter, meter.clock.offset_at(meter.instant_ms) + parameter.value * MS_PER_SECOND)


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
    """To a second, which begins with a true one: so the clocks that a head-end has set show the same."""
    return _moved(meter, (local_s - meter.cohort.calendar.local_s(meter.instant_ms)) * MS_PER_SECOND)


def _moved(meter: Meter, offset_ms: int) -> Change:
    """A clock that drifts goes on drifting."""
    columns = {"clock_offset_ms": offset_ms, "clock_since_ms": meter.instant_ms if meter.clock.drift_us else 0}
    cohort, is_back = meter.cohort, offset_ms < meter.clock.offset_at(meter.instant_ms)
    forgets = _set_back(cohort, np.array([meter.row]), meter.instant_ms, np.array([offset_ms])) if is_back else ()
    return Change(columns=columns, forgets=forgets, events=(CLOCK_SET,))


async def go_wrong(cohort: Cohort, rows: Ints, instant_ms: int, by_ms: int, drift_us: int | None) -> None:
    """Clocks jump, or begin to drift by so many microseconds a day (None: as they do); no meter notices it."""
    offsets = offsets_ms(cohort.columns, instant_ms, rows) + by_ms
    drifts = cohort.columns.clock_drift_us[rows] if drift_us is None else np.full(len(rows), drift_us)
    since = np.where(drifts == 0, 0, instant_ms)
    columns: dict[str, Ints | int] = {
        "clock_offset_ms": offsets, "clock_drift_us": drifts, "clock_since_ms": since
    }  # fmt: skip
    forgets = _set_back(cohort, rows, instant_ms, offsets) if by_ms < 0 else ()
    await happen(cohort, [], instant_ms, Alongside(rows, columns, forgets=forgets))


async def fall_behind(cohort: Cohort, rows: Ints, instant_ms: int) -> None:
    """Clocks have drifted back to marks before those up to which the meters are captured."""
    forgets = _overtaken(cohort, rows, offsets_ms(cohort.columns, instant_ms, rows))
    await happen(cohort, [], instant_ms, Alongside(rows, forgets=forgets))


def _set_back(cohort: Cohort, rows: Ints, instant_ms: int, offset_ms: Ints) -> tuple[Forget, ...]:
    for row in cohort.snapshots.keys() & set(rows.tolist()):
        del cohort.snapshots[row]
    true_ms = instant_ms + cohort.calendar.utc_offset_minutes * MS_PER_MINUTE
    before_s = (true_ms + offset_ms) // MS_PER_SECOND - 1
    readings = [_forgets(cohort, rows, table, "timestamp", before_s) for table in ("instant_profile", *TABLES)]
    return *(one for of_table in readings for one in of_table), *_overtaken(cohort, rows, offset_ms)


def _overtaken(cohort: Cohort, rows: Ints, offset_ms: Ints) -> tuple[Forget, ...]:
    """What the meters will write anew: marks after the one up to which they are captured, by their new clocks."""
    true_ms = cohort.columns.settled_ms[rows] + cohort.calendar.utc_offset_minutes * MS_PER_MINUTE
    marks_s = (true_ms + nearest(offset_ms, blocks_ms(cohort, rows))) // MS_PER_SECOND
    forgets = _forgets(cohort, rows, "block_load_profile", "capture_time", marks_s)
    forgets += _forgets(cohort, rows, "daily_load_profile", "capture_date", marks_s // DAY_S * DAY_S)
    for table in TABLES:
        forgets += _forgets(cohort, rows, table, "timestamp", marks_s)
    return tuple(forgets)


def _forgets(cohort: Cohort, rows: Ints, table: str, column: str, after_s: Ints) -> list[Forget]:
    ids = [cohort.identities[row].id for row in rows.tolist()]
    found = []
    for moment in np.unique(after_s).tolist():  # nearly always one
        places = np.flatnonzero(after_s == moment).tolist()
        found.append(Forget(tuple(ids[place] for place in places), table, column, moment))
    return found
