# SPDX-License-Identifier: MIT
"""A scenario at work on a running fleet: its turns become events of the fleet's clock, each with a row of history.

What the history tells is not done again: a run that was stopped, or killed, goes on.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

from simulator.errors import MeterfleetError, StoreError, StoreUnavailable
from simulator.fleet.runner import Fleet
from simulator.scenario.chronicle import Chronicle
from simulator.scenario.expectation import Counted, Expectation
from simulator.scenario.scenario import Scenario
from simulator.scenario.selecting import NOBODY, Numbers
from simulator.scenario.stage import Stage
from simulator.scenario.step import Entry, Lasting, Outcome, Step
from simulator.scenario.struck import Struck
from simulator.scenario.timing import Times, Turn, is_endless, name_at, timeline
from simulator.store.history import StepRow
from simulator.values import MS_PER_MINUTE, NEVER_MS
from simulator.world.kernel import Priority

log = logging.getLogger(__name__)

MARGIN_MS = MS_PER_MINUTE
_AGAIN_MS = MS_PER_MINUTE
_CHOICES = 500  # of meters, that are remembered
START = "start"
Told = Callable[[StepRow], None]


class Player:
    """`prepare` between the fleet's opening and its serving; `rows` is what has happened."""

    def __init__(self, scenario: Scenario, fleet: Fleet, *, told: Told = lambda row: None) -> None:
        self.scenario, self.fleet = scenario, fleet
        self.stage = Stage(fleet, scenario.residents, scenario.path.parent)
        self.start_ms = 0
        self._told = told
        endless = [name_at(entry, place) for place, entry in enumerate(scenario.entries) if is_endless(entry)]
        self._chronicle = Chronicle(fleet.store.history, scenario.digest, () if scenario.head.end else endless)
        self._turns: Iterator[Turn] = iter(())
        self._chosen: dict[int, Numbers] = {}
        self._struck: Struck

    @property
    def rows(self) -> Sequence[StepRow]:
        return self._chronicle.rows

    @property
    def times(self) -> Times:
        return self.scenario.times(self.start_ms)

    async def prepare(self, at_end: Callable[[], Awaitable[None]] | None = None) -> None:
        """Everything is put on the clock; `at_end` is called when the scenario has ended, if it does."""
        await self._chronicle.read()
        begun = self._chronicle.row(START)
        self.start_ms = self.fleet.clock.now_ms() if begun is None else begun.instant_ms
        await self._keep(START, START, 0, "DONE", {"name": self.scenario.head.name, "seed": self.scenario.spec.seed})
        for place in range(len(self.scenario.expectations)):
            self._put_expectation(place)
        self._struck = Struck(self.scenario.entries, self.scenario.residents, self.times)
        self._turns = timeline(self.scenario.entries, self.times)
        self._put_next()
        if at_end is not None and (end_ms := self.end_ms()) < NEVER_MS:
            self.fleet.clock.schedule(end_ms, Priority.CHECK, at_end)

    def end_ms(self) -> int:
        """When everything is over."""
        head, times, offset = self.scenario.head, self.times, self.scenario.utc_offset_minutes
        if head.end is not None:
            return head.end.instant(self.start_ms, offset)
        if any(is_endless(entry) for entry in self.scenario.entries):
            return NEVER_MS
        ends = [turn.at_ms for turn in timeline(self.scenario.entries, times)]
        ends += [self._from_ms(one) + one.within for one in self.scenario.expectations if one.within is not None]
        return max([self.start_ms, *ends]) + MARGIN_MS

    # -- steps --------------------------------------------------------------------------------------------------

    def _put_next(self) -> None:
        """One turn waits on the clock at a time."""
        turn = next((turn for turn in self._turns if not self._is_over(turn)), None)
        if turn is not None:
            self._put(turn, turn.at_ms)

    def _put(self, turn: Turn, at_ms: int) -> None:
        self.fleet.clock.schedule(at_ms, Priority.SCENARIO, lambda: self._take(turn))

    def _is_over(self, turn: Turn) -> bool:
        """Done in an earlier run, with an effect that has outlived it."""
        if self._chronicle.is_forgotten(turn):
            return True
        return self.scenario.entries[turn.place].survives and self._chronicle.is_kept(turn.key)

    async def _take(self, turn: Turn) -> None:
        entry = self.scenario.entries[turn.place]
        numbers = self._meters(entry, turn)
        try:
            outcome = await self._done(entry, turn, numbers)
            word = "DONE" if not outcome.refused else "PARTLY" if outcome.done else "REFUSED"
            detail = {**outcome.detail, **({"refused": dict(outcome.refused)} if outcome.refused else {})}
        except (MeterfleetError, OSError) as error:
            log.warning("step %s (%s) failed: %s", turn.key, entry.do, error)
            if turn.is_undo and isinstance(error, StoreUnavailable):
                self._put(turn, self.fleet.clock.now_ms() + _AGAIN_MS)  # else it would last for ever
                return
            word, detail = "FAILED", {"error": str(error)}
        await self._keep(turn.key, entry.do + ("/undo" if turn.is_undo else ""), len(numbers), word, detail)
        self._put_next()

    async def _done(self, entry: Entry, turn: Turn, numbers: Numbers) -> Outcome:
        if isinstance(entry, Lasting) and turn.is_undo:
            return await entry.end(self.stage, numbers)
        return await entry.begin(self.stage, numbers, turn.level)

    def _meters(self, entry: Entry, turn: Turn) -> Numbers:
        residents = self.scenario.residents
        if not isinstance(entry, Step):
            return NOBODY
        if turn.slot not in self._chosen:
            if len(self._chosen) >= _CHOICES:
                del self._chosen[next(iter(self._chosen))]  # it can be made again
            self._chosen[turn.slot] = self._struck.choose(entry.on, turn.slot, turn.start_ms)
        numbers = self._chosen[turn.slot]
        if turn.waves == 1:
            return numbers
        waves = (residents.noise(numbers, turn.slot ^ 1) * turn.waves).astype(int)
        part: Numbers = numbers[waves == turn.wave]
        return part

    # -- expectations -------------------------------------------------------------------------------------------

    def _put_expectation(self, place: int) -> None:
        """Begun and checked ones stay so."""
        one = self.scenario.expectations[place]
        if self._chronicle.is_kept(f"expect.{place}"):
            return
        from_ms = self._from_ms(one)
        to_ms = self.end_ms() if one.within is None else from_ms + one.within
        clock = self.fleet.clock
        if not self._chronicle.is_kept(f"expect.{place}/begin"):
            clock.schedule(from_ms, Priority.SCENARIO, lambda: self._begin(place))
        if to_ms < NEVER_MS:
            clock.schedule(to_ms, Priority.CHECK, lambda: self._check(place))

    def _from_ms(self, one: Expectation) -> int:
        entry = next((entry for entry in self.scenario.entries if entry.id is not None and entry.id == one.after), None)
        if entry is not None:
            return self.times.first(entry)
        return self.start_ms if one.at is None else one.at.instant(self.start_ms, self.scenario.utc_offset_minutes)

    async def _begin(self, place: int) -> None:
        one = self.scenario.expectations[place]
        try:
            await self.fleet.pushes.settled()
            marks = await self.fleet.store.history.mark()
        except StoreError as error:
            log.warning("expectation %s cannot begin: %s", one.name or one.told, error)
            return
        await self._keep(f"expect.{place}/begin", one.kind, 0, "BEGUN", marks)

    async def _check(self, place: int) -> None:
        one = self.scenario.expectations[place]
        begun = self._chronicle.row(f"expect.{place}/begin")
        marks = {} if begun is None else begun.detail
        on = one.on if isinstance(one, Counted) else ()
        numbers = self._struck.choose(on, place, self.fleet.clock.now_ms())
        detail: dict[str, Any] = {"expected": one.name or one.told}
        try:
            await self.fleet.pushes.settled()
            verdict = await one.check(self.stage, marks, numbers)
            outcome, detail = (
                "MET" if verdict.is_met else "MISSED",
                {**detail, **verdict.detail, "words": verdict.words},
            )
        except (MeterfleetError, KeyError) as error:
            outcome = "MISSED"
            detail["words"] = f"could not be checked: {error}"
        await self._keep(f"expect.{place}", one.kind, len(numbers), outcome, detail)

    # -- history ------------------------------------------------------------------------------------------------

    async def _keep(self, step: str, kind: str, meters: int, outcome: str, detail: Any) -> None:
        if self._chronicle.is_kept(step):
            return
        now_ms = self.start_ms if step == START else self.fleet.clock.now_ms()
        local_ms = now_ms + self.scenario.utc_offset_minutes * MS_PER_MINUTE
        row = StepRow(self.scenario.digest, step, kind, now_ms, local_ms, meters, outcome, detail)
        self._told(row)
        await self._chronicle.keep(row)


def missed(rows: Sequence[StepRow]) -> list[StepRow]:
    """What went otherwise than it should."""
    return [row for row in rows if row.outcome in ("MISSED", "FAILED")]
