# SPDX-License-Identifier: MIT
"""All places of a fleet at which meters are reached: opened together, kept going, closed together.

What cannot be opened is reported and skipped. It knows sockets and lines, and no meter but by its number.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from functools import partial

from simulator.dlms.mode_e_link import LineSpeed, ModeELink
from simulator.dlms.session import Session
from simulator.errors import UserError
from simulator.fleet.callers import Callers
from simulator.fleet.capture import Capture
from simulator.fleet.captured import CapturedConnection, Tapes, line_tapes, network_tapes
from simulator.fleet.connection import Connection, SessionAt, monotonic_ms
from simulator.fleet.datagrams import DatagramPort
from simulator.fleet.dialling import Caller, Diallers
from simulator.fleet.links import Links
from simulator.fleet.listen import A_CALL, MANAGEMENT, Listen, Spread
from simulator.fleet.push_links import PushLine
from simulator.fleet.refusals import Refusals
from simulator.fleet.serial_lines import OpenLine, SerialTransport, open_device, open_pseudo_terminal
from simulator.fleet.sessions import meters_on
from simulator.fleet.sockets import open_sockets
from simulator.wire.hdlc import Address

log = logging.getLogger(__name__)

_ONE_OCTET = 0x7F  # of an HDLC address: seven bits
_REACTION_S = 0.2  # a meter waits so long before it speaks in the sign-on (IEC 62056-21 6.3.13)


class Listeners:
    """`listens` tells the devices of pseudo-terminals, which are made at once; `open` begins to serve.

    `capture` keeps what goes over all of them.
    """

    def __init__(
        self,
        listens: Sequence[Listen],
        links: Links,
        connections: set[Connection],
        callers: Callers,
        capture: Capture | None = None,
    ) -> None:
        self._links, self._connections, self._capture = links, connections, capture
        self._callers = callers
        self._calls = Diallers(callers, links.residents, self._caller, self._own_address)
        self._servers: list[asyncio.Server] = []
        self._ports: list[DatagramPort] = []
        self._is_open = False
        self._lines: list[Line] = []
        self._opened: list[tuple[Listen, int, OpenLine]] = []
        self._refused: list[Refusals] = []
        self.listens = [self._with_lines(listen) if listen.framing == "serial" else listen for listen in listens]

    async def open(self) -> int:
        """How many places are open; UserError if none is."""
        for listen in self.listens:
            if listen.framing not in ("dial", "serial"):
                await self._open_sockets(listen)
        self._lines = [self._line(number, *opened) for number, opened in enumerate(self._opened, 1)]
        count = len(self._servers) + len(self._ports) + len(self._lines) + len(self._ways_of_callers)
        words = [line for refused in self._refused for line in refused.words()]
        if not count:
            raise UserError("\n  ".join(["no meter can listen:", *words]))
        for line in words:
            log.warning("%s", line)
        self._callers.begin()
        self._is_open = True
        self._calls.tick()
        return count

    async def _open_sockets(self, listen: Listen) -> None:
        udp = listen.framing == "udp"
        protocol = self._protocol(partial(self._links.session, listen), self._tapes(udp=udp))
        for opened in open_sockets(listen, self._links.residents.count, self._refusals(listen)):
            if udp:
                self._ports.append(DatagramPort(opened, protocol))
            else:
                self._servers.append(await asyncio.get_running_loop().create_server(protocol, sock=opened))

    def _refusals(self, listen: Listen) -> Refusals:
        self._refused.append(Refusals(listen, self._links.residents.count))
        return self._refused[-1]

    @property
    def unreached(self) -> int:
        """How many meters can be reached in none of these ways."""
        ways = len(self.listens)
        return len(frozenset.intersection(*(one.meters for one in self._refused))) if len(self._refused) == ways else 0

    def tick(self, now_ms: int) -> None:
        """Lets the time-outs of connections and lines pass."""
        for connection in list(self._connections):
            connection.expire(now_ms)
        for line in self._lines:
            line.tick(now_ms)
        self._calls.tick()
        if self._capture:
            self._capture.flush()

    def connect(self, meter: int) -> None:
        """A meter, by its number from 0, calls whom it is to call; nobody does before the places are open."""
        if self._is_open:
            self._calls.connect(meter)

    def line_of(self, meter: int) -> PushLine | None:
        """The serial line that a meter is on, by its number from 0."""
        line = next((line for line in self._lines if meter in line.meters), None)
        return line.way_of(meter) if line is not None else None

    def close(self) -> None:
        self._calls.close()
        for server in self._servers:
            server.close()
        for port in self._ports:
            port.close()
        for line in self._lines:
            line.transport.end()
        for connection in list(self._connections):
            connection.close()

    def _tapes(self, *, udp: bool) -> Tapes | None:
        return network_tapes(self._capture, udp=udp) if self._capture else None

    def _protocol(self, session: SessionAt, tapes: Tapes | None) -> Callable[[], Connection]:
        if tapes:
            return partial(CapturedConnection, session, self._connections, tapes)
        return partial(Connection, session, self._connections)

    def _line(self, number: int, listen: Listen, place: int, opened: OpenLine) -> Line:
        tapes = line_tapes(self._capture, number) if self._capture else None
        return Line(self._links, listen, place, opened, lambda session: self._protocol(session, tapes)())

    @property
    def _ways_of_callers(self) -> list[Listen]:
        return [listen for listen in self.listens if listen.framing == "dial"]

    def _caller(self, place: int) -> Caller:
        """What meters speak that call that one of their destinations: as --listen says of it, or of the first."""
        ways = self._ways_of_callers or [A_CALL]
        listen, tapes = ways[place if place < len(ways) else 0], self._tapes(udp=False)

        def connection(index: int) -> Connection:
            return self._protocol(lambda new, *_: self._links.session_of_caller(listen, new, index), tapes)()

        return connection

    def _own_address(self, index: int) -> str | None:
        """Where the meter itself listens, if it has an address to itself."""
        return next((one.place_of(index).host for one in self.listens if one.spread is Spread.ADDRESSES), None)

    def _with_lines(self, listen: Listen) -> Listen:
        if not listen.devices:
            lines = [open_pseudo_terminal() for _ in range(listen.lines)]
            self._opened += [(listen, number, line) for number, line in enumerate(lines)]
            return listen.on_devices(tuple(line.device for line in lines))
        refused = self._refusals(listen)
        for number, device in enumerate(listen.devices):
            try:
                self._opened.append((listen, number, open_device(device, LineSpeed(listen.baud))))
            except OSError as error:
                refused.add(range(self._links.residents.count), error)
        return listen


class Line:
    """One serial line with its session, which is made anew when it hangs up."""

    def __init__(
        self,
        links: Links,
        listen: Listen,
        number: int,
        opened: OpenLine,
        protocol: Callable[[SessionAt], Connection],
    ) -> None:
        self._links, self._listen, self._number = links, listen, number
        self.meters = meters_on(links.residents, listen, number)
        self._plain = LineSpeed(listen.baud)
        self._sign_on: ModeELink | None = None
        self.transport = SerialTransport(opened, lambda: protocol(self._begin), self._speed)

    def tick(self, now_ms: int) -> None:
        if self._sign_on:
            self._sign_on.pass_time(now_ms)
            self.transport.follow_speed()

    def _begin(self, connection: Connection, _device: str, _port: int) -> Session:
        self._connection, found = connection, self._links.session_on_line(self._listen, connection, self._number)
        self._link, self._sign_on = found.link, found.sign_on
        return found.session

    def way_of(self, meter: int) -> PushLine:
        """How a meter speaks here unasked."""
        lower = self._listen.physical + meter - self.meters.start
        octets = 2 if lower <= _ONE_OCTET else 4
        return PushLine(Address(MANAGEMENT, lower, octets), self._listen.hdlc.information, self._say)

    def _say(self, frame: bytes) -> str | None:
        """Only while no client has a connection: within one a station speaks when it is polled (IEC 62056-46 6.4.4.4),
        and before a sign-on nobody listens in HDLC."""
        self._link.pass_time(monotonic_ms())
        if self._sign_on is not None:
            return "the line begins with a sign-on"
        if self._link.connected:
            return "a client has a connection on the line"
        if self._connection.is_congested:
            return "nobody reads the line"
        self._connection.deliver(frame)
        return None

    def _speed(self) -> tuple[LineSpeed, float]:
        if self._sign_on is None:
            return self._plain, 0.0
        return self._sign_on.speed, 0.0 if self._sign_on.connected else _REACTION_S
