# SPDX-License-Identifier: MIT
"""A scenario from its start to its end on a store of its own, and what has become of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from simulator.errors import UserError
from simulator.fleet.runner import Fleet, RunOptions
from simulator.scenario.player import Player, Told, missed
from simulator.scenario.scenario import Scenario
from simulator.scenario.sink import pushing
from simulator.store.database import Store
from simulator.store.history import Curves, StepRow


@dataclass(frozen=True, slots=True)
class Result:
    scenario: Scenario
    rows: Sequence[StepRow]
    start_ms: int
    end_ms: int
    curves: Curves = field(default_factory=dict)  # for the report

    @property
    def expectations(self) -> list[tuple[str, StepRow | None]]:
        """Each by what is expected, and its verdict; None: it was not checked."""
        found = {row.step: row for row in self.rows}
        named = enumerate(self.scenario.expectations)
        return [(one.name or one.told, found.get(f"expect.{place}")) for place, one in named]

    @property
    def is_good(self) -> bool:
        return not missed(self.rows) and all(row is not None for _, row in self.expectations)


async def replay(scenario: Scenario, options: RunOptions, store: Store, *, told: Told = lambda row: None) -> Result:
    """The store holds no fleet yet; it is closed when this returns."""
    async with pushing(scenario) as push:
        return await _replayed(scenario, replace(options, push=push), store, told)


async def _replayed(scenario: Scenario, options: RunOptions, store: Store, told: Told) -> Result:
    fleet = Fleet(scenario.spec, options, store)
    player = Player(scenario, fleet, told=told)
    results: list[Result] = []

    async def end() -> None:
        fleet.clock.hold(fleet.clock.now_ms())  # nothing happens after the end
        try:
            await fleet.pushes.settled()
            curves = await store.history.curves(player.start_ms, fleet.clock.now_ms(), scenario.utc_offset_minutes)
            results.append(Result(scenario, player.rows, player.start_ms, fleet.clock.now_ms(), curves))
        finally:
            fleet.stop()

    await fleet.open()
    await player.prepare(end)
    await fleet.listen()
    await fleet.serve()
    return results[0] if results else Result(scenario, player.rows, player.start_ms, fleet.clock.now_ms())


async def emptied(store: Store, *, fresh: bool) -> None:
    """A replay begins with nothing. UserError if there is something that must not be lost."""
    await store.ensure_schema()
    if not await store.lock_fleet():
        raise UserError("a fleet is served from this database now; stop it there, or use another --database")
    if await store.fleet() is None:
        return
    if not fresh:
        raise UserError("the database holds a fleet; `--fresh` empties it, or use another --database")
    await store.drop_schema()
    await store.ensure_schema()
