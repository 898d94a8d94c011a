# SPDX-License-Identifier: MIT
"""Up to a thousand meters of one model: their columns, what they show now, and their steps through time.

A cohort is the unit of work: it advances in one numpy pass, is written in one transaction and resumes from one
checkpoint. New columns are taken only when the rows that belong to them are in the store.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from simulator.cosem.model import Model, Setting
from simulator.errors import StoreError
from simulator.meter.advance import Advance, Calendar, advance, close_billing
from simulator.meter.columns import DAILY_CHANNELS, MILLI, Columns, Ints, new_columns
from simulator.meter.identity import Identity
from simulator.meter.rows import Ids, billing_rows, rows_of
from simulator.meter.shown import Shown, live
from simulator.meter.vault import Vault
from simulator.store.copy import Rows
from simulator.store.database import Store
from simulator.store.rows import Checkpoint
from simulator.values import MS_PER_DAY, MS_PER_SECOND, parse_obis
from simulator.world import electric
from simulator.world.daytime import SLOT_MS
from simulator.world.population import Population
from simulator.world.shapes import World

MAX_METERS = 1024
_WINDOW_CELLS = 400_000  # meters x slots in one pass: some 100 MB of temporaries
_BILLING = "1.0.98.1.0.255"
_RESET_BY_BILLING = (
    "bill_start_wh", "demand_w", "demand_local_s", "billing_count", "billing_local_s", "billing_on_minutes",
)  # fmt: skip
_STATUS_WORD = parse_obis("0.0.94.91.18.255")


@dataclass(frozen=True, slots=True, eq=False)
class Surroundings:
    """What all cohorts of a fleet share."""

    world: World
    store: Store
    codes: dict[str, int]  # ids of sim.obis_codes by logical name
    now_ms: Callable[[], int]  # the simulated clock


class Cohort:
    """Meters `first` to `first + len(identities)` of a fleet."""

    def __init__(
        self,
        around: Surroundings,
        model: Model,
        *,
        name: str,
        identities: list[Identity],
        population: Population,
        calendar: Calendar,
    ) -> None:
        self.around, self.model, self.name = around, model, name
        self.identities, self.population, self.calendar = identities, population, calendar
        self.ids: Ids = np.frombuffer(b"".join(one.id.bytes for one in identities), np.uint8).reshape(-1, 16)
        self.overrides: dict[tuple[int, bytes], bytes] = {}  # (row, attribute) -> what a client has written
        self.snapshots: dict[int, int] = {}  # row -> local second of its last instantaneous profile
        self.vault = Vault(around.store, [one.id for one in identities])
        self.writing: set[asyncio.Future[None]] = set()  # events that nobody waits for
        self.lock = asyncio.Lock()  # held while columns change
        self.status_word = _status_word(model)
        self._columns: Columns | None = None
        self.settled_ms = 0
        self._installed_ms = 0
        self._in_doubt = False  # the store may have less than our columns say
        self._shown: Shown = {}
        self._shown_second = -1

    @property
    def columns(self) -> Columns:
        assert self._columns is not None, "begin() or resume() comes first"
        return self._columns

    def begin(self, installed_ms: int) -> None:
        """The meters' history begins at a block boundary, their registers as they were delivered."""
        self._installed_ms = installed_ms
        local_s = self.calendar.local_s(installed_ms)
        self._columns = new_columns(
            self.population.initial_wh, self.population.phases, installed_ms=installed_ms, local_s=local_s
        )
        self.settled_ms = installed_ms

    def resume(self, checkpoint: Checkpoint, installed_ms: int) -> None:
        """Go on from a checkpoint; `installed_ms` is where the fleet's history begins."""
        self._installed_ms = installed_ms
        self._columns, self.settled_ms = Columns.load(checkpoint.columns), checkpoint.settled_ms

    def value(self, quantity: str, row: int) -> int:
        """What one meter shows of a quantity now."""
        return int(self.shown()[quantity][row])

    def shown(self) -> Shown:
        """All quantities of all meters now; computed once a second however often it is asked."""
        now_ms = self.around.now_ms()
        second = now_ms // MS_PER_SECOND
        if second != self._shown_second:
            self._shown = self._compute(max(second * MS_PER_SECOND, self.settled_ms))
            self._shown_second = second
        return self._shown

    def _compute(self, instant_ms: int) -> Shown:
        now = electric.live(self.around.world, self.population, self.settled_ms, instant_ms)
        return live(self.columns, self.calendar, self.calendar.local_s(instant_ms), now)

    def windows(self, to_ms: int) -> Iterator[int]:
        """Ends of the windows, each small enough for one pass, that lead to the last block boundary by `to_ms`."""
        end = self.calendar.block_start(to_ms)
        slots = max(_WINDOW_CELLS // len(self.identities), 96)
        span = slots * SLOT_MS // MS_PER_DAY * MS_PER_DAY
        at = self.settled_ms
        while at < end:
            at = min(self.calendar.midnight(at) + span, end)
            yield at

    async def advance_to(self, to_ms: int, report: Callable[[Cohort, int], None] | None = None) -> None:
        """Capture all blocks that are complete by an instant; `report` hears of each window's blocks per meter.

        Raises StoreUnavailable with nothing changed if the store is away: the next call brings what is missing.
        """
        async with self.lock:
            await self._believe_the_store()
            for end_ms in self.windows(to_ms):
                brought = await asyncio.to_thread(self._pass, end_ms)
                await self._write(brought)
                if report:
                    report(self, len(brought.blocks.end_local_s))

    def _pass(self, end_ms: int) -> Advance:
        return advance(
            self.around.world, self.population, self.columns, self.calendar, from_ms=self.settled_ms, to_ms=end_ms
        )

    async def _write(self, brought: Advance) -> None:
        rows = rows_of(
            brought,
            self.ids,
            self.calendar,
            codes=self.around.codes,
            billing=self.model.profiles[_BILLING],
            status_word=self.status_word,
        )
        await self._commit(rows, brought.columns, brought.settled_ms)

    async def _commit(self, rows: list[Rows], columns: Columns, settled_ms: int, *, durable: bool = False) -> None:
        checkpoint = Checkpoint(self.name, settled_ms, columns.dump())
        try:
            await self.around.store.write(rows, checkpoint=checkpoint, durable=durable)
        except StoreError:
            self._in_doubt = True
            raise
        self._columns, self.settled_ms = columns, settled_ms
        self._shown_second = -1

    async def _believe_the_store(self) -> None:
        """After a failed write: the last writes before it may be lost too, so go back to what the store has."""
        if not self._in_doubt:
            return
        kept = (await self.around.store.checkpoints(self.name)).get(self.name)
        if kept is None:
            self.begin(self._installed_ms)
        else:
            self.resume(kept, self._installed_ms)
        self._in_doubt = False
        self._shown_second = -1

    async def reset_billing(self, row: int) -> None:
        """Closes one meter's billing period now (MD reset, IS 15959 script 1 of 0.0.10.0.1.255), durably."""
        async with self.lock:
            await self._believe_the_store()
            now_ms = max(self.around.now_ms(), self.settled_ms)
            one = self.columns.only(row)
            registers = self._registers_now(row, now_ms)
            record, after = close_billing(one, registers, self.calendar.local_s(now_ms), self.calendar)
            rows = billing_rows(
                record,
                self.ids[row : row + 1],
                self.calendar,
                code=self.around.codes[_BILLING],
                profile=self.model.profiles[_BILLING],
                status_word=self.status_word,
            )
            columns = self.columns.with_row(row, **{name: getattr(after, name)[..., 0] for name in _RESET_BY_BILLING})
            await self._commit([rows], columns, self.settled_ms, durable=True)

    def _registers_now(self, row: int, now_ms: int) -> Ints:
        population = self.population.take(slice(row, row + 1))
        running = electric.partial(self.around.world, population, self.settled_ms, now_ms)
        cumulative = self.columns.cumulative_mwh[:, row : row + 1] + running
        return cumulative[:DAILY_CHANNELS] // MILLI


def _status_word(model: Model) -> str:
    """The hexadecimal image of the model's event status word: 32 characters, zeros if it has none."""
    words = [entry.attributes[1].source for entry in model.objects if entry.logical_name == _STATUS_WORD]
    return words[0].default[-16:].hex().upper() if words and isinstance(words[0], Setting) else "0" * 32
