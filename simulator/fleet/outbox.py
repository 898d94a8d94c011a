# SPDX-License-Identifier: MIT
"""Pushes on their way: sealed, sent, retried, given up; every attempt is told to the journal.

Bounded. While the attempts of an instant are under way, simulated time does not pass that instant by more than a few
seconds, so that what comes of them does not depend on its speed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import islice

from simulator.dlms.push import Confirmation, Link, covered, framed
from simulator.errors import StoreError, StoreUnavailable
from simulator.fleet.clockwork import Clockwork, Hold
from simulator.fleet.push_journal import Journal
from simulator.fleet.push_links import Crossing, PushLine, PushLinks
from simulator.fleet.sender import STOPPED, Order, Sender
from simulator.meter.cohort import Cohort
from simulator.meter.guard import Guard
from simulator.meter.identity import Identity
from simulator.meter.push.body import Cells, body_of
from simulator.meter.push.confirmations import Confirmed, is_due
from simulator.meter.push.setup import ACKNOWLEDGED_METHOD, Destination, PushSetup
from simulator.values import MS_PER_SECOND
from simulator.wire.ciphering import required
from simulator.wire.notification import CONFIRMED, INVOKE_ID_MASK, DataNotification
from simulator.world.kernel import Priority

log = logging.getLogger(__name__)

ROOM = 100_000  # pushes being sent or waiting to be sent again
_HELD_MS = 10 * MS_PER_SECOND
_PATIENCE_S = 30.0  # by the wall clock: a head-end that is out of reach does not stop the fleet's time for longer
REPLACED = "the meter was replaced"
UNPOWERED = "the meter is without power"
_SUPERSEDED = "a newer push has taken its place"
_SETUPS = 16  # how many pushes of different setups within one second get invoke ids of their own


@dataclass(eq=False, slots=True)
class Push:
    """One push of one meter, through all its attempts."""

    cohort: Cohort
    row: int
    meter: Identity
    setup: PushSetup
    cells: Cells
    at_ms: int  # the instant of the attempt
    trigger: str  # of sim.push_history
    schedule: bytes = b""  # logical name
    alarms: tuple[int, ...] = ()
    repeats: int = 0  # 1: it may have gone out before a restart
    is_confirmed: bool = False  # whether it asks for a confirmation
    attempt: int = 0
    control: int = 0  # security control of the attempt
    apdu: bytes = b""
    is_superseded: bool = False
    crossing: Crossing | None = None  # of the attempt, if its meter or its link has a fault

    @property
    def retries_left(self) -> int:
        return self.setup.retries - self.attempt

    @property
    def delay_ms(self) -> int:
        """Until the next attempt."""
        return self.setup.repetition.delay_s(self.attempt) * MS_PER_SECOND

    @property
    def link_ms(self) -> int:
        return self.crossing.link_ms if self.crossing is not None else 0

    @property
    def remark(self) -> str | None:
        """What faults did to the attempt."""
        return self.crossing.remark if self.crossing is not None else None

    @property
    def is_there(self) -> bool:
        """No other meter has come into its place."""
        return self.cohort.identities[self.row] is self.meter

    @property
    def place(self) -> tuple[str, int, bytes]:
        return self.cohort.name, self.row, self.setup.logical_name


@dataclass(eq=False, slots=True)
class _Batch:
    """Attempts of one instant."""

    under_way: int
    hold: Hold | None = None
    patience: asyncio.TimerHandle | None = None


class Outbox:
    def __init__(
        self,
        clock: Clockwork,
        journal: Journal,
        sources: Callable[[Cohort], Sequence[str | None]],
        links: PushLinks,
        *,
        is_confirmed: bool = False,
        room: int = ROOM,
    ) -> None:
        """`sources`: the addresses of a cohort's meters. `is_confirmed`: every push asks for a confirmation, whatever
        its setup says."""
        self.room = room  # for pushes that are being sent or wait to be sent again
        self._clock, self._journal = clock, journal
        self._sources, self._links = cache(sources), links
        self._is_confirmed = is_confirmed
        self._sender = Sender()
        self._held = 0
        self._sending: set[Push] = set()  # whose attempts have not come to their end
        self._latest: dict[tuple[str, int, bytes], Push] = {}  # scheduled pushes that are not over: of each setup one
        self._again: dict[int, list[Push]] = {}  # by instant
        self._unsent: dict[tuple[Cohort, int], None] = {}  # meters whose alarms could not go out for a while
        self._is_closed = False
        self._landed = asyncio.Event()

    @property
    def under_way(self) -> int:
        """Attempts that have not come to their end."""
        return len(self._sending)

    async def landed(self, concerns: Callable[[Push], bool] = lambda push: True) -> None:
        """Until no attempt is under way, or none of those; what waits to be sent again is not waited for."""
        while any(concerns(push) for push in self._sending):
            self._landed.clear()
            await self._landed.wait()

    async def close(self) -> list[int]:
        """What waits is cancelled; alarms stay open and go out at the next start. Returns those that nobody can have
        heard of yet."""
        self._is_closed = True
        await self._sender.close()
        waiting = [push for pushes in self._again.values() for push in pushes if not push.is_superseded]
        for push in waiting:
            self._journal.cancelled(push, STOPPED)
        self._again.clear()
        return [alarm for push in waiting if not push.is_confirmed for alarm in push.alarms]

    async def part(self, cohort: Cohort, rows: set[int]) -> None:
        """These meters are taken away: what is under way comes to its end, what waits to be sent again never is."""
        await self.landed(lambda push: push.cohort is cohort and push.row in rows)
        waiting = [push for pushes in self._again.values() for push in pushes if not push.is_superseded]
        for push in waiting:
            if push.cohort is cohort and push.row in rows:
                push.is_superseded = True
                self._give_up(push, REPLACED)

    async def post(self, pushes: Sequence[Push]) -> None:
        """New pushes, all of one instant, in whose kernel event this happens."""
        room = max(self.room - self._held, 0)
        for push in pushes[room:]:
            self._journal.cancelled(push, "the outbox is full")
            self.keep_in_mind(push)
        self._held += len(pushes[:room])
        for push in pushes[:room]:
            push.is_confirmed = self._is_confirmed or (push.setup.is_confirmed and _is_due(push))
            self._supersede(push)
        await self._attempt(pushes[:room])

    def keep_in_mind(self, push: Push) -> None:
        """It could not go out for a while: its alarms may later."""
        if push.alarms:
            self.put_back([(push.cohort, push.row)])

    def put_back(self, meters: Iterable[tuple[Cohort, int]]) -> None:
        self._unsent.update(dict.fromkeys(meters))

    def take_unsent(self) -> list[tuple[Cohort, int]]:
        """Meters whose alarms may try again, as many as there is room for."""
        free = max(self.room - self._held, 0)
        chosen = list(islice(self._unsent, free))
        for meter in chosen:
            del self._unsent[meter]
        return chosen

    def _supersede(self, push: Push) -> None:
        """A newer push on schedule takes the place of an older one: what waits is not sent again, what is on the wire
        has its last attempt."""
        if not push.schedule:
            return
        older = self._latest.get(push.place)
        self._latest[push.place] = push
        if older is not None:
            older.is_superseded = True
            if older not in self._sending:
                self._give_up(older, _SUPERSEDED)

    # -- attempts -----------------------------------------------------------------------------------------------

    async def _attempt(self, pushes: Sequence[Push]) -> None:
        ready = await self._reserved(pushes)
        batch = _Batch(0)
        orders = {push: order for push in ready if (order := self._order(push, batch)) is not None}
        if not orders:
            return
        batch.under_way = len(orders)
        held_ms = _HELD_MS + max(push.link_ms for push in ready)  # a slow link does not stop the time of others
        limit_ms = min(min(push.delay_ms, held_ms) if push.retries_left else held_ms for push in ready)
        batch.hold = self._clock.hold(ready[0].at_ms + limit_ms - 1)  # retries are put before others of their instant
        batch.patience = asyncio.get_running_loop().call_later(_PATIENCE_S, self._clock.release, batch.hold)
        self._sending |= orders.keys()
        for order in orders.values():
            self._sender.send(order)

    async def _reserved(self, pushes: Sequence[Push]) -> list[Push]:
        """Those whose invocation counters are safe from a restart, or that use none."""
        protected: dict[Cohort, list[Push]] = {}
        for push in pushes:
            push.control = required(_guard(push).policy) | push.setup.control
            if push.control:
                protected.setdefault(push.cohort, []).append(push)
        unsafe: set[Push] = set()
        for cohort, own in protected.items():
            try:
                await cohort.vault.reserve_sent({push.row for push in own})
            except StoreUnavailable:
                unsafe.update(own)
            except StoreError:
                log.exception("invocation counters could not be made safe")
                unsafe.update(own)
        for push in unsafe:
            self._give_up(push, "no invocation counter could be made safe in the store")
            self.keep_in_mind(push)
        left = [push for push in pushes if push not in unsafe] if unsafe else pushes
        for push in left:
            if not push.is_there:
                self._give_up(push, REPLACED)
        return [push for push in left if push.is_there]

    def _order(self, push: Push, batch: _Batch) -> Order | None:
        """The push sealed and framed; None if its frame cannot be made."""
        setup, guard = push.setup, _guard(push)
        assert setup.destination is not None
        line = self._links.line_of(push.cohort.first + push.row) if setup.destination.is_line else None
        if setup.destination.is_line and (why := _unspeakable(push, line)):
            self._give_up(push, why)
            return None
        invoke = _invoke_id(push) | (CONFIRMED if push.is_confirmed else 0)
        crossing = push.crossing = self._crossing(push, setup.destination)
        protection = guard if crossing is None else crossing.protection(guard)
        body = body_of(push.cells) if crossing is None else crossing.body(body_of(push.cells))
        push.apdu = covered(DataNotification(invoke, b"", body), protection, push.control)
        link = Link.HDLC if setup.destination.is_hdlc else Link.WRAPPER
        own = (line.server, line.information) if line is not None else ()
        frame = framed(push.apdu, setup.client, link, *own)
        if frame is None:
            self._give_up(push, f"{len(push.apdu)} octets are too long for one frame of the {link.value}")
            return None
        if crossing is not None:
            crossing.leave(frame)
        confirmation = Confirmation(invoke, link, guard, push.control) if push.is_confirmed else None
        source = self._sources(push.cohort)[push.row]
        ended = partial(self._ended, push, batch)
        acknowledged = setup.method == ACKNOWLEDGED_METHOD
        return Order(frame, setup.destination, source, confirmation, ended, acknowledged, crossing, line)

    def _crossing(self, push: Push, destination: Destination) -> Crossing | None:
        meter, setup = push.cohort.first + push.row, push.setup.logical_name
        return self._links.crossing(meter, setup, push.at_ms, reliable=destination.is_stream)

    def _ended(self, push: Push, batch: _Batch, why: str | None) -> None:
        try:
            self._settle(push, why)
        finally:
            self._land(push, batch)

    def _settle(self, push: Push, why: str | None) -> None:
        if why is None:
            self._over(push)
            self._journal.delivered(push)
        elif self._is_closed:
            self._over(push)
            self._journal.cancelled(push, STOPPED)
        elif push.retries_left and is_powered(push) and not push.is_superseded:
            self._journal.failed(push, why, is_last=False)
            self._retry(push)
        else:
            self._over(push)
            self._journal.failed(push, f"{why}; {_SUPERSEDED}" if push.is_superseded else why, is_last=True)

    def _land(self, push: Push, batch: _Batch) -> None:
        self._sending.discard(push)
        self._landed.set()
        batch.under_way -= 1
        if not batch.under_way and batch.hold is not None and batch.patience is not None:
            self._clock.release(batch.hold)
            batch.patience.cancel()

    def _over(self, push: Push) -> None:
        self._held -= 1
        if push.schedule and self._latest.get(push.place) is push:
            del self._latest[push.place]

    def _give_up(self, push: Push, why: str) -> None:
        self._over(push)
        self._journal.cancelled(push, why)

    # -- retries ------------------------------------------------------------------------------------------------

    def _retry(self, push: Push) -> None:
        push.at_ms = max(push.at_ms + push.delay_ms, self._clock.instant_ms)
        push.attempt += 1
        if push.at_ms not in self._again:
            self._again[push.at_ms] = []
            self._clock.schedule(push.at_ms, Priority.PUSH, partial(self._once_more, push.at_ms))
        self._again[push.at_ms].append(push)

    def _once_more(self, instant_ms: int) -> Awaitable[None]:
        pushes = [push for push in self._again.pop(instant_ms, ()) if not push.is_superseded]
        for push in pushes:
            if not is_powered(push):
                self._give_up(push, UNPOWERED)
        return self._attempt([push for push in pushes if is_powered(push)])


def is_powered(push: Push) -> bool:
    return bool(push.cohort.columns.powered[push.row])


def _unspeakable(push: Push, line: PushLine | None) -> str | None:
    """Why it can never go along the meter's own line."""
    if line is None:
        return "the meter is on no serial line"
    return "nobody can confirm a push along a serial line" if push.is_confirmed else None


def _is_due(push: Push) -> bool:
    local_s = push.cohort.clock_ms_at(push.row, push.at_ms) // MS_PER_SECOND
    return is_due(Confirmed(push.cohort, push.row, push.setup.logical_name, local_s), push.setup)


def _guard(push: Push) -> Guard:
    return Guard(push.cohort, push.row, push.setup.client)


def _invoke_id(push: Push) -> int:
    """A function of instant and setup, so that a meter's octets are the same in a fleet of any size."""
    seconds = push.at_ms // MS_PER_SECOND
    return (seconds * _SETUPS + push.setup.logical_name[1] % _SETUPS) & INVOKE_ID_MASK
