# SPDX-License-Identifier: MIT
"""The composition root: store, meters, kernel, clock and listeners become a running fleet, and end cleanly.

Everything that happens by itself is a kernel event; this is the only place that knows all rooms.
"""

from __future__ import annotations

import asyncio
import bisect
import contextlib
import gc
import ipaddress
import json
import logging
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from simulator.cosem.compiler import compile_model
from simulator.errors import StoreError, UserError
from simulator.faults.parse import quirks_of
from simulator.fleet import captured_keys
from simulator.fleet.callers import Callers
from simulator.fleet.capture import Capture
from simulator.fleet.captures import Captures
from simulator.fleet.clockwork import Clockwork
from simulator.fleet.connection import Connection, monotonic_ms
from simulator.fleet.control import obey
from simulator.fleet.incidents import injection
from simulator.fleet.keyfile import KeyFile
from simulator.fleet.links import Links, Witness
from simulator.fleet.listen import Listen, Spread, whom_meters_call
from simulator.fleet.listeners import Listeners
from simulator.fleet.notices import Notices
from simulator.fleet.opening import Opening, register_codes, titles
from simulator.fleet.push_links import PushLinks
from simulator.fleet.push_options import PushOptions
from simulator.fleet.push_orders import pushing
from simulator.fleet.pushes import Pushes
from simulator.fleet.replacing import Replacing
from simulator.fleet.sessions import Residents
from simulator.fleet.spec import FleetSpec, build_cohorts
from simulator.fleet.supplies import Supplies
from simulator.meter.behaviour import story
from simulator.meter.cohort import Cohort, Surroundings
from simulator.meter.columns import Ints
from simulator.meter.device import Device
from simulator.meter.identity import Delivered, Given, Identity
from simulator.meter.locksmith import write_refused
from simulator.store.database import Store
from simulator.values import MS_PER_SECOND
from simulator.world.shapes import load_world

log = logging.getLogger(__name__)

_SWEEP_S = 1.0
_CLOCK_SAVE_S = 5.0
_LISTEN_LIMIT_S = 5.0
Progress = Callable[[int, int], None]  # meter-blocks done, of all


@dataclass(frozen=True, slots=True)
class RunOptions:
    listens: Sequence[Listen]
    speed: float = 1.0
    keys: KeyFile | None = None
    capture: Capture | None = None
    push: PushOptions = field(default_factory=PushOptions)
    witness: Witness | None = None


