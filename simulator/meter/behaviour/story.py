# SPDX-License-Identifier: MIT
"""Meters through time: blocks are captured, timers fire in their order, clients' wishes are heard in between.

`bring` is the only way forward. Everything here holds the cohort's lock, so that a change never meets a capture.
"""

from __future__ import annotations

from collections.abc import Sequence

from simulator.meter.behaviour import profile
from simulator.meter.behaviour.regime import calendar_for
from simulator.meter.behaviour.registry import TIMERS, acted, written
from simulator.meter.change import Answer, Meter
from simulator.meter.cohort import Cohort, Report
from simulator.meter.happening import NOTHING, Alongside, Happening, happen
from simulator.wire.axdr import Data


async def bring(cohort: Cohort, to_ms: int, report: Report | None = None) -> None:
    """Captures all blocks and lets all timers fire up to an instant.

    Raises StoreUnavailable if the store is away; the next call goes on where this one stopped.
    """
    async with cohort.lock:
        await _bring(cohort, to_ms, report)


async def set_attribute(cohort: Cohort, row: int, key: bytes, value: Data) -> Answer:
    """What a client's SET came to."""
    return await _hear(cohort, row, key, value, is_act=False)


async def act(cohort: Cohort, row: int, key: bytes, parameter: Data) -> Answer:
    """What a client's ACTION came to."""
    return await _hear(cohort, row, key, parameter, is_act=True)


async def notice(cohort: Cohort, happenings: Sequence[Happening], also: Alongside = NOTHING) -> None:
    """Events that meters notice now, whoever causes them; raises StoreUnavailable with nothing changed."""
    async with cohort.lock:
        await _bring(cohort, cohort.around.now_ms())
        await happen(cohort, happenings, max(cohort.around.now_ms(), int(cohort.columns.settled_ms.max())), also)


def restore(cohort: Cohort) -> None:
    """Calendars and timers of all meters, after columns and settings came from the store."""
    rows = {row for row, _ in cohort.overrides}
    if any(timer.due(_meter(cohort, 0, cohort.settled_ms)) is not None for timer in TIMERS):
        rows.update(range(len(cohort.identities)))  # the model itself has something to look out for
    cohort.calendars.clear()
    cohort.profiles.clear()
    cohort.alarms.clear()
    for row in sorted(rows):
        _look_ahead(cohort, row, int(max(cohort.columns.settled_ms[row], cohort.columns.lived_ms[row])))


async def _hear(cohort: Cohort, row: int, key: bytes, value: Data, *, is_act: bool) -> Answer:
    async with cohort.lock:
        await _bring(cohort, cohort.around.now_ms())
        now_ms = max(cohort.around.now_ms(), int(cohort.columns.settled_ms[row]))
        meter = _meter(cohort, row, now_ms)
        answer = await (acted if is_act else written)(meter, key, value)
        _look_ahead(cohort, row, now_ms)
        return answer


async def _bring(cohort: Cohort, to_ms: int, report: Report | None = None) -> None:
    if await cohort.believe_the_store():
        restore(cohort)
    while (due_ms := min(cohort.alarms.values(), default=to_ms + 1)) <= to_ms:
        await cohort.settle(due_ms, report)
        for row in [row for row, at_ms in cohort.alarms.items() if at_ms <= due_ms]:
            await _fire(cohort, row, due_ms)
    await cohort.settle(to_ms, report)


async def _fire(cohort: Cohort, row: int, instant_ms: int) -> None:
    """All timers of a meter that are due; their state is looked at again after each."""
    for timer, due_ms in zip(TIMERS, cohort.dues[row], strict=True):
        if due_ms is not None and due_ms <= instant_ms:
            meter = _meter(cohort, row, instant_ms, local=True)
            change = await timer.fire(meter)
            if change is not None:
                await meter.apply(change)
    _look_ahead(cohort, row, instant_ms)


def _look_ahead(cohort: Cohort, row: int, instant_ms: int) -> None:
    meter = _meter(cohort, row, instant_ms)
    calendar = calendar_for(meter)
    if calendar == cohort.calendar:
        cohort.calendars.pop(row, None)
    else:
        cohort.calendars[row] = calendar
    cohort.profiles.update(((row, code), own) for code, own in profile.own_profiles(meter))
    dues = [timer.due(meter) for timer in TIMERS]
    soonest = min((due for due in dues if due is not None), default=None)
    if soonest is None:
        cohort.alarms.pop(row, None)
        return
    cohort.dues[row], cohort.alarms[row] = dues, soonest
    cohort.around.wake(soonest)


def _meter(cohort: Cohort, row: int, instant_ms: int, *, local: bool = False) -> Meter:
    return Meter(cohort, row, instant_ms, acted, written, local)
