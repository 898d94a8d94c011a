# SPDX-License-Identifier: MIT
"""reset and next_period of registers, extended registers and demand registers (Blue Book 4.3.2 to 4.3.4).

A register that holds a setting takes the model's value again, a maximum demand begins anew. What accumulates is never
reset: the sums of the profiles are its.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from simulator.cosem.model import Measured, Model
from simulator.cosem.quantities import DEMANDS, TARIFF_DEMANDS
from simulator.cosem.stamps import stamp
from simulator.meter.change import Answer, Change, Meter, settings, sibling
from simulator.meter.columns import MILLI, Ints
from simulator.meter.supplied import supply_of
from simulator.wire.axdr import Data
from simulator.wire.codes import ActionResult
from simulator.world import electric

_VALUE, _CAPTURE_TIME = 2, 5
_EXTENDED = b"\x00\x04"
_CHANNELS = (0, 2)  # of TARIFF_DEMANDS among the energies


async def reset(meter: Meter, key: bytes, parameter: Data) -> Answer:
    """Of a register or an extended register."""
    value, captured = sibling(key, _VALUE), sibling(key, _CAPTURE_TIME)
    kept = settings(meter.cohort.model)
    if value in kept:
        times = {captured: _now(meter)} if key[:2] == _EXTENDED and captured in kept else {}
        return Change(attributes={value: kept[value], **times})
    name = _measured(meter.cohort.model).get(value, "")
    if not name.startswith("max_demand_"):
        return ActionResult.OTHER_REASON
    return _maximum_anew(meter, name.removeprefix("max_demand_"))


async def reset_demand(meter: Meter, key: bytes, parameter: Data) -> Answer:
    """Both averages are zero, and a period begins."""
    row = _demand_row(meter, key)
    recent = meter.column("recent_wh").copy()
    recent[row] = 0
    return _period_anew(meter, row, recent)


async def next_period(meter: Meter, key: bytes, parameter: Data) -> Answer:
    """The current average becomes the last one before its time."""
    row = _demand_row(meter, key)
    recent = meter.column("recent_wh").copy()
    begun = int(meter.column("demand_base_wh")[row])
    recent[row] = [*recent[row][1:], _running_wh(meter, row) - begun]
    return _period_anew(meter, row, recent)


def _period_anew(meter: Meter, row: int, recent: Ints) -> Change:
    base, start = (meter.column(name).copy() for name in ("demand_base_wh", "demand_start_local_s"))
    base[row] = _running_wh(meter, row)
    start[row] = meter.cohort.calendar_of(meter.row).local_s(meter.instant_ms)
    return Change(columns={"recent_wh": recent, "demand_base_wh": base, "demand_start_local_s": start})


def _running_wh(meter: Meter, row: int) -> int:
    """What the running block has counted so far."""
    one = meter.cohort.columns.only(meter.row)
    population = meter.cohort.population.take(slice(meter.row, meter.row + 1))
    world, settled_ms = meter.cohort.around.world, meter.number("settled_ms")
    brought = electric.partial(world, population, settled_ms, meter.instant_ms, supply=supply_of(one))
    before = one.cumulative_mwh
    registers = (before + one.carry_mwh + brought) // MILLI - before // MILLI
    return int(registers[_CHANNELS[row], 0])


def _demand_row(meter: Meter, key: bytes) -> int:
    name = _measured(meter.cohort.model)[sibling(key, _VALUE)]
    return next(row for row, demand in enumerate(TARIFF_DEMANDS) if name.startswith(f"demand_{demand}"))


def _maximum_anew(meter: Meter, demand: str) -> Change:
    name, _, zone = demand.partition("_tz")
    values, times = ("zone_demand_w", "zone_demand_local_s") if zone else ("demand_w", "demand_local_s")
    place = (TARIFF_DEMANDS.index(name), int(zone) - 1) if zone else DEMANDS.index(name)
    maxima, moments = meter.column(values).copy(), meter.column(times).copy()
    maxima[place], moments[place] = 0, np.int64(meter.local_s)
    return Change(columns={values: maxima, times: moments})


def _now(meter: Meter) -> bytes:
    return b"\x09\x0c" + stamp(meter.local_s, meter.cohort.calendar_of(meter.row).utc_offset_minutes)


@lru_cache(maxsize=64)
def _measured(model: Model) -> dict[bytes, str]:
    """What an attribute shows, by name."""
    return {
        attribute.key: attribute.source.quantity.name
        for entry in model.objects
        for attribute in entry.attributes
        if isinstance(attribute.source, Measured)
    }
