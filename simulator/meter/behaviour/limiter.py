# SPDX-License-Identifier: MIT
"""Limiter (class 71) and Register monitor (class 21): thresholds over what the meter measures (Blue Book 4.5.9, 4.5.6).

The load is known before it comes, so nothing is polled: a limiter looks a week ahead, second by second only where a
quarter of an hour may come over its threshold, and goes on from there; a monitor looks up to the next block
mark. Monitored are active and apparent power; of anything else no crossing is seen.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from simulator.meter.behaviour.clock import moment_of
from simulator.meter.behaviour.relay import TRIPPED, may_reconnect_locally
from simulator.meter.behaviour.scripts import run_script
from simulator.meter.change import PRIVATE, Answer, Change, Meter, Timer, objects_of, sibling
from simulator.meter.columns import NATURAL, Ints
from simulator.meter.events import LOAD_LIMIT, OVERLOAD
from simulator.meter.supplied import supply_of
from simulator.values import MS_PER_HOUR
from simulator.wire.axdr import Data, decode_whole, encode
from simulator.wire.codes import DataAccessResult, Tag
from simulator.world import electric
from simulator.world.consumption import Supply
from simulator.world.daytime import SLOT_MS
from simulator.world.noise import Floats
from simulator.world.population import Population
from simulator.world.ripple import HIGHEST

_LIMITER, _MONITOR = 71, 21
_STEP_MS = 1000
_AHEAD_SLOTS = 7 * 96
_OVER, _UNDER = 0, 1  # places in an action set
_LOOK_ON = -1  # nothing was found up to here
_POWERS = {b"\x01\x00\x01\x07\x00\xff": 0, b"\x01\x00\x09\x07\x00\xff": 1}  # active, apparent: place in electric.powers
_MONITORED, _ACTIVE, _NORMAL, _EMERGENCY, _MIN_OVER, _MIN_UNDER, _PROFILE, _GROUPS, _IS_ACTIVE, _ACTIONS = range(2, 12)


class Crossing(NamedTuple):
    at_ms: int
    action: int  # place in an action set, or _LOOK_ON


# -- what the limiter takes ------------------------------------------------------------------------------------------


async def set_normal(meter: Meter, key: bytes, value: Data) -> Answer:
    """The active threshold follows while no emergency profile is active."""
    return _set_threshold(meter, key, value, follows=not meter.value(sibling(key, _IS_ACTIVE)))


async def set_emergency(meter: Meter, key: bytes, value: Data) -> Answer:
    return _set_threshold(meter, key, value, follows=meter.value(sibling(key, _IS_ACTIVE)))


def _set_threshold(meter: Meter, key: bytes, value: Data, *, follows: bool) -> Answer:
    old = decode_whole(meter.encoded(key) or b"\x00")
    if value.tag != old.tag:
        return DataAccessResult.TYPE_UNMATCHED
    encoded = encode(value)
    attributes = {key: encoded, **({sibling(key, _ACTIVE): encoded} if follows else {})}
    return Change(columns={"relay_ms": meter.instant_ms}, attributes=attributes, events=(LOAD_LIMIT,))


async def set_duration(meter: Meter, key: bytes, value: Data) -> Answer:
    return Change(columns={"relay_ms": meter.instant_ms}, attributes={key: encode(value)}, events=(LOAD_LIMIT,))


async def set_emergency_profile(meter: Meter, key: bytes, value: Data) -> Answer:
    return Change(attributes={key: encode(value)}, events=(LOAD_LIMIT,))


# -- emergency profile -----------------------------------------------------------------------------------------------


def _emergency_due(meter: Meter) -> int | None:
    moments = [at for head in _limiters(meter) if (at := _emergency_change(meter, head)) is not None]
    return min(moments, default=None)


def _emergency_change(meter: Meter, head: bytes) -> int | None:
    number, start, duration_s = meter.value(head + bytes((_PROFILE,)))
    start_s = moment_of(meter, start)
    groups = meter.value(head + bytes((_GROUPS,)))
    if start_s is None or number not in groups:
        return meter.instant_ms if meter.value(head + bytes((_IS_ACTIVE,))) else None
    end_s = start_s + duration_s
    if meter.value(head + bytes((_IS_ACTIVE,))):
        return max(meter.instant_of(end_s), meter.instant_ms)
    return max(meter.instant_of(start_s), meter.instant_ms) if meter.local_s < end_s else None


async def _change_emergency(meter: Meter) -> Change | None:
    attributes: dict[bytes, bytes] = {}
    for head in _limiters(meter):
        at = _emergency_change(meter, head)
        if at is None or at > meter.instant_ms:
            continue
        active = not meter.value(head + bytes((_IS_ACTIVE,)))
        threshold = meter.encoded(head + bytes((_EMERGENCY if active else _NORMAL,)))
        attributes[head + bytes((_IS_ACTIVE,))] = bytes((Tag.BOOLEAN, active))
        attributes[head + bytes((_ACTIVE,))] = threshold or b"\x00"
    return Change(columns={"relay_ms": meter.instant_ms}, attributes=attributes)


# -- the look-out ----------------------------------------------------------------------------------------------------


def _limit_due(meter: Meter) -> int | None:
    due = [at for head in _limiters(meter) if (at := _limit_crossing(meter, head)) is not None]
    return min((crossing.at_ms for crossing in due), default=None)


async def _limit(meter: Meter) -> Change | None:
    """Runs the action; the durations count anew from here, whether or not the action could be taken."""
    for head in _limiters(meter):
        crossing = _limit_crossing(meter, head)
        if crossing is not None and crossing.at_ms <= meter.instant_ms and crossing.action != _LOOK_ON:
            script, selector = meter.value(head + bytes((_ACTIONS,)))[crossing.action]
            await run_script(meter, script, selector)
            return _tripped(meter, head, by_load=crossing.action == _OVER)
    return None


def _tripped(meter: Meter, head: bytes, *, by_load: bool) -> Change:
    """An overload that opened the switch is an event; it ends when the switch is closed again (relay.switched)."""
    opened = by_load and not meter.number("output")
    attributes = {head + bytes((PRIVATE,)): TRIPPED} if opened else {}
    events = (OVERLOAD,) if opened else ()
    return Change(columns={"relay_ms": meter.instant_ms}, attributes=attributes, events=events)


def _limit_crossing(meter: Meter, head: bytes) -> Crossing | None:
    """When the load has been over the threshold, or with the relay open under it, for long enough."""
    threshold = meter.value(head + bytes((_ACTIVE,)))
    place = _POWERS.get(meter.value(head + bytes((_MONITORED,)))[1])
    since_ms = meter.number("relay_ms")
    if place is None or not threshold:
        return None
    if not meter.number("output"):
        at_ms = since_ms + max(meter.value(head + bytes((_MIN_UNDER,))), 1) * 1000
        return Crossing(max(at_ms, meter.instant_ms), _UNDER) if may_reconnect_locally(meter) else None
    if threshold >= _highest(meter):
        return None
    length_ms = max(meter.value(head + bytes((_MIN_OVER,))), 1) * 1000
    from_ms = -(-max(since_ms, meter.instant_ms - length_ms) // _STEP_MS) * _STEP_MS
    slots = np.arange(from_ms // SLOT_MS, meter.instant_ms // SLOT_MS + _AHEAD_SLOTS)
    for first, end in _runs(_mean_power(meter, slots, place) * HIGHEST > threshold):
        begin_ms, end_ms = max(from_ms, int(slots[first]) * SLOT_MS), int(slots[end - 1] + 1) * SLOT_MS
        for instants in _windows(begin_ms, end_ms, length_ms):
            if held_ms := _held(instants, _power(meter, instants, place) > threshold, length_ms):
                return Crossing(held_ms, _OVER)
    return Crossing(int(slots[-1] + 1) * SLOT_MS, _LOOK_ON)


def _windows(begin_ms: int, end_ms: int, length_ms: int, *, span_ms: int = MS_PER_HOUR) -> Iterator[Ints]:
    """The seconds of a stretch, an hour or more at a time: what is looked for is mostly near.

    They overlap by the length, so that each begin of a time over the threshold has its end in the same window.
    """
    span_ms = max(span_ms, length_ms)
    for first_ms in range(begin_ms, end_ms, span_ms):
        yield np.arange(first_ms, min(first_ms + span_ms + length_ms, end_ms), _STEP_MS)


def _runs(marked: Any) -> list[tuple[int, int]]:
    """First and one past the last of each stretch of true ones."""
    edges = np.flatnonzero(np.diff(marked, prepend=False, append=False))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def _held(instants: Ints, over: Any, length_ms: int) -> int:
    """The first instant at which it has been over without a break for so long; 0 if there is none."""
    breaks = np.maximum.accumulate(np.where(over, 0, np.arange(1, len(over) + 1)))
    run = np.arange(1, len(over) + 1) - breaks - 1
    found = np.flatnonzero(run * _STEP_MS >= length_ms)
    return int(instants[found[0]]) if len(found) else 0


def _monitor_due(meter: Meter) -> int | None:
    watched = list(_thresholds(meter))
    if not watched or not meter.number("output"):
        return None
    horizon_ms = _horizon(meter)
    instants = np.arange(meter.instant_ms, horizon_ms + 1, _STEP_MS)
    found = [horizon_ms]
    for place, threshold, _ in watched:
        over = _power(meter, instants, place) > threshold
        found += instants[1:][over[1:] != over[:-1]][:1].tolist()
    return min(found)


async def _monitor(meter: Meter) -> Change | None:
    """Runs the scripts of all thresholds that are crossed at this second."""
    instants = np.array([meter.instant_ms - _STEP_MS, meter.instant_ms])
    for place, threshold, actions in _thresholds(meter):
        before, after = (_power(meter, instants, place) > threshold).tolist()
        if before != after:
            script, selector = actions[0 if after else 1]
            await run_script(meter, script, selector)
    return None


def _thresholds(meter: Meter) -> Iterator[tuple[int, float, Any]]:
    for head in objects_of(meter.cohort.model, _MONITOR):
        thresholds, monitored, actions = (meter.value(head + bytes((index,))) for index in (2, 3, 4))
        place = _POWERS.get(monitored[1])
        if place is not None:
            yield from ((place, threshold, action) for threshold, action in zip(thresholds, actions, strict=False))


def _highest(meter: Meter) -> float:
    """No power of the meter comes up to it, in W or VA."""
    if meter.number("load_key"):
        return math.inf  # the peak is that of the home's own load
    peak, row, factor = meter.cohort.peak, meter.row, 1.0 / NATURAL
    tangent = peak.tangent[row] * meter.number("reactive_milli") * factor
    consumption_va = peak.consumption_w[row] * meter.number("load_milli") * factor * np.sqrt(1.0 + tangent * tangent)
    seen = max(1.0, float(np.abs(meter.column("current_milli")).max()) * factor)
    return float((consumption_va + peak.roof_w[row]) * HIGHEST * seen)


def _limiters(meter: Meter) -> tuple[bytes, ...]:
    return objects_of(meter.cohort.model, _LIMITER)


def _horizon(meter: Meter) -> int:
    calendar = meter.cohort.calendar_of(meter.row)
    return calendar.block_start(meter.instant_ms) + calendar.block_ms


def _power(meter: Meter, instants: Ints, place: int) -> Floats:
    population, supply = _load_of(meter)
    return electric.powers(meter.cohort.around.world, population, instants, supply=supply)[place]


def _mean_power(meter: Meter, slots: Ints, place: int) -> Floats:
    population, supply = _load_of(meter)
    return electric.mean_powers(meter.cohort.around.world, population, slots, supply=supply)[place]


def _load_of(meter: Meter) -> tuple[Population, Supply]:
    population = meter.cohort.population.take(slice(meter.row, meter.row + 1))
    return population, supply_of(meter.cohort.columns.only(meter.row))


EMERGENCY_TIMER = Timer(_emergency_due, _change_emergency)
LIMIT_TIMER = Timer(_limit_due, _limit)
MONITOR_TIMER = Timer(_monitor_due, _monitor)
