# SPDX-License-Identifier: MIT
"""What a cohort's meters keep for their security: keys that differ from the seed's, invocation counters, failed logins.

Counters are written ahead in leaps, so that a ciphered answer rarely waits for the store and a restart never uses or
accepts one twice. Keys are never logged.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from simulator.meter.identity import Given
from simulator.store.database import Store
from simulator.store.rows import CounterRow
from simulator.values import MS_PER_SECOND
from simulator.wire.ciphering import MAX_COUNTER

UNICAST, BROADCAST = "unicast", "broadcast"
METER = 0  # in the place of a client: what the meter itself sends
_LEAP, _LONGEST_LEAP = 256, 65_536
_OWN_LEAP = 65_536  # of what the meter sends: nobody has to follow it after a restart
_FARTHER = 4  # times, for as long as a client keeps asking: the more it asks, the less it waits for the store
MARGIN = 64  # counters of the meter that must be safe before an APDU is taken up: one for each connection, and room
_MOST_REFUSED = 10_000  # that wait for the store
_PATIENCE = 5  # failed logins in a row
_LOCKED_MS = 30 * MS_PER_SECOND


class Series:
    """`next`: the lowest counter that is good now; `safe`: the lowest after a restart, as the store knows it."""

    __slots__ = ("beginnings", "busy", "leap", "next", "safe")

    def __init__(self) -> None:
        self.busy = False  # used since the last look
        self.beginnings = 0
        self.begin(0)

    def begin(self, lowest: int) -> None:
        self.beginnings += 1
        self.next = self.safe = lowest
        self.leap = _LEAP

    def take(self, counter: int) -> None:
        self.next = counter + 1
        self.busy = True

    def reserved(self, lowest: int) -> None:
        self.safe = lowest
        self.leap = min(self.leap * _FARTHER, _LONGEST_LEAP)

    def settled(self) -> None:
        """From now on the next use must reserve again."""
        self.safe, self.leap = self.next, _LEAP


@dataclass(slots=True)
class Failures:
    count: int = 0
    locked_until_ms: int = 0


@dataclass(slots=True)
class RefusedLogin:
    """An event that is still to be written."""

    row: int
    meter: UUID
    at_ms: int
    count: int = -1  # of the meter's log before a write of which nobody knows what became


SeriesKey = tuple[int, int, str]  # row, client, key
KeyWatch = Callable[[int, int, bytes], None]  # row, client, dedicated key or nothing


class Vault:
    def __init__(self, store: Store, ids: list[UUID]) -> None:
        self._store, self._ids = store, list(ids)
        self.version = 0  # another number after each change of a key
        self._given: dict[int, dict[tuple[int, str], bytes]] = {}  # by row
        self._series: dict[SeriesKey, Series] = {}
        self._ahead: set[SeriesKey] = set()  # clients' series whose safe counter is ahead of the next
        self._failures: dict[tuple[int, int], Failures] = {}
        self.refused: deque[RefusedLogin] = deque()
        self.on_key: KeyWatch | None = None  # hears of keys that clients change or make
        self._waiting: set[tuple[int, int]] = set()  # rows and clients whose counters are to be written next
        self._writing = asyncio.Lock()  # so that a lower counter is never written over a higher one

    def given(self, row: int) -> Given:
        return self._given.get(row, {})

    def put_key(self, row: int, client: int, name: str, key: bytes) -> None:
        self._given.setdefault(row, {})[client, name] = key
        self.version += 1
        self.tell(row, client)

    def forget(self, ids: Mapping[int, UUID]) -> None:
        """Other meters are in these rows: with keys of their own, and counters that begin at zero."""
        for row, meter in ids.items():
            self._ids[row] = meter
            self._given.pop(row, None)
        self._series = {place: one for place, one in self._series.items() if place[0] not in ids}
        self._failures = {place: one for place, one in self._failures.items() if place[0] not in ids}
        self._ahead = {place for place in self._ahead if place[0] not in ids}
        self.version += 1

    def tell(self, row: int, client: int, dedicated: bytes = b"") -> None:
        """A client's keys are others now, or it has made a key for one association."""
        if self.on_key is not None:
            self.on_key(row, client, dedicated)

    def series(self, row: int, client: int, key: str = UNICAST) -> Series:
        found = self._series.get((row, client, key))
        if found is None:
            found = self._series[row, client, key] = Series()
        return found

    def peek(self, row: int, client: int) -> int:
        """The lowest counter that is accepted; looking costs no memory."""
        found = self._series.get((row, client, UNICAST))
        return found.next if found else 0

    def restore(self, row: int, stored: CounterRow) -> None:
        self.series(row, stored.client, stored.key).begin(stored.lowest)

    def start_anew(self, row: int, client: int, key: str) -> None:
        """With a new key the counters under it begin at zero (Green Book 9.2.3.3)."""
        self.series(row, client, key).begin(0)

    # -- counters -----------------------------------------------------------------------------------------------

    def is_reserved(self, row: int, client: int) -> bool:
        sent = self._series.get((row, METER, UNICAST))
        if sent is None or sent.next + MARGIN > sent.safe:
            return False
        for key in (UNICAST, BROADCAST):
            found = self._series.get((row, client, key))
            if found is not None and found.next > found.safe:
                return False
        return True

    async def reserve(self, row: int, client: int) -> None:
        """Raises StoreUnavailable with nothing made safe. Who waits while another one's are written goes with the
        next that are, all at once."""
        self._waiting.add((row, client))
        async with self._writing:
            if self.is_reserved(row, client):
                return
            due: dict[SeriesKey, int] = {}
            for waiting in {*self._waiting, (row, client)}:
                due.update(self._due(*waiting))
            self._waiting.clear()
            series = {place: self._series[place] for place in due}
            begun = {place: one.beginnings for place, one in series.items()}
            await self._write(due)
            if anew := {place for place, one in series.items() if one.beginnings != begun[place]}:
                await self._write({place: series[place].next for place in anew})  # a new key came meanwhile
            for place in due.keys() - anew:
                series[place].reserved(due[place])
                if place[1] != METER and self._series.get(place) is series[place]:
                    self._ahead.add(place)

    async def reserve_sent(self, rows: Iterable[int]) -> None:
        """Counters for what many meters are about to send, in one write. Raises StoreUnavailable with nothing made
        safe."""
        async with self._writing:
            sent = ((row, self.series(row, METER)) for row in rows)
            short = {(row, METER, UNICAST): one for row, one in sent if one.next + MARGIN > one.safe}
            due = {place: one.next + _OWN_LEAP for place, one in short.items()}
            await self._write(due)
            for place, lowest in due.items():
                short[place].safe = lowest

    def _due(self, row: int, client: int) -> dict[SeriesKey, int]:
        """Of the meter's own series and the client's: how far they will be safe."""
        if self.is_reserved(row, client):
            return {}
        sent = self.series(row, METER)
        due = {(row, METER, UNICAST): sent.next + _OWN_LEAP}
        for key in (UNICAST, BROADCAST):
            found = self._series.get((row, client, key))
            if found is not None and found.next > found.safe:
                due[row, client, key] = min(found.next + found.leap, MAX_COUNTER + 1)
        return due

    async def settle(self, *, all_of_them: bool = False) -> None:
        """Write the exact counters of clients that have fallen silent, so that a restart asks no leap of them."""
        quiet = {place for place in self._ahead if all_of_them or not self._series[place].busy}
        for place in self._ahead - quiet:
            self._series[place].busy = False
        if not quiet:
            return
        async with self._writing:
            quiet &= self._series.keys()  # other meters may have moved in while this one waited
            due = {place: self._series[place].next for place in quiet}
            for place in quiet:
                self._series[place].settled()
            self._ahead -= quiet
            await self._write(due)

    async def _write(self, due: dict[SeriesKey, int]) -> None:
        if due:
            await self._store.put_counters(
                [CounterRow(self._ids[row], client, key, lowest) for (row, client, key), lowest in due.items()]
            )

    # -- logins -------------------------------------------------------------------------------------------------

    def is_locked(self, row: int, client: int, now_ms: int) -> bool:
        found = self._failures.get((row, client))
        return found is not None and now_ms < found.locked_until_ms

    def login(self, row: int, client: int, now_ms: int, *, granted: bool) -> None:
        """After five failures in a row each further one locks the client out for half a minute of the meter's time."""
        if granted:
            self._failures.pop((row, client), None)
            return
        found = self._failures.setdefault((row, client), Failures())
        if len(self.refused) < _MOST_REFUSED:
            self.refused.append(RefusedLogin(row, self._ids[row], now_ms))
        found.count += 1
        if found.count >= _PATIENCE:
            found.locked_until_ms = now_ms + _LOCKED_MS
