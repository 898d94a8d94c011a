# SPDX-License-Identifier: MIT
"""Meters through time: blocks are captured, timers fire in their order, clients' wishes are heard in between.

`bring` is the only way forward. Everything here holds the cohort's lock, so that a change never meets a capture.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from simulator.errors import StoreUnavailable
from simulator.meter.behaviour import clock, lookout, power, profile
from simulator.meter.behaviour.regime import calendar_for, follow_clocks
from simulator.meter.behaviour.registry import TIMERS, acted, written
from simulator.meter.change import Answer, Meter
from simulator.meter.cohort import Cohort, Report
from simulator.meter.columns import NATURAL, Ints
from simulator.meter.events import MD_RESET
from simulator.meter.guard import SECURITY_SETUP
from simulator.meter.happening import NOTHING, Alongside, Happening, happen, happen_in_turn
from simulator.meter.push.setup import LAST_CONFIRMATION, PUSH_SETUP
from simulator.meter.succession import YEAR
from simulator.values import NEVER_MS
from simulator.wire.axdr import Data
from simulator.wire.codes import ActionResult, DataAccessResult

_CAUSES = {MD_RESET: profile.closed_periods}


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
    """Events that meters notice now, whoever causes them; those without power notice nothing.

    Raises StoreUnavailable with nothing changed.
    """
    async with cohort.lock:
        if not {key.meter_id for key in also.keys} <= {cohort.identities[row].id for row in also.rows.tolist()}:
            raise StoreUnavailable("the meter whose keys change is not in its place any more")
        at_ms = await bring_locked(cohort, cohort.around.now_ms())
        powered = cohort.columns.powered
        lit = [one._replace(rows=one.rows[powered[one.rows] == 1]) for one in happenings]
        await happen(cohort, lit, at_ms, also)


async def notice_in_turn(cohort: Cohort, rows: Ints, codes: Sequence[int]) -> int:
    """The same for several events of these meters, one after the other: each raises its bit and is heard of, though the
    next may take it back. Of an MD reset the meter has the bill, too. Returns how many of the meters noticed them."""
    async with cohort.lock:
        at_ms = await bring_locked(cohort, cohort.around.now_ms())
        lit = rows[cohort.columns.powered[rows] == 1]
        await happen_in_turn(cohort, lit, codes, at_ms, _CAUSES)
        if MD_RESET in codes and len(lit):
            cohort.around.occur(cohort, lit, "billing", at_ms)
        return len(lit)


async def bring_locked(cohort: Cohort, instant_ms: int) -> int:
    """`bring` for who holds the lock; returns the instant, or what the meters are captured up to if that is later."""
    await _bring(cohort, instant_ms)
    return max(instant_ms, int(np.max(cohort.columns.settled_ms)))


async def upset_clocks(cohort: Cohort, rows: Ints, *, by_ms: int = 0, drift_us: int | None = None) -> None:
    """Clocks jump, or drift by microseconds a day from now on: no meter notices it, so nothing is logged."""
    async with cohort.lock:
        now_ms = await bring_locked(cohort, cohort.around.now_ms())
        await clock.go_wrong(cohort, rows, now_ms, by_ms, drift_us)
        _look_at_clocks(cohort, rows, now_ms)
        cohort.around.look(cohort, int(rows[0]))  # one of them says it for all
        call_again(cohort)


def restore(cohort: Cohort) -> None:
    """Calendars and timers of all meters, after columns and settings came from the store."""
    cohort.calendars.clear()
    cohort.profiles.clear()
    cohort.alarms.clear()
    cohort.lookout_ms = NEVER_MS
    cohort.marks_move_ms[:] = NEVER_MS
    columns = cohort.columns
    seen_ms = np.maximum(columns.settled_ms, columns.lived_ms)
    off = (columns.clock_offset_ms != 0) | (columns.clock_drift_us != 0)
    for instant_ms in np.unique(seen_ms[off]).tolist():
        follow_clocks(cohort, np.flatnonzero(off & (seen_ms == instant_ms)), instant_ms)
    for row in sorted(_watchful(cohort, range(len(cohort.identities)))):
        _look_ahead(cohort, row, int(seen_ms[row]))
    call_again(cohort)


def look_ahead(cohort: Cohort, rows: Ints, instant_ms: int) -> None:
    """What meters see coming has changed."""
    for row in sorted(_watchful(cohort, rows.tolist())):
        _look_ahead(cohort, row, instant_ms)


def welcome(cohort: Cohort, rows: Ints, instant_ms: int) -> None:
    """Other meters are in these places: who goes by what clients have written looks anew, and they register."""
    for row in rows.tolist():
        cohort.around.look(cohort, row)
    if len(rows):
        cohort.around.occur(cohort, rows, "registration", instant_ms)


def _look_at_clocks(cohort: Cohort, rows: Ints, instant_ms: int) -> None:
    """Clocks show something else: calendars, and timers of those that have any."""
    watchful = _watchful(cohort, rows.tolist())
    follow_clocks(cohort, np.setdiff1d(rows, np.fromiter(watchful, np.int64, len(watchful))), instant_ms)
    for row in sorted(watchful):
        _look_ahead(cohort, row, instant_ms)


def call_again(cohort: Cohort) -> None:
    """Asks to be brought to the next instant at which supply or detectors have something to tell."""
    if (due_ms := _next(cohort)) < NEVER_MS:
        cohort.around.wake(due_ms)


def _watchful(cohort: Cohort, rows: Iterable[int]) -> set[int]:
    """Those of some rows that a timer may look out for."""
    if any(timer.due(_meter(cohort, 0, cohort.settled_ms)) is not None for timer in TIMERS):
        return set(rows)  # the model itself has something to look out for
    columns = cohort.columns
    unusual = (columns.load_milli > NATURAL) | (columns.reactive_milli > NATURAL) | (columns.load_key != 0)
    written = {row for row, key in cohort.overrides if not _is_idle(key)}
    return written.union(np.flatnonzero(unusual).tolist()).intersection(rows)


def _is_idle(key: bytes) -> bool:
    """What a meter notes by itself, perhaps each of a fleet, and does nothing because of."""
    class_id = int.from_bytes(key[:2], "big")
    return class_id == SECURITY_SETUP or key == YEAR or (class_id, key[8]) == (PUSH_SETUP, LAST_CONFIRMATION)


async def _hear(cohort: Cohort, row: int, key: bytes, value: Data, *, is_act: bool) -> Answer:
    asked = cohort.identities[row]
    async with cohort.lock:
        await _bring(cohort, cohort.around.now_ms())
        if cohort.identities[row] is not asked:  # another meter is there by now
            return ActionResult.TEMPORARY_FAILURE if is_act else DataAccessResult.TEMPORARY_FAILURE
        now_ms = max(cohort.around.now_ms(), int(cohort.columns.settled_ms[row]))
        meter, output = _meter(cohort, row, now_ms), cohort.columns.output
        answer = await (acted if is_act else written)(meter, key, value)
        _look_ahead(cohort, row, now_ms)
        if cohort.columns.output is not output:  # what detectors see has changed with it
            lookout.look_ahead(cohort, now_ms)
            call_again(cohort)
        return answer


async def _bring(cohort: Cohort, to_ms: int, report: Report | None = None) -> None:
    before = cohort.columns.generation
    if await cohort.believe_the_store():
        restore(cohort)
        welcome(cohort, np.flatnonzero(cohort.columns.generation != before), to_ms)
    while True:
        while (due_ms := min((_next(cohort), *cohort.alarms.values()))) <= to_ms:
            await _live_through(cohort, due_ms, report)
        await cohort.settle(to_ms, report)
        lookout.look_ahead(cohort, to_ms)
        if cohort.lookout_ms > to_ms:
            break
    call_again(cohort)


async def _live_through(cohort: Cohort, due_ms: int, report: Report | None) -> None:
    await cohort.settle(due_ms, report)
    await _move_marks(cohort, due_ms)
    await lookout.notice_due(cohort, due_ms)
    for row in [row for row, at_ms in cohort.alarms.items() if at_ms <= due_ms]:
        await _fire(cohort, row, due_ms)
    look_ahead(cohort, await power.start_due(cohort, due_ms), due_ms)
    lookout.look_ahead(cohort, due_ms)


async def _move_marks(cohort: Cohort, due_ms: int) -> None:
    """Clocks have drifted so far that other marks are nearest."""
    rows = np.flatnonzero(cohort.marks_move_ms <= due_ms)
    if len(behind := rows[cohort.columns.clock_drift_us[rows] < 0]):
        await clock.fall_behind(cohort, behind, due_ms)
    if len(rows):
        _look_at_clocks(cohort, rows, due_ms)


def _next(cohort: Cohort) -> int:
    """When meters start again after an outage, notice something of their supply, or have drifted to other marks."""
    return min(power.due(cohort), cohort.lookout_ms, int(cohort.marks_move_ms.min()))


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
    """Calendar and timers of a meter; without power no timer runs."""
    meter = _meter(cohort, row, instant_ms)
    cohort.around.look(cohort, row)
    calendar = calendar_for(meter)
    if calendar == cohort.calendar:
        cohort.calendars.pop(row, None)
    else:
        cohort.calendars[row] = calendar
    cohort.marks_move_ms[row] = meter.clock.marks_move_ms(instant_ms, calendar.block_ms)
    cohort.profiles.update(((row, code), own) for code, own in profile.own_profiles(meter))
    dues = [timer.due(meter) for timer in TIMERS] if meter.number("powered") else []
    soonest = min((due for due in dues if due is not None), default=None)
    if soonest is None:
        cohort.alarms.pop(row, None)
        return
    cohort.dues[row], cohort.alarms[row] = dues, soonest
    cohort.around.wake(soonest)


def _meter(cohort: Cohort, row: int, instant_ms: int, *, local: bool = False) -> Meter:
    return Meter(cohort, row, instant_ms, acted, written, local)
