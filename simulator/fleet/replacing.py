# SPDX-License-Identifier: MIT
"""Meters of a running fleet are replaced by others; whoever names one by its serial number means the one there now.

An order by serial number is carried out on the meter that had the number when it was given, or refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from simulator.errors import StoreError, UserError
from simulator.fleet.clockwork import Clockwork
from simulator.fleet.control import Follow
from simulator.fleet.pushes import Pushes
from simulator.fleet.selection import in_numbers, parse_meters, parts_of, places_by_serial
from simulator.meter.behaviour import story
from simulator.meter.cohort import Cohort
from simulator.meter.identity import MAX_GENERATION, Identity
from simulator.meter.replacement import replace
from simulator.values import counted, is_number

_TOLD = 50  # serial numbers in one answer: a notification of PostgreSQL has at most 8,000 octets
_MOST_WH = 10**9 * 1000  # registers have room for more


class _Tenancy:
    """Orders by serial number are followed side by side; while one is, nobody is replaced, and the other way round."""

    def __init__(self) -> None:
        self._turn = asyncio.Condition()
        self._followed, self._is_moving = 0, False

    @asynccontextmanager
    async def stays(self) -> AsyncIterator[None]:
        async with self._turn:
            await self._turn.wait_for(lambda: not self._is_moving)
            self._followed += 1
        try:
            yield
        finally:
            self._followed -= 1
            await self._tell()

    @asynccontextmanager
    async def moves(self) -> AsyncIterator[None]:
        async with self._turn:
            await self._turn.wait_for(lambda: not self._is_moving and not self._followed)
            self._is_moving = True
        try:
            yield
        finally:
            self._is_moving = False
            await self._tell()

    async def _tell(self) -> None:
        async with self._turn:
            self._turn.notify_all()


class Replacing:
    """`identity`: of the meter in a place, counted from 0, now."""

    def __init__(
        self,
        count: int,
        cohorts: Sequence[Cohort],
        clock: Clockwork,
        pushes: Pushes,
        identity: Callable[[int], Identity],
    ) -> None:
        self._count, self._cohorts, self._clock, self._pushes = count, cohorts, clock, pushes
        self._identity = identity
        self._following = asyncio.Lock()  # one order after the other: each means whom the one before has left
        self._tenancy = _Tenancy()

    def serial(self, place: int) -> str:
        return self._identity(place).serial

    def numbered(self, meters: str) -> str:
        """Words for meters, without serial numbers."""
        return in_numbers(meters, self._count, self.serial)

    def by_number(self, orders: Mapping[str, Follow]) -> Mapping[str, Follow]:
        """The same orders, which need not know of serial numbers any more, and `replace`."""
        return {name: self._by_number(follow) for name, follow in orders.items()} | {"replace": self._follow}

    def _by_number(self, follow: Follow) -> Follow:
        async def followed(order: Mapping[str, Any]) -> Mapping[str, Any]:
            meters = str(order.get("meters") or "")
            if not places_by_serial(meters, self._count):
                return await follow(order)
            async with self._tenancy.stays():
                await self._know()
                return await follow({**order, "meters": self.numbered(meters)})

        return followed

    async def _know(self) -> None:
        """Whether a replacement came about whose write has failed, the store says. Raises StoreUnavailable."""
        for cohort in [one for one in self._cohorts if one.is_in_doubt]:
            await story.bring(cohort, self._clock.now_ms())

    async def _follow(self, order: Mapping[str, Any]) -> Mapping[str, Any]:
        """`{"meters": "1-20", "reading_wh": 0}`: how many were replaced, and by which, as many as can be told; and
        `refused`, why the others were not."""
        reading_wh = int(order.get("reading_wh") or 0)
        if not 0 <= reading_wh <= _MOST_WH:
            raise UserError(f"a register begins at 0 to {_MOST_WH // 1000:,} kWh, not at {reading_wh / 1000:g}")
        async with self._following:
            await self._know()
            places = parse_meters(self.numbered(order["meters"]), self._count, self._place)
            return await self._replaced(places, places_by_serial(order["meters"], self._count), reading_wh)

    async def _replaced(self, places: Collection[int], by_serial: Sequence[int], reading_wh: int) -> Mapping[str, Any]:
        before, done = {place: self.serial(place) for place in places}, list[int]()
        meant = {place: before[place] for place in by_serial}
        try:
            await self._move(places, reading_wh, done, meant)
            refused = f": {MAX_GENERATION + 1} meters were there before, and there are numbers for no more"
        except (UserError, StoreError) as error:
            if not done:
                raise
            refused = f", as far as is known now: {error}"
        told = [{"was": before[place], "is": self.serial(place)} for place in sorted(done)[:_TOLD]]
        answer = {"meters": len(done), "replaced": told}
        left = len(places) - len(done)
        if left and not done:
            raise UserError(f"not in {counted(left, 'place')}{refused}")
        return answer | {"refused": f"not in {counted(left, 'place')}{refused}"} if left else answer

    def _place(self, number: str) -> int | None:
        """Of a meter's number from 1; serial numbers have become numbers before."""
        return int(number) - 1 if is_number(number) and 1 <= int(number) <= self._count else None

    async def replace(self, places: Collection[int], *, reading_wh: int = 0) -> int:
        """Other meters in these places from now on, in so many of them. Raises StoreUnavailable."""
        done = list[int]()
        await self._move(places, reading_wh, done, {})
        return len(done)

    async def _move(self, places: Collection[int], reading_wh: int, done: list[int], meant: Mapping[int, str]) -> None:
        """Adds to `done` as it goes; `meant`: serial numbers that some of them must have still."""
        for cohort, rows in parts_of(self._cohorts, places):
            await self._pushes.part(cohort, rows)
            async with self._tenancy.moves():
                here = range(cohort.first, cohort.first + len(cohort.identities))
                if gone := [place for place, serial in meant.items() if place in here and self.serial(place) != serial]:
                    raise UserError(f"meter {gone[0] + 1} is {self.serial(gone[0])} by now")
                moved = await replace(cohort, rows, self._clock.now_ms(), reading_wh=reading_wh)
            done += (moved + cohort.first).tolist()
