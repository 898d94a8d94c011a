# SPDX-License-Identifier: MIT
"""Up to a thousand meters of one model: their columns, what they show now, and their steps through time.

A cohort is the unit of work: it advances in one numpy pass, is written in one transaction and resumes from one
checkpoint. New columns are taken only when the rows that belong to them are in the store.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from simulator.cosem.model import Model, Profile
from simulator.errors import StoreError
from simulator.meter.advance import Advance, advance
from simulator.meter.calendar import Calendar
from simulator.meter.clocks import clock_of, shown_s
from simulator.meter.columns import Columns, Ints, Rows, new_columns
from simulator.meter.happening import COUNTED, Happening, Told, hear, tell
from simulator.meter.identity import Delivered, Identity
from simulator.meter.measurements import Readings, of_midnights
from simulator.meter.push.kept import KeptPushes
from simulator.meter.rows import Ids, rows_of
from simulator.meter.shown import Shown, live
from simulator.meter.status import WORD, default_word
from simulator.meter.succession import move_in
from simulator.meter.supplied import supply_of
from simulator.meter.vault import Vault
from simulator.store.database import Store
from simulator.store.rows import Checkpoint, RowsChange
from simulator.values import MS_PER_DAY, MS_PER_MINUTE, MS_PER_SECOND, NEVER_MS
from simulator.world import electric
from simulator.world.consumption import Peak, peak
from simulator.world.daytime import SLOT_MS
from simulator.world.noise import Bools
from simulator.world.population import Population
from simulator.world.shapes import World

MAX_METERS = 1024
_WINDOW_CELLS = 400_000  # meters x slots in one pass: some 100 MB of temporaries


Alert = Callable[["Cohort", Ints, int], None]
"""Hears of a cohort's rows whose status words moved within what their filters pass, at an instant; the lock is held."""


@dataclass(frozen=True, slots=True, eq=False)
class Surroundings:
    """What all cohorts of a fleet share."""

    world: World
    store: Store
    codes: dict[str, int]  # ids of sim.obis_codes by logical name
    now_ms: Callable[[], int]  # the simulated clock
    wake: Callable[[int], None] = lambda instant_ms: None  # asks to be brought forward to an instant when it comes
    alert: Alert = lambda cohort, rows, instant_ms: None
    occur: Callable[[Cohort, Ints, str, int], None] = lambda cohort, rows, occasion, instant_ms: None  # tamper, billing
    push: Callable[[Cohort, int, bytes, int], bool] = lambda cohort, row, setup, instant_ms: False  # a client says push
    look: Callable[[Cohort, int], None] = lambda cohort, row: None  # hears whose schedules may have changed
    connect: Callable[[Cohort, int], None] = lambda cohort, row: None  # a client says connect
    destinations: tuple[str, ...] = ()  # whom meters call, if nobody has told them otherwise
    address: Callable[[int], int] = lambda number: 0  # IPv4, of a meter by its number; 0: it has none
    delivered: Callable[[str], Delivered] = lambda serial: Delivered()  # with which title and keys, if not the seed's


class Group(NamedTuple):
    """Meters of a cohort that pass through time together."""

    calendar: Calendar
    rows: Rows
    population: Population
    settled_ms: int


Report = Callable[[int], None]  # hears of each window's blocks, of all its meters


