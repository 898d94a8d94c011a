# SPDX-License-Identifier: MIT
"""What makes meters push: schedules, a status word that has changed, a closed bill, a tamper, a first start, a client.

It decides who pushes what and when; the bodies are the meters', the sending is the outbox's.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np

from simulator.errors import StoreError, StoreUnavailable
from simulator.fleet.clockwork import Clockwork
from simulator.fleet.outbox import REPLACED, UNPOWERED, Outbox, Push
from simulator.fleet.push_journal import Journal
from simulator.fleet.push_links import PushLinks
from simulator.fleet.push_start import open_alarms, recall, unregistered
from simulator.fleet.sender import STOPPED
from simulator.fleet.timetable import Timetable
from simulator.meter.cohort import Cohort
from simulator.meter.columns import Ints
from simulator.meter.push.body import Collected, collect
from simulator.meter.push.schedule import Plan
from simulator.meter.push.setup import PushSetup, setups_of
from simulator.meter.push.times import opening
from simulator.store.database import Store
from simulator.values import MS_PER_SECOND, format_obis, parse_obis
from simulator.world.kernel import Priority
from simulator.world.noise import Bools, Purpose, unit, words

log = logging.getLogger(__name__)

SCHEDULE, ALARM, MANUAL = "SCHEDULE", "ALARM", "MANUAL"  # ALARM: something has happened, be it a bill
_NO_ROW = "the profile has no row yet"
_NO_STORE = "the store is away, and the values are there"
_REFUSED = "the store does not give the values"
_NEVER = "no communication window opens any more"


@dataclass(frozen=True, slots=True, eq=False)
class Due:
    """Meters of a cohort with one setup in common that are to push at an instant."""

    cohort: Cohort
    setup: PushSetup
    rows: Ints
    generation: Ints  # [rows] which meters these are: another may come into a place before they push
    instant_ms: int
    trigger: str
    schedule: bytes = b""
    repeats: Ints | None = None  # of alarms at a start: rows whose alarms may have gone out before

    def part(self, places: Ints, instant_ms: int) -> Due:
        return replace(self, rows=self.rows[places], generation=self.generation[places], instant_ms=instant_ms)

    @property
    def is_there(self) -> Bools:
        """Which of them nobody has replaced meanwhile."""
        return self.cohort.is_same(self.rows, self.generation)


class _Waiting(NamedTuple):
    """An alert that the store must know of before it goes out."""

    due: Due
    collected: Collected


class Pushes:
    def __init__(
        self,
        clock: Clockwork,
        store: Store,
        sources: Callable[[Cohort], Sequence[str | None]],
        links: PushLinks,
        *,
        is_confirmed: bool = False,
    ) -> None:
        self._clock, self._store = clock, store
        self.journal = Journal(store)
        self.outbox = Outbox(clock, self.journal, sources, links, is_confirmed=is_confirmed)
        self._timetable = Timetable(clock, self._fire)
        self._unclaimed: list[_Waiting] = []  # alerts that wait for the store
        self._delayed: set[Due] = set()  # that wait for their window, or a random part of their start interval
        self._is_running = False

    async def start(self, cohorts: Sequence[Cohort]) -> None:
        """The clock runs: schedules, open alarms of before, and meters that have not registered yet."""
        await recall(self._store, cohorts)
        self._is_running = True
        self._timetable.start(cohorts)
        for cohort, rows, repeats in await open_alarms(self._store, cohorts):
            self._alert_all(cohort, rows[powered(cohort, rows)], self._clock.now_ms(), repeats)
        for cohort, rows in await unregistered(self._store, cohorts):
            self.occur(cohort, rows, "registration", self._clock.now_ms())

    async def run(self) -> None:
        """Writes the history until cancelled."""
        await self.journal.run(lambda: self.outbox.under_way > 0)

    async def close(self) -> None:
        self._is_running = False
        unsent = await self.outbox.close()
        self._give_up_delayed()
        await self.journal.close()
        with contextlib.suppress(StoreError):
            await self._store.pushes.release(unsent)

    def _give_up_delayed(self) -> None:
        """Who has not registered yet does so at the next start."""
        for due in self._delayed:
            for place in range(len(due.rows)) if not _is_registration(due) else ():
                self.journal.cancelled(_of_then(due, place), STOPPED)
        self._delayed.clear()

    async def part(self, cohort: Cohort, rows: Ints) -> None:
        """Other meters are about to take the places of these: what they have sent is in the history, and they try
        nothing again. What others send is not waited for."""
        await self.outbox.part(cohort, set(rows.tolist()))
        await self.journal.flush()

    async def settled(self) -> None:
        """Until what is under way has ended and stands in the history."""
        await self.outbox.landed()
        await self.journal.flush()

    def make_up(self) -> None:
        """The store may be back, and there may be room: alerts that waited for that go out."""
        waiting, self._unclaimed = self._unclaimed, []
        for alert in waiting:
            self._at(self._clock.now_ms(), partial(self._alert, alert))
        if unsent := self.outbox.take_unsent():
            self._at(self._clock.now_ms(), partial(self._alert_anew, unsent))

    async def _alert_anew(self, meters: Sequence[tuple[Cohort, int]]) -> None:
        """Those whose alarms nothing else has carried since."""
        await self.journal.flush()  # which gives back what they had claimed
        try:
            opened = {meter for meter, _, claimed in await self._store.pushes.open_alarms() if not claimed}
        except StoreUnavailable:
            self.outbox.put_back(meters)
            return
        rows: dict[Cohort, list[int]] = {}
        for cohort, row in meters:
            if cohort.identities[row].id in opened:
                rows.setdefault(cohort, []).append(row)
        for cohort, own in rows.items():
            chosen = np.array(own)
            self._alert_all(cohort, chosen[powered(cohort, chosen)], self._clock.now_ms())

    # -- occasions ----------------------------------------------------------------------------------------------

    def alert(self, cohort: Cohort, rows: Ints, instant_ms: int) -> None:
        """The status words of these meters have changed: their values are taken now, while they have power."""
        if self._is_running:
            self._alert_all(cohort, rows, instant_ms)

    def occur(self, cohort: Cohort, rows: Ints, occasion: str, instant_ms: int) -> None:
        """`tamper`, `billing` or `registration`: if the model has a setup for it."""
        pushes = cohort.model.spec.pushes
        setup = pushes.setups().get(occasion) if pushes is not None else None
        if self._is_running and setup is not None:
            self._soon(cohort, parse_obis(setup), rows, instant_ms, ALARM)

    def push(self, cohort: Cohort, row: int, setup: bytes, instant_ms: int) -> bool:
        """The method push; False if there is nobody to push to."""
        return self.push_now(cohort, np.array([row]), setup, instant_ms) == 1

    def push_now(self, cohort: Cohort, rows: Ints, setup: bytes, instant_ms: int) -> int:
        """How many of these meters push: those that have power and somebody to push to."""
        groups = setups_of(cohort, setup, rows[powered(cohort, rows)])
        pushing = [own for found, own in groups if found.destination is not None]
        if not self._is_running or not pushing:
            return 0
        chosen = np.concatenate(pushing)
        self._soon(cohort, setup, chosen, instant_ms, MANUAL)
        return len(chosen)

    def last_wait_s(self, cohort: Cohort, rows: Ints, logical_name: bytes, instant_ms: int) -> int:
        """After how long the last of these meters starts, if they are told to push now."""
        at_ms = max(instant_ms, self._clock.instant_ms)
        groups = setups_of(cohort, logical_name, rows[powered(cohort, rows)])
        pushing = [one for one in groups if one[0].destination is not None]
        dues = (Due(cohort, one, own, cohort.columns.generation[own], at_ms, MANUAL) for one, own in pushing)
        return max((int(np.max(self._waits_s(due), initial=0)) for due in dues), default=0)

    def look(self, cohort: Cohort, row: int) -> None:
        self._timetable.look(cohort, row)

    async def _fire(self, cohort: Cohort, plan: Plan, rows: Ints, instant_ms: int) -> None:
        for setup in plan.setups:
            await _guarded(self._start(cohort, setup, rows, instant_ms, SCHEDULE, plan.schedule))

    def _soon(self, cohort: Cohort, setup: bytes, rows: Ints, instant_ms: int, trigger: str) -> None:
        at_ms = max(instant_ms, self._clock.instant_ms)
        self._at(at_ms, lambda: self._start(cohort, setup, rows, at_ms, trigger))

    def _at(self, instant_ms: int, act: Callable[[], Awaitable[None]]) -> None:
        self._clock.schedule(instant_ms, Priority.PUSH, lambda: _guarded(act()))

    # -- starting -----------------------------------------------------------------------------------------------

    async def _start(
        self, cohort: Cohort, logical_name: bytes, rows: Ints, instant_ms: int, trigger: str, schedule: bytes = b""
    ) -> None:
        """At once, or after a random delay, or when a window opens."""
        rows = rows[powered(cohort, rows)]
        for setup, own in setups_of(cohort, logical_name, rows):
            if setup.destination is not None:
                generation = cohort.columns.generation[own]
                for due in self._parts(Due(cohort, setup, own, generation, instant_ms, trigger, schedule)):
                    if due.instant_ms == instant_ms:
                        await self._begin(due)
                    else:
                        self._delayed.add(due)
                        self._at(due.instant_ms, partial(self._begin_late, due))

    def _parts(self, due: Due) -> Iterator[Due]:
        """By the instant at which they may start, to the second."""
        waits = self._waits_s(due)
        for place in np.flatnonzero(waits < 0).tolist():
            self.journal.cancelled(_push(due, int(due.rows[place]), []), _NEVER)
        for wait_s in np.unique(waits[waits >= 0]).tolist():
            yield due.part(np.flatnonzero(waits == wait_s), due.instant_ms + wait_s * MS_PER_SECOND)

    def _waits_s(self, due: Due) -> Ints:
        """Until a window opens on the meter's own clock, and a random part of the start interval; -1: for ever."""
        cohort, setup = due.cohort, due.setup
        waits = np.zeros(len(due.rows), np.int64)
        if setup.windows:
            shown = cohort.clocks_s(due.rows, due.instant_ms)
            for local_s in np.unique(shown).tolist():
                opens = opening(setup.windows, local_s)
                waits[shown == local_s] = -1 if opens is None else opens - local_s
        if setup.start_interval_s:
            waits[waits >= 0] += start_delays_s(due)[waits >= 0]
        return waits

    async def _begin_late(self, due: Due) -> None:
        """Those that are still there and have power."""
        self._delayed.discard(due)
        lost = ~due.is_there
        for place in np.flatnonzero(lost).tolist():
            self.journal.cancelled(_of_then(due, place), REPLACED)
        dark = ~lost & ~powered(due.cohort, due.rows)
        for row in due.rows[dark].tolist():
            self.journal.cancelled(_push(due, row, []), UNPOWERED)
        await self._begin(due.part(np.flatnonzero(~lost & ~dark), due.instant_ms))

    async def _begin(self, due: Due) -> None:
        if len(due.rows):
            collected = collect(due.cohort, due.setup, due.rows, due.instant_ms)
            await self._post(due, collected, {})

    async def _post(self, due: Due, collected: Collected, alarms: dict[int, tuple[int, ...]]) -> None:
        try:
            bodies = await collected.bodies()
        except StoreError as error:
            bodies = [None] * len(due.rows)
            why = _NO_STORE if isinstance(error, StoreUnavailable) else _REFUSED
            if why is _REFUSED:
                log.exception("pushes could not be made")
        else:
            why = _NO_ROW
        pushes = []
        is_there = due.is_there.tolist()
        for place, (row, cells) in enumerate(zip(due.rows.tolist(), bodies, strict=True)):
            if not is_there[place]:
                self.journal.cancelled(_of_then(due, place), REPLACED)
                continue
            push = _push(due, row, cells or [], alarms.get(row, ()))
            if cells is None:
                self.journal.cancelled(push, why)
                if why is _NO_STORE:
                    self.outbox.keep_in_mind(push)
            else:
                pushes.append(push)
        if pushes:
            await self.outbox.post(pushes)

    # -- alerts -------------------------------------------------------------------------------------------------

    def _alert_all(self, cohort: Cohort, rows: Ints, instant_ms: int, repeats: Ints | None = None) -> None:
        at_ms = max(instant_ms, self._clock.instant_ms)
        pushes = cohort.model.spec.pushes
        if pushes is None or pushes.alert is None:
            return
        for setup, own in setups_of(cohort, parse_obis(pushes.alert), rows):
            if setup.destination is not None:
                whole = Due(cohort, setup, own, cohort.columns.generation[own], at_ms, ALARM, repeats=repeats)
                for due in self._parts(whole):
                    alert = _Waiting(due, collect(cohort, setup, due.rows, instant_ms))
                    self._at(due.instant_ms, partial(self._alert, alert))

    async def _alert(self, alert: _Waiting) -> None:
        """Its alarms are claimed first, so that after a kill it is known that they may have gone out."""
        due, collected = alert
        rows = due.rows[due.is_there]
        kept, setup = due.cohort.kept_pushes, due.setup.logical_name
        ids = [due.cohort.identities[row].id for row in rows.tolist()]
        try:
            await kept.ensure(setup, rows)
            claimed = await self._store.pushes.claim(ids, kept.setup_ids(setup, rows).tolist())
        except StoreError as error:
            self._unclaimed.append(alert)
            if not isinstance(error, StoreUnavailable):
                log.error("alerts of %d meters wait: %s", len(rows), error)
            return
        alarms = {row: tuple(claimed.get(meter, ())) for row, meter in zip(rows.tolist(), ids, strict=True)}
        late = due.part(np.arange(len(due.rows)), max(due.instant_ms, self._clock.instant_ms))
        await self._post(late, collected, alarms)


