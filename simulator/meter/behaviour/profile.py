# SPDX-License-Identifier: MIT
"""Profiles and billing: capture period, reset and capture of Profile generic (class 7), MD reset (Blue Book 4.3.6).

A new capture period empties the block load profile. The demand integration period and the capture period are one and
the same here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from simulator.cosem.model import Model, Profile
from simulator.cosem.profiles import recaptured
from simulator.meter.advance import close_billing
from simulator.meter.behaviour.regime import CAPTURE_PERIOD
from simulator.meter.change import Answer, Change, Meter, plain_value
from simulator.meter.columns import MILLI, Columns, Ints
from simulator.meter.events import CAPTURE_PERIOD as CAPTURE_PERIOD_CHANGED
from simulator.meter.events import DEMAND_PERIOD, MD_RESET
from simulator.meter.happening import Alongside
from simulator.meter.rows import billing_rows
from simulator.meter.supplied import supply_of
from simulator.store.copy import Rows
from simulator.store.rows import Forget
from simulator.values import attribute_key, format_obis, parse_obis
from simulator.wire.axdr import Data, encode
from simulator.wire.codes import ActionResult, DataAccessResult, Tag
from simulator.wire.selection import CaptureObject
from simulator.world import electric

if TYPE_CHECKING:
    from simulator.meter.cohort import Cohort

_CLASS, _CAPTURE_OBJECTS = 7, 3
_PERIODS_S = (900, 1800, 3600)
_BLOCK, _BILLING = "1.0.99.1.0.255", "1.0.98.1.0.255"
_BLOCK_TABLE = "block_load_profile"
_EMPTIED = ("block_load_profile", "daily_load_profile", "billing_profile")
DEMAND_INTEGRATION = attribute_key(1, parse_obis("1.0.0.8.0.255"), 2)
_RESET_BY_BILLING = (
    "bill_start_wh", "demand_w", "demand_local_s", "zone_demand_w", "zone_demand_local_s", "billing_count",
    "billing_local_s", "billing_on_minutes",
)  # fmt: skip


async def set_period(meter: Meter, key: bytes, value: Data) -> Answer:
    if value.value not in _PERIODS_S or (key[:2] == b"\x00\x07" and format_obis(key[2:8]) != _BLOCK):
        return DataAccessResult.OTHER_REASON
    event = DEMAND_PERIOD if key == DEMAND_INTEGRATION else CAPTURE_PERIOD_CHANGED
    encoded = encode(Data(Tag.DOUBLE_LONG_UNSIGNED, value.value))
    emptied = Forget((meter.cohort.identities[meter.row].id,), _BLOCK_TABLE)
    return Change(attributes={CAPTURE_PERIOD: encoded}, forgets=(emptied,), events=(event,))


async def set_capture_objects(meter: Meter, key: bytes, value: Data) -> Answer:
    """Whatever the table keeps can be captured; the buffer begins anew (Blue Book 4.3.6.2.3)."""
    profile = _profile(meter, key)
    if profile.table not in _EMPTIED or not own_profile(meter.cohort.model, profile, plain_value(value)):
        return DataAccessResult.OTHER_REASON
    emptied = Forget((meter.cohort.identities[meter.row].id,), profile.table)
    return Change(attributes={key: encode(value)}, forgets=(emptied,))


def own_profile(model: Model, profile: Profile, definitions: Sequence[tuple[Any, ...]]) -> Profile | None:
    """A profile as a client wants it captured; None if it cannot be."""
    return recaptured(model, profile, [CaptureObject(*one) for one in definitions]) if definitions else None


def own_profiles(meter: Meter) -> Iterator[tuple[str, Profile]]:
    """The profiles whose capture objects a client has set, by logical name."""
    model = meter.cohort.model
    for code, profile in model.profiles.items():
        key = attribute_key(_CLASS, profile.logical_name, _CAPTURE_OBJECTS)
        own = (meter.row, key) in meter.cohort.overrides and own_profile(model, profile, meter.value(key))
        if own:
            yield code, own


async def reset(meter: Meter, key: bytes, parameter: Data) -> Answer:
    profile = _profile(meter, key)
    if profile.table not in _EMPTIED:
        return ActionResult.OTHER_REASON
    return Change(forgets=(Forget((meter.cohort.identities[meter.row].id,), profile.table),))


async def capture(meter: Meter, key: bytes, parameter: Data) -> Answer:
    """Of the billing profile it closes the billing period: MD reset. The others capture by themselves."""
    return close_period(meter) if format_obis(key[2:8]) == _BILLING else ActionResult.OTHER_REASON


def close_period(meter: Meter) -> Change:
    after, bill = _closed(meter.cohort, meter.cohort.columns, np.array([meter.row]), meter.instant_ms)
    return Change(columns={name: values[..., 0] for name, values in after.items()}, batches=(bill,), events=(MD_RESET,))


def closed_periods(cohort: Cohort, columns: Columns, rows: Ints, instant_ms: int) -> Alongside:
    """The same of many meters at once, without the event."""
    parts = list(_alike(cohort, rows))
    closed = [_closed(cohort, columns, part, instant_ms) for part in parts]
    after = {name: np.concatenate([one[name] for one, _ in closed], axis=-1) for name in _RESET_BY_BILLING}
    return Alongside(np.concatenate(parts), after, batches=tuple(bill for _, bill in closed))


def _alike(cohort: Cohort, rows: Ints) -> Iterator[Ints]:
    """Those with the same calendar that are captured up to the same mark."""
    own, settled = np.isin(rows, list(cohort.calendars)), cohort.columns.settled_ms
    ordinary = rows[~own]
    for mark in np.unique(settled[ordinary]):
        yield ordinary[settled[ordinary] == mark]
    yield from rows[own, None]


def _closed(cohort: Cohort, columns: Columns, rows: Ints, instant_ms: int) -> tuple[dict[str, Ints], Rows]:
    """Columns [..., rows] after the billing period's end, and the bills."""
    before, calendar = columns.take(rows), cohort.calendar_of(int(rows[0]))
    population, settled_ms = cohort.population.take(rows), int(before.settled_ms[0])
    running = electric.partial(cohort.around.world, population, settled_ms, instant_ms, supply=supply_of(before))
    registers = (before.cumulative_mwh + before.carry_mwh + running) // MILLI
    record, after = close_billing(before, registers, calendar.local_s(instant_ms), calendar)
    code, model = cohort.around.codes[_BILLING], cohort.model
    bill = billing_rows(record, cohort.ids[rows], calendar, code=code, profile=model.profiles[_BILLING])
    return {name: getattr(after, name) for name in _RESET_BY_BILLING}, bill


def _profile(meter: Meter, key: bytes) -> Profile:
    return meter.cohort.model.profiles[format_obis(key[2:8])]
