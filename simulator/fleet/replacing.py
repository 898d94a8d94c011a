# SPDX-License-Identifier: MIT
"""Meters of a running fleet are replaced by others; whoever names one by its serial number means the one there now."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from simulator.errors import UserError
from simulator.fleet.clockwork import Clockwork
from simulator.fleet.control import Follow
from simulator.fleet.pushes import Pushes
from simulator.fleet.selection import in_numbers, parse_meters, parts_of
from simulator.meter.cohort import Cohort
from simulator.meter.identity import MAX_GENERATION, Identity
from simulator.meter.replacement import replace
from simulator.values import counted

_TOLD = 50  # serial numbers in one answer: a notification of PostgreSQL has at most 8,000 octets
_MOST_WH = 10**9 * 1000  # registers have room for more


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

    def serial(self, place: int) -> str:
        return self._identity(place).serial

    def numbered(self, meters: str) -> str:
        """Words for meters, without serial numbers."""
        return in_numbers(meters, self._count, self.serial)

    def by_number(self, orders: Mapping[str, Follow]) -> Mapping[str, Follow]:
        """The same orders, which need not know of serial numbers any more."""
        return {name: self._by_number(follow) for name, follow in orders.items()}

    def _by_number(self, follow: Follow) -> Follow:
        async def followed(order: Mapping[str, Any]) -> Mapping[str, Any]:
            meters = order.get("meters")
            return await follow({**order, "meters": self.numbered(str(meters))} if meters else order)

        return followed

    async def follow(self, order: Mapping[str, Any]) -> Mapping[str, Any]:
        """`{"meters": "1-20", "reading_wh": 0}`: how many were replaced, and by which, as many as can be told."""
        places = parse_meters(self.numbered(order["meters"]), self._count, self._place)
        reading_wh = int(order.get("reading_wh") or 0)
        if not 0 <= reading_wh <= _MOST_WH:
            raise UserError(f"a register begins at 0 to {_MOST_WH // 1000:,} kWh, not at {reading_wh / 1000:g}")
        before = {place: self.serial(place) for place in sorted(places)[:_TOLD]}
        done = await self.replace(places, reading_wh=reading_wh)
        if done < len(places):
            refused = counted(len(places) - done, "place")
            raise UserError(f"{refused} have had {MAX_GENERATION + 1} meters, and there are numbers for no more")
        told = [{"was": was, "is": self.serial(place)} for place, was in before.items()]
        return {"meters": done, "replaced": told}

    def _place(self, number: str) -> int | None:
        """Of a meter's number from 1; serial numbers have become numbers before."""
        return int(number) - 1 if number.isdecimal() and 1 <= int(number) <= self._count else None

    async def replace(self, places: Collection[int], *, reading_wh: int = 0) -> int:
        """Other meters in these places from now on, in so many of them. Raises StoreUnavailable."""
        done = 0
        for cohort, rows in parts_of(self._cohorts, places):
            await self._pushes.part(cohort, rows)
            done += len(await replace(cohort, rows, self._clock.now_ms(), reading_wh=reading_wh))
        return done