class Fleet:
    """A fleet on a store: `open`, then `serve` until `stop`."""

    def __init__(self, spec: FleetSpec, options: RunOptions, store: Store) -> None:
        self.spec, self.options, self.store = spec, options, store
        self.cohorts: list[Cohort] = []
        self.connections: set[Connection] = set()
        residents = Residents(spec.count, self.device, self.identity)
        self.clock = Clockwork()
        self.captures = Captures(self.clock)
        self.links = Links(residents, self.connections, self.clock, seed=spec.seed, witness=options.witness)
        self.callers = Callers(spec.count, self.cohorts, self.clock.now_ms)
        self.listeners = Listeners(options.listens, self.links, self.connections, self.callers, options.capture)
        push_links = PushLinks(self.links, self._push_way, lambda: self.clock.speed, self.listeners.line_of)
        self.pushes = Pushes(self.clock, store, self._addresses, push_links, is_confirmed=options.push.is_confirmed)
        self.supplies = Supplies(spec, self.cohorts, self.clock, store)
        self.notices = Notices(self.links.meter_of)
        self.links.listened = self.notices.watch
        self.replacing = Replacing(spec.count, self.cohorts, self.clock, self.pushes, self.identity)
        self._firsts: list[int] = []  # number of each cohort's first meter
        self._stopping = asyncio.Event()

    # -- opening ------------------------------------------------------------------------------------------------

    async def open(self, progress: Progress | None = None) -> None:
        """Everything up to the moment at which the fleet could be read: tables, meters, history."""
        world = load_world(self.spec.seed)
        self.spec.check(world)
        await self.store.ensure_schema()
        if not await self.store.lock_fleet():
            raise UserError("this fleet is served already; stop it there, or start one that differs, say by --seed")
        codes = await register_codes(self.store, self.spec)
        stored = await self.store.fleet()
        if stored is not None and (differences := self.spec.difference(stored.spec)):
            hint = "use another --database, or empty this one with `meterfleet db init --fresh`"
            raise UserError("\n  ".join(["the database holds another fleet:", *differences, hint]))
        around = Surroundings(
            world,
            self.store,
            codes,
            self.clock.now_ms,
            wake=self.captures.wake,
            alert=self._alert,
            occur=self.pushes.occur,
            push=self.pushes.push,
            look=self._look,
            connect=lambda cohort, row: self.listeners.connect(cohort.first + row),
            destinations=whom_meters_call(self.listeners.listens),
            address=self._ip_address,
            delivered=self._delivered,
        )
        models, known = self.options.push.model, titles(self.options.keys)
        self.cohorts += await asyncio.to_thread(lambda: list(build_cohorts(self.spec, around, known, models)))
        self._firsts = [cohort.first for cohort in self.cohorts]
        options, listens = self.options, self.listeners.listens
        opening = Opening(self.spec, self.store, self.cohorts, listens, options.keys, options.speed)
        start_ms = await (opening.begin() if stored is None else opening.resume(stored))
        self.clock.begin(start_ms)
        self._give_quirks()
        await self._catch_up(start_ms, progress)
        gc.collect()
        gc.freeze()  # models and meters stay: looking through them for garbage cost a third of a busy fleet's time

    def _give_quirks(self) -> None:
        for first, group in self.spec.numbered():
            quirks = quirks_of(compile_model(group.model).spec.quirks)
            self.links.set(range(first, first + group.count), quirks, of_model=True)

    async def _catch_up(self, to_ms: int, progress: Progress | None) -> None:
        """Capture what lies between the last captured block and the start: the history, or the time while stopped."""
        behind = [(c, (c.calendar.block_start(to_ms) - c.settled_ms) // c.calendar.block_ms) for c in self.cohorts]
        total = sum(len(c.identities) * blocks for c, blocks in behind)
        done = 0

        def report(meter_blocks: int) -> None:
            nonlocal done
            done += meter_blocks
            if progress:
                progress(done, total)

        for cohort in self.cohorts:
            story.restore(cohort)
        await self.supplies.resume(to_ms)
        for cohort in self.cohorts:
            await story.bring(cohort, to_ms, report)

    def _look(self, cohort: Cohort, row: int) -> None:
        self.pushes.look(cohort, row)
        self.callers.look(cohort, row)

    def _alert(self, cohort: Cohort, rows: Ints, instant_ms: int) -> None:
        self.pushes.alert(cohort, rows, instant_ms)
        self.notices.alert(cohort, rows, instant_ms)

    # -- the clock ----------------------------------------------------------------------------------------------

    def _state(self) -> dict[str, Any]:
        offset = self.cohorts[0].calendar.utc_offset_minutes
        told = {"now_ms": self.clock.now_ms(), "behind_ms": self.clock.behind_ms}
        return told | {"speed": self.clock.speed, "utc_offset_minutes": offset}

    async def _set_clock(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """The order `clock`: change the speed, step ahead, or only tell; answers when a step has been lived through."""
        speed, step_ms = order.get("speed"), int(order.get("step_ms") or 0)
        if speed is not None or step_ms:
            await self.clock.turn(speed=None if speed is None else float(speed), step_ms=step_ms)
            await self._remember_clock()
        return self._state()

    async def _keep_house(self) -> None:
        """Closes dead connections, remembers the clock, and brings captures that the store missed."""
        beat = 0
        while True:
            await asyncio.sleep(_SWEEP_S)
            beat += 1
            self.listeners.tick(monotonic_ms())
            await self._settle_counters()
            await self._write_refused()
            if beat % int(_CLOCK_SAVE_S / _SWEEP_S) == 0:
                await self._remember_clock()
                self.captures.make_up()
                self.pushes.make_up()

    async def _settle_counters(self, *, all_of_them: bool = False) -> None:
        with contextlib.suppress(StoreError):
            for cohort in self.cohorts:
                await cohort.vault.settle(all_of_them=all_of_them)

    async def _write_refused(self) -> None:
        for cohort in self.cohorts:
            await write_refused(cohort)

    async def _remember_clock(self) -> None:
        """Stored ahead by what may pass until the next time: no clock that a killed fleet has shown comes again."""
        ahead_ms = int(2 * _CLOCK_SAVE_S * MS_PER_SECOND * self.clock.speed)
        with contextlib.suppress(StoreError):
            await self.store.save_clock(self.clock.now_ms() + ahead_ms)

    # -- serving ------------------------------------------------------------------------------------------------

    async def listen(self) -> int:
        """Opens the listeners and starts the clock; returns how many places are open, UserError if none."""
        if self.options.capture:
            captured_keys.begin(self.options.capture)
            for cohort in self.cohorts:
                captured_keys.follow(self.options.capture, cohort, self.listeners.listens)
        try:
            opened = await self.listeners.open()
        except UserError:
            await self._close()  # its meters do not run
            raise
        self.clock.start(0.0)  # it stands until all that belongs to this instant is on it
        self.captures.start(self.cohorts)
        await self.pushes.start(self.cohorts)
        self.clock.start(self.options.speed)
        await self._remember_clock()
        return opened

    def place(self, index: int) -> tuple[Cohort, int]:
        """The cohort of the meter of that number, from 0, and its row there."""
        at = bisect.bisect_right(self._firsts, index) - 1
        return self.cohorts[at], index - self._firsts[at]

    @property
    def _push_way(self) -> Listen | None:
        """That of the meters' own addresses, from which they push; without any the first one."""
        listens = self.listeners.listens
        return next((one for one in listens if one.spread is Spread.ADDRESSES), listens[0] if listens else None)

    def _addresses(self, cohort: Cohort) -> list[str | None]:
        """The meters' own, if they have any."""
        own = self._push_way
        numbers = range(cohort.first, cohort.first + len(cohort.identities))
        return [own.place_of(number).host if own and own.spread is Spread.ADDRESSES else None for number in numbers]

    def _ip_address(self, number: int) -> int:
        """At which a meter is reached, if it is by IP."""
        listens = [one for one in self.listeners.listens if one.spread not in (Spread.LINES, Spread.CALLS)]
        host = listens[0].place_of(number).host if listens else None
        return int(ipaddress.IPv4Address(host)) if host else 0

    def _delivered(self, serial: str) -> Delivered:
        keys = self.options.keys
        return keys.meters.get(serial, Delivered()) if keys else Delivered()

    def device(self, index: int) -> Device:
        return Device(*self.place(index))

    def identity(self, index: int) -> Identity:
        cohort, row = self.place(index)
        return cohort.identities[row]

    def given_keys(self, index: int) -> Given:
        """The keys of a meter that do not follow from the seed."""
        cohort, row = self.place(index)
        return cohort.vault.given(row)

    async def serve(self, announce: Callable[[], None] = lambda: None) -> None:
        """Until stop() or a signal; then everything is closed in order. `announce` is called when all is up."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            with contextlib.suppress(NotImplementedError, ValueError, RuntimeError):  # not in the main thread
                loop.add_signal_handler(number, self.stop)
        listening = asyncio.Event()
        known = {
            "clock": self._set_clock,
            "event": injection(self.spec, self.cohorts),
            "push": pushing(self.spec, self.cohorts, self.pushes),
            "link": self._link,
            **self.supplies.orders,
        }
        orders = obey(self.store, self.replacing.by_number(known), listening, self._state)
        announcing = self._announce(listening, announce)
        drivers = (self.clock.run(), self._keep_house(), self.pushes.run(), orders, announcing)
        tasks = [asyncio.ensure_future(driver) for driver in drivers]
        stopped = asyncio.ensure_future(self._stopping.wait())
        try:
            done, _ = await asyncio.wait({*tasks, stopped}, return_when=asyncio.FIRST_COMPLETED)
            for task in done - {stopped}:
                task.result()  # a failed driver is our bug: let it be seen
        finally:
            for task in (*tasks, stopped):
                task.cancel()
            await asyncio.wait({*tasks, stopped})  # nothing happens any more while all is closed
            await self._close()

    async def _link(self, told: Mapping[str, Any]) -> Mapping[str, Any]:
        return {**await self.links.follow(told), "utc_offset_minutes": self.cohorts[0].calendar.utc_offset_minutes}

    async def _announce(self, listening: asyncio.Event, announce: Callable[[], None]) -> None:
        with contextlib.suppress(TimeoutError):  # without the database orders are not heard, but meters are read
            async with asyncio.timeout(_LISTEN_LIMIT_S):
                await listening.wait()
        announce()
        await self._stopping.wait()

    def stop(self) -> None:
        self._stopping.set()

    async def _close(self) -> None:
        self.listeners.close()
        try:
            await self.clock.quiet()
            await self.pushes.close()
        finally:
            await self._close_store()
            gc.unfreeze()  # where the process goes on, as a session of tests does, what was ours is garbage now

    async def _close_store(self) -> None:
        if writing := [task for cohort in self.cohorts for task in cohort.writing]:
            await asyncio.wait(writing)
        await self._write_refused()
        await self._settle_counters(all_of_them=True)
        with contextlib.suppress(StoreError):
            await self.store.save_clock(self.clock.now_ms())
            await self.store.set_status("STOPPED")
        await self.store.close()


def event_line(kind: str, **values: object) -> str:
    """One line of `--json` output."""
    return json.dumps({"event": kind, **values})
