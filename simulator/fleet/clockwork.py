# SPDX-License-Identifier: MIT
"""The fleet's clock at work: the kernel's events, one after the other, at the pace of the wall clock.

`now_ms` never passes an event that has not happened. It does not know what the events do.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from simulator.fleet.pace import Pace
from simulator.values import NEVER_MS
from simulator.world.kernel import Handle, Kernel, Priority

_STEP_POLL_S = 0.01
Act = Callable[[], Awaitable[None] | None]


@dataclass(eq=False, slots=True)
class Hold:
    """Until it is released, simulated time does not pass an instant: something outside is still on its way."""

    limit_ms: int
    is_held: bool = True


class Clockwork:
    def __init__(self) -> None:
        self._kernel = Kernel(0)
        self._pace = Pace(0, 0.0)
        self._changed = asyncio.Event()
        self._busy: asyncio.Future[None] | None = None  # an event that is still happening
        self._busy_ms = 0
        self._exact_ms = NEVER_MS  # the instant of a running event that must see no later one
        self._holds: list[tuple[int, int, Hold]] = []
        self._order = 0
        self._limit_ms = 0  # how far the clock may be read
        self.is_running = False

    # -- reading and setting ------------------------------------------------------------------------------------

    def now_ms(self) -> int:
        """The simulated instant; never past an event that has not happened yet."""
        target_ms = self._pace.target_ms()
        return target_ms if target_ms < self._limit_ms else self._limit_ms

    @property
    def behind_ms(self) -> int:
        """By how much the work has not kept the speed."""
        return max(self._pace.target_ms() - self._limit_ms, 0)

    @property
    def instant_ms(self) -> int:
        """The instant of the latest event."""
        return self._kernel.now

    @property
    def speed(self) -> float:
        return self._pace.speed

    @property
    def is_busy(self) -> bool:
        return self._busy is not None and not self._busy.done()

    def begin(self, at_ms: int) -> None:
        """The clock shows an instant, and stands."""
        self._kernel, self._pace, self._limit_ms = Kernel(at_ms), Pace(at_ms, 0.0), at_ms

    def start(self, speed: float) -> None:
        self.is_running = True
        self._pace.set_speed(speed, at_ms=self._kernel.now)
        self._look()

    async def turn(self, *, speed: float | None = None, step_ms: int = 0) -> None:
        """Change the speed, step ahead; returns when what lies in between has been lived through."""
        if speed is not None:
            self._pace.set_speed(speed, at_ms=self.now_ms())
        if step_ms:
            self._pace.step(step_ms)
        target_ms = self._pace.target_ms()
        self._changed.set()
        while self._limit_ms <= target_ms or (self.is_busy and self._busy_ms <= target_ms):
            await asyncio.sleep(_STEP_POLL_S)

    def is_behind(self, instant_ms: int) -> bool:
        """Whether the wall clock has passed an instant of the simulation."""
        return instant_ms <= self._pace.target_ms()

    def next_instant(self) -> int | None:
        """Of the next event."""
        return self._kernel.next_instant()

    # -- what happens -------------------------------------------------------------------------------------------

    def schedule(self, instant_ms: int, priority: Priority, act: Act) -> Handle:
        """`act` runs when its instant comes, or now if that has passed. What it returns is awaited: the next event
        waits for it, and while it lasts the clock shows its instant."""

        def exactly() -> None:
            if (doing := act()) is not None:
                self._exact_ms = self._kernel.now
                self.occupy(doing)

        return self._put(instant_ms, priority, exactly)

    def schedule_loosely(self, instant_ms: int, priority: Priority, act: Callable[[], None]) -> Handle:
        """The same for what may take its time while the clock goes on to the next event."""
        return self._put(instant_ms, priority, act)

    def cancel(self, handle: Handle) -> None:
        self._kernel.cancel(handle)
        self._look()

    def occupy(self, doing: Awaitable[None], until_ms: int | None = None) -> None:
        """The next event waits for something that belongs to the time up to an instant, by default that of now."""
        self._busy = asyncio.ensure_future(doing)
        self._busy_ms = self._kernel.now if until_ms is None else until_ms
        self._busy.add_done_callback(self._happened)

    def hold(self, limit_ms: int) -> Hold:
        hold = Hold(max(limit_ms, self._kernel.now))
        self._order += 1
        heapq.heappush(self._holds, (hold.limit_ms, self._order, hold))
        self._look()
        return hold

    def release(self, hold: Hold) -> None:
        hold.is_held = False
        self._look()

    def _put(self, instant_ms: int, priority: Priority, act: Callable[[], None]) -> Handle:
        handle = self._kernel.schedule(max(instant_ms, self._kernel.now), priority, act)
        self._look()
        return handle

    # -- the loop -----------------------------------------------------------------------------------------------

    async def run(self) -> None:
        while True:
            await self.quiet()  # simulated time waits for the store, never the other way round; what was due may change
            due_ms = self._kernel.next_instant()
            wait_s = None if due_ms is None or self._held_ms() < due_ms else self._pace.wait_s(due_ms)
            if wait_s != 0.0:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait_s):  # wait_for of Python 3.11 may pass over that it is cancelled
                        await self._changed.wait()
                self._changed.clear()
                continue
            self._kernel.step()
            self._look()

    async def quiet(self) -> None:
        """Until the event that is happening has happened; raises what it raised."""
        if (busy := self._busy) is not None:
            await asyncio.shield(busy)
            if self._busy is busy:
                self._busy, self._exact_ms = None, NEVER_MS
                self._look()

    def _happened(self, done: asyncio.Future[None]) -> None:
        if done is self._busy:  # else the next event happens already
            self._exact_ms = NEVER_MS
        self._look()

    def _held_ms(self) -> int:
        while self._holds and not self._holds[0][2].is_held:
            heapq.heappop(self._holds)
        return self._holds[0][0] if self._holds else NEVER_MS

    def _look(self) -> None:
        """How far the clock may be read; every reading asks for it, so it is kept."""
        if not self.is_running:
            return
        due_ms = self._kernel.next_instant()
        self._limit_ms = min(NEVER_MS if due_ms is None else due_ms, self._held_ms(), self._exact_ms)
        self._changed.set()