class Cohort:
    """Meters `first` to `first + len(identities)` of a fleet, counted from 0."""

    def __init__(
        self,
        around: Surroundings,
        model: Model,
        *,
        name: str,
        first: int,
        identities: list[Identity],
        population: Population,
        calendar: Calendar,
    ) -> None:
        self.around, self.model, self.name, self.first = around, model, name, first
        self.identities, self.population, self.calendar = identities, population, calendar
        self.ids: Ids = np.array([list(one.id.bytes) for one in identities], np.uint8)
        self._pioneers = tuple(identities)  # the first meter in each place
        self._generation = np.zeros(len(identities), np.int64)  # of `identities`
        self.calendars: dict[int, Calendar] = {}  # of the meters whose calendar is their own
        self.profiles: dict[tuple[int, str], Profile] = {}  # (row, logical name) -> captured as a client wants it
        self.alarms: dict[int, int] = {}  # row -> instant at which the meter does something by itself
        self.dues: dict[int, list[int | None]] = {}  # row -> when each of its timers is due
        self.overrides: dict[tuple[int, bytes], bytes] = {}  # (row, attribute) -> what a client has written
        self.writing: set[asyncio.Future[None]] = set()  # what nobody waits for
        # By row the local second of its last instantaneous profile, and when that is in the table.
        self.snapshots: dict[int, tuple[int, asyncio.Future[None]]] = {}
        self.kept_pushes, self.readings = KeptPushes(self), Readings(self)
        self.vault = Vault(around.store, [one.id for one in identities])
        self.lock = asyncio.Lock()  # held while columns change
        self.marks_move_ms = np.full(len(identities), NEVER_MS)  # when a clock will have drifted to other marks
        self.lookout_ms = NEVER_MS  # when the next event is foreseen that detectors will notice
        self.lives = [0] * len(identities)  # an outage begins and ends one: odd while a meter is dark
        self._columns: Columns | None = None
        self._installed_ms = 0
        self._in_doubt = False  # the store may have less than our columns say
        self._shown: Shown = {}
        self._shown_second = -1

    @property
    def columns(self) -> Columns:
        assert self._columns is not None, "begin() or resume() comes first"
        return self._columns

    @contextmanager
    def as_it_was(self, columns: Columns) -> Iterator[None]:
        """For whoever looks at the meters at once, without awaiting anything: before what came later in one change."""
        now = self.columns
        self._columns = columns
        try:
            yield
        finally:
            self._columns = now

    @cached_property
    def peak(self) -> Peak:
        """What the natural loads never exceed."""
        return peak(self.around.world, self.population)

    @property
    def settled_ms(self) -> int:
        """The instant up to which the blocks of all meters are captured."""
        return int(np.min(self.columns.settled_ms))

    def begin(self, installed_ms: int) -> None:
        """The meters' history begins at a block boundary, their registers as they were delivered."""
        self._installed_ms = installed_ms
        self._take(self.delivered(self.population.initial_wh, installed_ms))

    def delivered(self, initial_wh: Ints, installed_ms: int) -> Columns:
        """Columns of meters whose registers begin at `initial_wh` [channel, n]."""
        local_s, word = self.calendar.local_s(installed_ms), default_word(self.model, WORD)
        phases = self.population.phases
        return new_columns(initial_wh, phases, installed_ms=installed_ms, local_s=local_s, status_word=word)

    def resume(self, kept: Checkpoint | None, rows: Mapping[int, bytes], installed_ms: int) -> None:
        """Go on from what the store has kept; `installed_ms` is where the fleet's history begins."""
        self._installed_ms = installed_ms
        new = self.delivered(self.population.initial_wh, installed_ms)
        columns = new if kept is None else Columns.load(kept.columns)
        for row, octets in rows.items():
            columns = columns.with_packed(row, octets)
        self._take(columns)
        self.mark_lit(np.flatnonzero(columns.powered))
        self.mark_dark(np.flatnonzero(columns.powered == 0))

    def mark_dark(self, rows: Ints) -> None:
        """These meters hear and say nothing, and do nothing by themselves."""
        for row in rows.tolist():
            self.lives[row] |= 1
            self.alarms.pop(row, None)

    def mark_lit(self, rows: Ints) -> None:
        for row in rows.tolist():
            self.lives[row] += self.lives[row] & 1

    def is_dark(self, row: int) -> bool:
        """Without power, or not yet started again."""
        return bool(self.lives[row] & 1)

    def _take(self, columns: Columns) -> None:
        self._columns = columns
        self._shown_second = -1
        if len(others := np.flatnonzero(columns.generation != self._generation)):
            move_in(self, others, [self.resident(row, int(columns.generation[row])) for row in others.tolist()])
            self._generation = columns.generation

    def resident(self, row: int, generation: int) -> Identity:
        """The meter of a place that so many were there before."""
        one = self._pioneers[row].successor(generation)
        return one._replace(title=self.around.delivered(one.serial).title) if generation else one

    def is_same(self, rows: Ints, generation: Ints) -> Bools:
        """Which of these rows are still the meters that they were then."""
        return np.asarray(self._generation[rows] == generation)

    # -- what the meters show -----------------------------------------------------------------------------------

    def value(self, quantity: str, row: int) -> int:
        """What one meter shows of a quantity now."""
        return int(self.shown()[quantity][row])

    def shown(self) -> Shown:
        """All quantities of all meters now; computed once a second however often it is asked."""
        second = self.around.now_ms() // MS_PER_SECOND
        if second != self._shown_second:
            parts = [(group.rows, self._compute(group, second * MS_PER_SECOND)) for group in self._groups()]
            self._shown = parts[0][1] if len(parts) == 1 else _merged(parts, len(self.identities))
            self._shown_second = second
        return self._shown

    def shown_at(self, rows: Ints, instant_ms: int) -> Shown:
        """The same of some meters at a second that none of their captures has passed: [rows] each."""
        second = instant_ms // MS_PER_SECOND
        if second == self._shown_second:
            return {name: values[rows] for name, values in self._shown.items()}
        parts: list[tuple[Rows, Shown]] = []
        for group in self._groups():
            places = np.flatnonzero(np.isin(rows, np.arange(len(self.identities))[group.rows]))
            if len(places):
                chosen = group._replace(rows=rows[places], population=self.population.take(rows[places]))
                parts.append((places, self._compute(chosen, second * MS_PER_SECOND)))
        return _merged(parts, len(rows))

    def _compute(self, group: Group, instant_ms: int) -> Shown:
        instant_ms = max(instant_ms, group.settled_ms)
        columns = self.columns.take(group.rows)
        now = electric.live(
            self.around.world, group.population, group.settled_ms, instant_ms, supply=supply_of(columns)
        )
        return live(columns, group.calendar, group.calendar.local_s(instant_ms), now)

    def clock_ms(self, row: int) -> int:
        """What one meter's clock shows now, in local milliseconds."""
        return self.clock_ms_at(row, self.around.now_ms())

    def clock_ms_at(self, row: int, instant_ms: int) -> int:
        columns = self.columns
        off_ms = (
            clock_of(columns, row).offset_at(instant_ms)
            if columns.clock_drift_us[row]
            else columns.clock_offset_ms[row]
        )
        return instant_ms + self.calendar.utc_offset_minutes * MS_PER_MINUTE + int(off_ms)

    def clocks_s(self, rows: Ints, instant_ms: int) -> Ints:
        """What some meters' clocks show at an instant, in local seconds."""
        return shown_s(self.columns, self.calendar.utc_offset_minutes, instant_ms, rows)

    def calendar_of(self, row: int) -> Calendar:
        return self.calendars.get(row, self.calendar)

    def _groups(self) -> list[Group]:
        """Meters that can pass through time together: the same calendar, captured up to the same mark."""
        settled = self.columns.settled_ms
        ordinary = np.setdiff1d(np.arange(len(settled)), np.fromiter(self.calendars, np.int64, len(self.calendars)))
        marks = np.unique(settled[ordinary]).tolist()
        if len(marks) == 1 and not self.calendars:
            return [Group(self.calendar, slice(None), self.population, marks[0])]
        chosen = [(self.calendar, mark, ordinary[settled[ordinary] == mark]) for mark in marks]
        others: dict[tuple[Calendar, int], list[int]] = {}
        for row, calendar in self.calendars.items():
            others.setdefault((calendar, int(settled[row])), []).append(row)
        chosen += [(calendar, mark, np.array(rows)) for (calendar, mark), rows in others.items()]
        return [Group(calendar, rows, self.population.take(rows), mark) for calendar, mark, rows in chosen]

    # -- time passes --------------------------------------------------------------------------------------------

    async def settle(self, to_ms: int, report: Report | None = None) -> None:
        """Capture all blocks that are complete by an instant; the caller holds the lock.

        Raises StoreUnavailable with nothing changed if the store is away: the next call brings what is missing.
        """
        for group in self._groups():
            start_ms = group.settled_ms
            for end_ms in _windows(group, to_ms):
                brought = await asyncio.to_thread(self._pass, group, start_ms, end_ms)
                told = self._tell(group, brought)
                await self._write(group, _worded(brought, group, told), told)
                for one in told:
                    hear(self, one)
                start_ms = end_ms
                if report:
                    report(len(group.population) * len(brought.blocks.end_local_s))

    def _pass(self, group: Group, start_ms: int, end_ms: int) -> Advance:
        columns = self.columns.take(group.rows)
        return advance(
            self.around.world,
            group.population,
            columns,
            group.calendar,
            from_ms=start_ms,
            to_ms=end_ms,
            model=self.model,
        )

    def _tell(self, group: Group, brought: Advance) -> list[Told]:
        """What the meters noticed within a window, instant by instant, on top of what the columns had before it."""
        numbers, columns, told = np.arange(len(self.identities))[group.rows], self.columns, list[Told]()
        for instant_ms, sights in itertools.groupby(brought.sights, lambda sight: sight.at_ms):
            happenings = [Happening(numbers[sight.rows], sight.code) for sight in sights]
            told.append(tell(self, columns, happenings, instant_ms))
            columns = told[-1].columns
        return told

    async def _write(self, group: Group, brought: Advance, told: Sequence[Told]) -> None:
        rows = rows_of(
            brought,
            self.ids[group.rows],
            group.calendar,
            codes=self.around.codes,
            profiles=self.model.profiles,
        )
        now_s, codes = group.calendar.local_s(self.around.now_ms()), self.around.codes
        rows += of_midnights(brought, self.ids[group.rows], codes, self.model.profiles, now_s=now_s)
        whole = len(group.population) == len(self.identities)
        columns = brought.columns if whole else self.columns.put(group.rows, brought.columns)
        if told:
            columns = replace(columns, **{name: getattr(told[-1].columns, name) for name in COUNTED})
        checkpoint = Checkpoint(self.name, int(np.min(columns.settled_ms)), columns.dump())
        with self._doubt():
            events = [batch for one in told for batch in one.batches]
            await self.around.store.write([*rows, *events], checkpoint=checkpoint)
        self._take(columns)
        if brought.billings:
            concerned = np.arange(len(self.identities))[group.rows]
            self.around.occur(self, concerned, "billing", brought.settled_ms)

    async def change(self, columns: Columns, kept: RowsChange) -> None:
        """New columns of some meters, and all else that changes, when the store has them; the caller has the lock."""
        with self._doubt():
            await self.around.store.write_rows(kept)
        self._take(columns)

    def remember(self, columns: Columns) -> None:
        """New columns that differ in nothing but what can be computed anew from those that the store has."""
        self._columns = columns

    @contextmanager
    def _doubt(self) -> Iterator[None]:
        try:
            yield
        except StoreError:
            self._in_doubt = True
            raise

    @property
    def is_in_doubt(self) -> bool:
        """A write has failed, and nobody has asked the store yet what became of it."""
        return self._in_doubt

    async def believe_the_store(self) -> bool:
        """After a failed write, or where the server was away, the last writes may be lost too: go back to what the
        store has, and say so."""
        self._in_doubt = self._in_doubt or await self.around.store.was_away(self.name)
        if not self._in_doubt:
            return False
        kept = await self.around.store.checkpoints(self.name)
        rows = await self.around.store.row_checkpoints(self.name)
        async with self.kept_pushes.making:
            self.resume(kept.get(self.name), rows.get(self.name, {}), self._installed_ms)
        self._in_doubt = False
        return True


