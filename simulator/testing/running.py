# SPDX-License-Identifier: MIT
"""A fleet at work on the loop of its own thread: opened, served, closed. No test calls anything here itself."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from simulator.errors import MeterfleetError
from simulator.fleet.inventory import meter_entry
from simulator.fleet.listen import parse_listens
from simulator.fleet.push_options import PushOptions, parse_push
from simulator.fleet.runner import Fleet, RunOptions
from simulator.meter.identity import index_of
from simulator.ports import LogicalDevice
from simulator.scenario.player import Player
from simulator.scenario.selecting import Residents
from simulator.scenario.sink import pushing, sink
from simulator.scenario.stage import Stage
from simulator.scenario.step import Lasting, Outcome, Step
from simulator.store.database import Store
from simulator.testing.journal import Entry, Journal
from simulator.testing.meters import Meter, meter_of
from simulator.testing.overrides import Overrides
from simulator.testing.places import listen_texts
from simulator.testing.plan import Plan
from simulator.testing.witness import WitnessedDevice
from simulator.values import moment_of

_FULL = 1.0  # the strength of a step that has no ramp


class Running:
    def __init__(self, plan: Plan, dsn: str) -> None:
        self.plan, self.dsn = plan, dsn
        self.journal, self.overrides = Journal(), Overrides()
        self._meters: list[Meter] = []
        self._before: dict[str, Meter] = {}  # those that were replaced, by serial number
        self.marks: dict[str, int] = {}  # the newest rows of the tables that tell, when the fleet was ready
        self.fleet: Fleet
        self.stage: Stage
        self.player: Player | None = None
        self._serving: asyncio.Task[None] | None = None
        self._around = AsyncExitStack()

    # -- from the first to the last -----------------------------------------------------------------------------

    async def open(self) -> None:
        """Returns when the meters can be read."""
        try:
            await self._open()
        except BaseException:
            await self._around.aclose()
            raise

    async def _open(self) -> None:
        plan = self.plan
        push = await self._around.enter_async_context(_pushes(plan))
        listen = plan.listen or (plan.scenario.head.listens if plan.scenario else "wrapper")
        listens = parse_listens(listen_texts(listen, plan.spec.count), plan.spec.count)
        store = await Store.open(self.dsn)
        self._around.push_async_callback(store.close)
        self.fleet = Fleet(plan.spec, RunOptions(listens, plan.speed, push=push, witness=self._witness), store)
        await self.fleet.open()
        self._meters = [meter_of(index + 1, self._entry(index)) for index in range(plan.spec.count)]
        self.marks = await store.history.mark()
        if plan.scenario is not None:
            self.player = Player(plan.scenario, self.fleet)
            await self.player.prepare()
        residents = plan.scenario.residents if plan.scenario else Residents(plan.spec, [""])
        self.stage = self.player.stage if self.player else Stage(self.fleet, residents, Path.cwd())
        await self.fleet.listen()
        await self._serve()

    async def _serve(self) -> None:
        ready = asyncio.Event()
        self._serving = asyncio.ensure_future(self.fleet.serve(ready.set))
        waiting = asyncio.ensure_future(ready.wait())
        await asyncio.wait({self._serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        self.check()

    def check(self) -> None:
        """Raises what has ended the fleet, if something has."""
        if self._serving is None or not self._serving.done():
            return
        self._serving.result()
        raise MeterfleetError("the fleet has stopped")

    async def close(self) -> None:
        """Raises what has ended the fleet before, if something has."""
        try:
            if self._serving is not None:
                self.fleet.stop()
                await self._serving
        finally:
            await self._around.aclose()

    # -- time ---------------------------------------------------------------------------------------------------

    def now_ms(self) -> int:
        self.check()
        return self.fleet.clock.now_ms()

    async def turn(self, *, speed: float | None = None, step_ms: int = 0) -> None:
        """Returns when the span is lived through, and what was pushed in it stands in the history."""
        self.check()
        await self.fleet.clock.turn(speed=speed, step_ms=step_ms)
        await self.fleet.pushes.settled()
        self.check()

    # -- what happens to meters ---------------------------------------------------------------------------------

    async def play(self, step: Step, indices: Sequence[int]) -> Outcome:
        """A step of a scenario, now."""
        self.check()
        return await step.begin(self.stage, np.array(indices, np.int64), _FULL)

    async def undo(self, step: Lasting, indices: Sequence[int]) -> Outcome:
        self.check()
        return await step.end(self.stage, np.array(indices, np.int64))

    async def told(self, name: str, table: str) -> list[dict[str, Any]]:
        """Rows that came since the fleet was ready, by the named query. What is still under way is not waited for."""
        self.check()
        await self.fleet.pushes.journal.flush()
        return await self.fleet.store.history.since(name, self.marks[table])

    # -- clients ------------------------------------------------------------------------------------------------

    def meter(self, index: int) -> Meter:
        """The one that is in a place now."""
        known = self._meters[index]
        if known.serial != self.fleet.identity(index).serial:
            self._before[known.serial] = known
            known = self._meters[index] = meter_of(index + 1, self._entry(index))
        return known

    def meters(self) -> list[Meter]:
        return [self.meter(index) for index in range(len(self._meters))]

    def meter_named(self, serial: str) -> Meter:
        """Be it in its place or not."""
        there = self.meter(index_of(serial))
        return there if there.serial == serial else self._before[serial]

    def _entry(self, index: int) -> dict[str, Any]:
        places = [listen.place_of(index) for listen in self.fleet.listeners.listens]
        model = self.fleet.place(index)[0].model
        return meter_entry(self.fleet.identity(index), model, places, given=self.fleet.given_keys(index))

    def _witness(self, index: int, device: LogicalDevice) -> LogicalDevice:
        return WitnessedDevice(device, partial(self._tell, index), partial(self.overrides.find, index))

    def _tell(
        self,
        index: int,
        client: int,
        kind: str,
        what: str,
        result: str,
        octets: int,
        *,
        value: Any = None,
        selection: Any = None,
    ) -> None:
        at = self.moment(self.fleet.clock.now_ms())
        meter = self.meter(index)
        self.journal.add(lambda number: Entry(number, at, meter, client, kind, what, result, octets, value, selection))

    def moment(self, instant_ms: int) -> dt.datetime:
        return moment_of(instant_ms, self.fleet.cohorts[0].calendar.utc_offset_minutes)


@asynccontextmanager
async def _pushes(plan: Plan) -> AsyncIterator[PushOptions]:
    """What the test says, else the scenario. True: somebody hears and forgets, as a scenario's `sink`."""
    if plan.push is True:
        async with sink() as address:
            yield parse_push(address, plan.push_schedule)
    elif plan.push or plan.push_schedule or plan.scenario is None:
        yield parse_push(plan.push or None, plan.push_schedule)
    else:
        async with pushing(plan.scenario) as options:
            yield options