async def _guarded(act: Awaitable[None]) -> None:
    """A store that refuses something costs the pushes concerned, never the fleet."""
    try:
        await act
    except StoreError:
        log.exception("pushes could not be made")


def powered(cohort: Cohort, rows: Ints) -> Bools:
    """Which of them have power: without it a meter pushes nothing."""
    return np.asarray(cohort.columns.powered[rows].astype(np.bool_))


def start_delays_s(due: Due) -> Ints:
    """0 to randomisation_start_interval: of each meter, instant and setup its own, whatever the fleet."""
    slot = np.array([due.instant_ms // MS_PER_SECOND * 256 + due.setup.logical_name[1]])
    share = unit(words(due.cohort.population.lane[due.rows], slot, Purpose.PUSH_START))
    return np.asarray(share * (due.setup.start_interval_s + 1)).astype(np.int64)


def _push(due: Due, row: int, cells: list[bytes], alarms: tuple[int, ...] = ()) -> Push:
    repeats = int(due.repeats is not None and row in due.repeats)
    return Push(
        due.cohort,
        row,
        due.cohort.identities[row],
        due.setup,
        cells,
        due.instant_ms,
        due.trigger,
        due.schedule,
        alarms=alarms,
        repeats=repeats,
    )


def _of_then(due: Due, place: int) -> Push:
    """Of the meter that it was, be it still in its place or not."""
    push, row = _push(due, int(due.rows[place]), []), due.rows[place]
    later = int(due.cohort.columns.generation[row] - due.generation[place])
    push.meter = push.meter.successor(-later)
    return push


def _is_registration(due: Due) -> bool:
    pushes = due.cohort.model.spec.pushes
    return pushes is not None and pushes.registration == format_obis(due.setup.logical_name)
