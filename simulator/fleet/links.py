# SPDX-License-Identifier: MIT
"""The links of a fleet's meters: who calls gets a session, with the faults that the meters and the way to them have.

Faults are set and cleared while the fleet runs; connections that are open take part from their next message on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from simulator.dlms.session import Session
from simulator.faults import course
from simulator.faults.book import Book, Series, Standing, Turn, described
from simulator.faults.parse import Setting, faults_in, faults_of
from simulator.fleet.clockwork import Clockwork
from simulator.fleet.connection import Connection
from simulator.fleet.delays import Delays
from simulator.fleet.faulty import FaultyLink
from simulator.fleet.listen import Listen
from simulator.fleet.selection import Meters, in_words, parse_meters
from simulator.fleet.sessions import (
    OnLine,
    Residents,
    meter_behind,
    meters_at,
    session_at,
    session_of_caller,
    session_on_line,
)
from simulator.ports import LogicalDevice

_MOST_TOLD = 25  # faults in one answer: a notification of PostgreSQL has at most 8,000 octets
Witness = Callable[[int, LogicalDevice], LogicalDevice]
"""Who stands between a meter, by its number from 0, and its clients, before all faults."""


class Links:
    """`connections`: all that are open."""

    def __init__(
        self,
        residents: Residents,
        connections: set[Connection],
        clock: Clockwork,
        *,
        seed: int,
        witness: Witness | None = None,
    ) -> None:
        self.residents, self._connections, self._clock = residents, connections, clock
        self._witness = witness
        self.book = Book(seed, lambda meter: residents.identity(meter).serial, clock.now_ms)
        self.listened: Callable[[Connection, int], None] | None = None  # hears of servers that clients listen to
        self._on_ways: dict[Listen, list[Standing]] = {}

    # -- who calls ----------------------------------------------------------------------------------------------

    def session(self, listen: Listen, connection: Connection, host: str, port: int) -> Session | None:
        """At a network place; None: nobody lives there, or is not to be reached now."""
        session = session_at(self.residents, listen, host, port)
        if session is None:
            return None
        self._lead(connection, session, listen, (host, port))
        if self._is_concerned(connection):
            if not self._admits(connection):
                connection.reset()
                return None
            self._stand_in(connection, session)
        return session

    def session_on_line(self, listen: Listen, connection: Connection, line: int) -> OnLine:
        found = session_on_line(self.residents, listen, line)
        self._lead(connection, found.session, listen, ("", line))
        if self._is_concerned(connection):
            self._stand_in(connection, found.session)
        return found

    def session_of_caller(self, listen: Listen, connection: Connection, index: int) -> Session:
        session = session_of_caller(self.residents, listen, index)
        self._lead(connection, session, listen, ("", index))
        if self._is_concerned(connection):
            self._stand_in(connection, session)
        return session

    def _lead(self, connection: Connection, session: Session, way: Listen, called: tuple[str, int]) -> None:
        connection.way, connection.called = way, called
        if self.listened is not None:
            session.expect_listeners(partial(self.listened, connection))

    # -- faults -------------------------------------------------------------------------------------------------

    def is_clean(self, meter: int, way: Listen | None) -> bool:
        """The meter has no fault, and this way has none."""
        if way and way.faults:
            return False
        return self.book.is_empty or not self.book.concerns(range(meter, meter + 1))

    def turns_of(self, meter: int, way: Listen | None, series: Series) -> list[Turn]:
        """For what a meter does by itself."""
        return self.book.turns(meter, self._of_way(way) if way else (), series=series)

    def set(
        self, meters: Meters, settings: Iterable[Setting], *, for_ms: int | None = None, of_model: bool = False
    ) -> list[int]:
        """Numbers by which `clear` finds them again."""
        numbers = self.book.set(meters, settings, for_ms=for_ms, of_model=of_model)
        for connection in self._connections:
            if connection.session is not None and self._is_concerned(connection):
                self._stand_in(connection, connection.session)
        return numbers

    def clear(self, meters: Meters, numbers: Sequence[int] | None = None) -> int:
        """All faults of these meters, or those of these numbers; how many that were."""
        return self.book.clear(meters, numbers)

    async def follow(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """The order `link`: clear, set, and tell what there is."""
        count = self.residents.count
        meters = parse_meters(str(order.get("meters", "all")), count, self.residents.named)
        if order.get("clear"):
            self.clear(meters)
        if faults := order.get("faults"):
            self.set(meters, understood(faults))
        wanted = frozenset(meters)
        standing = [one for one in self.book.all() if not wanted.isdisjoint(one.meters)]
        told = [{"meters": in_words(one.meters, count), **described(one)} for one in standing[:_MOST_TOLD]]
        return {"faults": told, "more": len(standing) - len(told)}

    def _is_concerned(self, connection: Connection) -> bool:
        """The usual case, no fault anywhere, costs a caller nothing. A witness must stand before faults to come."""
        assert connection.way is not None
        if connection.way.faults or self._witness is not None:
            return True
        return not self.book.is_empty and self.book.concerns(self._meters(connection))

    def _meters(self, connection: Connection) -> range:
        """Whom a connection leads to."""
        if connection.meters is None:
            assert connection.way is not None
            connection.meters = meters_at(self.residents, connection.way, *connection.called)
        return connection.meters

    def meter_of(self, connection: Connection, server: int) -> int:
        """By its number from 0, whom a server's number means on a connection; -1 if nobody."""
        assert connection.way is not None
        return meter_behind(connection.way, self._meters(connection), server)

    def _of_way(self, way: Listen) -> list[Standing]:
        """What the link profile of a --listen does to all who use it."""
        if way not in self._on_ways:
            everybody = range(self.residents.count)
            settings = [Setting(fault, f"{{link: {way.link}}}") for fault in way.faults]
            self._on_ways[way] = [self.book.standing(everybody, setting) for setting in settings]
        return self._on_ways[way]

    def _admits(self, connection: Connection) -> bool:
        """Behind a port of many meters nobody can tell yet whom a caller wants; and UDP has no connections."""
        way, meters = connection.way, self._meters(connection)
        assert way is not None
        if len(meters) != 1 or not _is_reliable(connection):
            return True

        def others() -> int:
            return sum(_is_reliable(other) and self._meters(other) == meters for other in self._connections)

        return course.admits(self.book.turns(meters[0], self._of_way(way)), others)

    def _stand_in(self, connection: Connection, session: Session) -> None:
        """Once for each connection; which faults there are is asked at every message."""
        if connection.is_faulty:
            return
        way, meters = connection.way, self._meters(connection)
        assert way is not None
        connection.is_faulty, of_way = True, self._of_way(way)
        FaultyLink(
            lambda meter: self.book.turns(meter, of_way),
            lambda server: meter_behind(way, meters, server),
            Delays(connection, lambda: self._clock.speed),
            alone=meters[0] if len(meters) == 1 and _is_hdlc(way) else None,
            reliable=_is_reliable(connection),
        ).stand_in(session)
        if (witness := self._witness) is not None:
            session.interpose(
                lambda framing: framing, lambda server, device: witness(meter_behind(way, meters, server), device)
            )


def _is_hdlc(way: Listen) -> bool:
    """It has frames that carry no APDU, and a link can lose those too."""
    return way.framing in ("hdlc", "serial") or way.dials_hdlc


def _is_reliable(connection: Connection) -> bool:
    return connection.way is not None and connection.way.framing != "udp"


def understood(faults: Any) -> list[Setting]:
    """Of an order: mappings, or texts of them."""
    entries = faults if isinstance(faults, list) else [faults]
    parsed = [faults_in(entry) if isinstance(entry, str) else faults_of(entry) for entry in entries]
    return [setting for settings in parsed for setting in settings]