def _merged(parts: Sequence[tuple[Rows, Shown]], count: int) -> Shown:
    merged: dict[str, Ints] = {}
    for name in parts[0][1]:
        merged[name] = np.empty(count, np.int64)
        for rows, shown in parts:
            merged[name][rows] = shown[name]
    return merged


def _worded(brought: Advance, group: Group, told: Sequence[Told]) -> Advance:
    """Each block's row tells the status word at the block's end."""
    if not told:
        return brought
    ends_ms = group.calendar.instant_ms(0) + brought.blocks.end_local_s * MS_PER_SECOND
    words = np.repeat(brought.columns.status_word[:, :, None], len(ends_ms), axis=2)
    for one in told:
        words[:, :, ends_ms >= one.instant_ms] = one.columns.status_word[:, group.rows][:, :, None]
    return replace(brought, words=words)


def _windows(group: Group, to_ms: int) -> Iterator[int]:
    """Ends of the windows, each small enough for one pass, that lead to the last block boundary by `to_ms`."""
    calendar, at = group.calendar, group.settled_ms
    end = calendar.block_start(to_ms)
    slots = max(_WINDOW_CELLS // len(group.population), 96)
    span = slots * SLOT_MS // MS_PER_DAY * MS_PER_DAY
    while at < end:
        at = min(calendar.midnight(at) + span, end)
        yield at
