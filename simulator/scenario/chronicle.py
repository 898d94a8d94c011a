# SPDX-License-Identifier: MIT
"""What a scenario has done, as rows in memory and in sim.scenario_steps, so that a run that goes on knows it.

Of a step that repeats without end the newest rows are kept and the others dropped, there and here: a fleet may run for
years. A row that the store could not take is not kept yet, and is written before the next one.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Collection, Sequence

from simulator.errors import StoreError
from simulator.scenario.timing import Turn, name_of
from simulator.store.history import History, StepRow

log = logging.getLogger(__name__)

KEPT = 1000  # rows of each step that repeats without end
_DROPPED_AT_ONCE = 100


class Chronicle:
    def __init__(self, history: History, scenario: str, endless: Collection[str] = ()) -> None:
        """`scenario`: its digest. `endless`: names of the steps that repeat without end."""
        self._history, self._scenario = history, scenario
        self._rows: dict[str, StepRow] = {}  # in the order in which they happened
        self._kept: set[str] = set()
        self._waiting: deque[StepRow] = deque(maxlen=KEPT)
        self._endless: dict[str, deque[str]] = {name: deque() for name in endless}
        self._oldest: dict[str, str] = {}  # of those, the oldest row of an earlier run: all turns before it are done

    @property
    def rows(self) -> Sequence[StepRow]:
        return list(self._rows.values())

    def row(self, step: str) -> StepRow | None:
        return self._rows.get(step)

    async def read(self) -> None:
        """What earlier runs have done."""
        for row in await self._history.steps(self._scenario):
            self._take(row)
            self._kept.add(row.step)
        self._oldest = {name: steps[0] for name, steps in self._endless.items() if steps}

    def is_kept(self, step: str) -> bool:
        return step in self._kept

    def is_forgotten(self, turn: Turn) -> bool:
        """Done so long ago that there is no row of it any more; asked of all turns of a step in their order."""
        name = name_of(turn.key)
        if self._oldest.get(name) == turn.key:
            del self._oldest[name]
        return name in self._oldest

    async def keep(self, row: StepRow) -> None:
        self._take(row)
        self._waiting.append(row)
        try:
            await self._write()
        except StoreError as error:
            log.warning("the history has no row of step %s yet: %s", row.step, error)

    async def _write(self) -> None:
        while self._waiting:
            await self._history.put(self._waiting[0])
            self._kept.add(self._waiting.popleft().step)
        for steps in self._endless.values():
            if len(steps) >= KEPT + _DROPPED_AT_ONCE:
                await self._drop(steps)

    async def _drop(self, steps: deque[str]) -> None:
        oldest = [steps.popleft() for _ in range(len(steps) - KEPT)]
        for step in oldest:
            self._rows.pop(step, None)
            self._kept.discard(step)
        await self._history.forget(self._scenario, oldest)

    def _take(self, row: StepRow) -> None:
        self._rows[row.step] = row
        if (steps := self._endless.get(name_of(row.step))) is not None:
            steps.append(row.step)
