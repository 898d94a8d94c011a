# SPDX-License-Identifier: MIT
"""Frames to their destinations: connect from the meter's own address, write, wait for a confirmation if one is due,
close. So many connections to one destination at once, and so many in all.

It knows no push, no simulated time and no retry; it tells what became of each frame, in words if it failed. A frame
with a crossing is late, lost or spoilt as that says.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import ipaddress
import logging
import os
import socket
import sys
import termios
from collections import deque
from collections.abc import Callable, Coroutine
from functools import lru_cache
from typing import Any, NamedTuple, cast

from simulator.dlms.push import Confirmation
from simulator.faults.fault import End
from simulator.fleet.connection import reset
from simulator.fleet.push_links import Crossing, PushLine
from simulator.meter.push.setup import Destination

log = logging.getLogger(__name__)

PER_DESTINATION, IN_ALL = 128, 1024
_TIMEOUT_S = 5.0
_LOOK_AGAIN_S = 0.02
STOPPED = "the fleet was stopped"
_UNCONFIRMED = "no confirmation came"
_REFUSED, _RESET = os.strerror(errno.ECONNREFUSED), os.strerror(errno.ECONNRESET)
Done = Callable[[str | None], None]  # hears None, or why it was not delivered


class Order(NamedTuple):
    frame: bytes
    destination: Destination
    source: str | None  # the meter's own address
    confirmation: Confirmation | None
    done: Done
    acknowledged: bool = False  # delivered only when the peer's TCP has acknowledged all of it
    crossing: Crossing | None = None
    line: PushLine | None = None  # the meter's own, where the push goes along that

    @property
    def is_plain(self) -> bool:
        """There is nothing to hear and nothing to spoil."""
        awaits = self.confirmation is not None or self.acknowledged
        return self.destination.is_stream and not awaits and self.crossing is None


class Sender:
    def __init__(self, *, per_destination: int = PER_DESTINATION, in_all: int = IN_ALL) -> None:
        self._per_destination = per_destination
        self._room = asyncio.Semaphore(in_all)
        self._queues: dict[Destination, deque[Order]] = {}
        self._workers: dict[Destination, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._late: dict[int, Order] = {}  # that wait for their time on a slow link, by identity
        self._is_closed = False
        self._has_failed = False

    def send(self, order: Order) -> None:
        """`done` is called later, once; at once if it is closed."""
        if self._is_closed:
            self._tell(order, STOPPED)
        elif order.crossing is not None and order.crossing.wait_s:
            self._late[id(order)] = order  # it takes no room from others meanwhile
            asyncio.get_running_loop().call_later(order.crossing.wait_s, self._send_late, id(order))
        else:
            self._queue(order)

    def _queue(self, order: Order) -> None:
        destination = order.destination
        self._queues.setdefault(destination, deque()).append(order)
        if self._workers.get(destination, 0) < self._per_destination:
            self._workers[destination] = self._workers.get(destination, 0) + 1
            self._begin(self._work(destination))

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _send_late(self, number: int) -> None:
        if (order := self._late.pop(number, None)) is not None:  # it was not given up meanwhile
            self._queue(order)

    async def close(self) -> None:
        """What is still under way is given up and told so."""
        self._is_closed = True
        waiting = [*self._late.values(), *(order for queue in self._queues.values() for order in queue)]
        self._late.clear()
        for queue in self._queues.values():  # a worker that begins now finds it empty
            queue.clear()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for order in waiting:
            self._tell(order, STOPPED)

    async def _work(self, destination: Destination) -> None:
        queue = self._queues[destination]
        try:
            while queue:
                async with self._room:
                    if queue:
                        await self._deliver(queue.popleft())
                await asyncio.sleep(0)  # others have their turn even if nothing had to be waited for
        finally:
            self._workers[destination] -= 1
            if not self._workers[destination]:
                del self._workers[destination]
                self._queues.pop(destination, None)

    async def _deliver(self, order: Order) -> None:
        try:
            why = await _delivered(order)
        except asyncio.CancelledError:
            self._tell(order, STOPPED)
            raise
        except Exception as error:
            self._complain()
            why = f"a mistake of ours: {error!r}"
        self._tell(order, why)

    def _tell(self, order: Order, why: str | None) -> None:
        """A bug of ours may cost this push its place in the history, never the others their worker."""
        try:
            order.done(why)
        except Exception:
            self._complain()

    def _complain(self) -> None:
        """With a traceback once: what fails for one push may fail for ten thousand."""
        log.error("a push failed for a mistake of ours", exc_info=not self._has_failed)
        self._has_failed = True


async def _delivered(order: Order) -> str | None:
    """None, or why it was not."""
    try:
        if order.line is not None:
            return _by_line(order, order.line)
        if order.is_plain and (family := _family(order.destination.host)) is not None:
            await _by_socket(order, family)
            return None
        async with asyncio.timeout(_TIMEOUT_S):
            deliver = _by_datagram if order.destination.by_datagram else _by_stream
            return await deliver(order)
    except TimeoutError:
        awaits_more = order.confirmation is not None or order.acknowledged
        return _UNCONFIRMED if awaits_more else f"no {_awaited(order)} within {_TIMEOUT_S:g} s"
    except (OSError, ValueError) as error:  # ValueError: a name that is none, such as a..b
        return _words(error)


def _awaited(order: Order) -> str:
    return "acknowledgement" if order.crossing is not None and order.crossing.end is End.SILENCE else "connection"


async def _by_socket(order: Order, family: int) -> None:
    """As `_by_stream`, without its transport, which costs more than the push itself: within one machine a connection is
    there as soon as it is asked for, and what is short is written at once."""
    place, frame, sent = (order.destination.host, order.destination.port), order.frame, 0
    with socket.socket(family, socket.SOCK_STREAM) as opened:
        opened.setblocking(False)
        if (local := _local(order)) is not None:
            opened.bind(local)
        if (number := opened.connect_ex(place)) not in (0, errno.EINPROGRESS):
            raise OSError(number, os.strerror(number))
        with contextlib.suppress(BlockingIOError):
            sent = opened.send(frame)
        if sent < len(frame):
            loop = asyncio.get_running_loop()
            async with asyncio.timeout(_TIMEOUT_S):
                if not sent:
                    await loop.sock_connect(opened, place)
                await loop.sock_sendall(opened, frame[sent:])


async def _by_stream(order: Order) -> str | None:
    loop = asyncio.get_running_loop()
    if order.crossing is not None and order.crossing.is_refused:
        return _REFUSED
    line = (_Line if order.crossing is None else _FaultyLine)(order, loop.create_future())
    local = _local(order)
    await loop.create_connection(lambda: line, order.destination.host, order.destination.port, local_addr=local)
    try:
        return await line.ended
    finally:
        line.close()


def _by_line(order: Order, line: PushLine) -> str | None:
    for part in [order.frame] if order.crossing is None else order.crossing.parts:
        if (why := line.say(part)) is not None:
            return why
    return None


async def _by_datagram(order: Order) -> str | None:
    loop = asyncio.get_running_loop()
    line = (_Datagram if order.crossing is None else _FaultyDatagram)(order, loop.create_future())
    remote = (order.destination.host, order.destination.port)
    transport, _ = await loop.create_datagram_endpoint(lambda: line, local_addr=_local(order), remote_addr=remote)
    try:
        return await line.ended if order.confirmation else None
    finally:
        transport.close()


class _Line(asyncio.Protocol):
    """One connection for one frame."""

    def __init__(self, order: Order, ended: asyncio.Future[str | None]) -> None:
        self._order, self.ended = order, ended
        self._transport: asyncio.Transport | None = None
        self._why: str | None = _UNCONFIRMED if order.confirmation else None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = line = cast(asyncio.Transport, transport)  # uvloop's are no instances of it
        line.write(self._order.frame)
        self._close_in_time()

    def _close_in_time(self) -> None:
        if self._order.acknowledged and self._order.confirmation is None:
            self._close_once_acknowledged()
        elif self._order.confirmation is None:
            self.close()  # when all is written

    def _close_once_acknowledged(self) -> None:
        """What the peer's system has acknowledged leaves the queue of the socket (RFC 9293 3.4)."""
        line = self._transport
        if line is None or line.is_closing():
            return
        opened = line.get_extra_info("socket")
        unacknowledged = bytearray(4)
        fcntl.ioctl(opened.fileno(), termios.TIOCOUTQ, unacknowledged)
        if not line.get_write_buffer_size() and not int.from_bytes(unacknowledged, sys.byteorder):
            line.close()
        else:
            asyncio.get_running_loop().call_later(_LOOK_AGAIN_S, self._close_once_acknowledged)

    def data_received(self, data: bytes) -> None:
        if self._order.confirmation is not None and self._order.confirmation.feed(data):
            self._why = None
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_result(_words(exc) if exc is not None else self._why)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


class _Datagram(asyncio.DatagramProtocol):
    def __init__(self, order: Order, ended: asyncio.Future[str | None]) -> None:
        self._order, self.ended = order, ended

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.DatagramTransport, transport).sendto(self._order.frame)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if self._order.confirmation is not None and self._order.confirmation.feed(data) and not self.ended.done():
            self.ended.set_result(None)

    def error_received(self, exc: Exception) -> None:
        if not self.ended.done():
            self.ended.set_result(_words(exc))


class _FaultyLine(_Line):
    """What it writes and hears is what the faults leave of it."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = line = cast(asyncio.Transport, transport)
        crossing = self._order.crossing
        assert crossing is not None
        line.writelines(crossing.parts)
        if crossing.end is End.RESET:
            self._why = _RESET
            reset(line)
        elif crossing.end is None and (crossing.parts or not self._order.acknowledged):
            self._close_in_time()  # what is lost is never acknowledged

    def data_received(self, data: bytes) -> None:
        _hear_late(self._order, data, super().data_received)


class _FaultyDatagram(_Datagram):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert self._order.crossing is not None
        for part in self._order.crossing.parts:
            cast(asyncio.DatagramTransport, transport).sendto(part)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        _hear_late(self._order, data, lambda octets: super(_FaultyDatagram, self).datagram_received(octets, addr))


def _hear_late(order: Order, data: bytes, hear: Callable[[bytes], None]) -> None:
    assert order.crossing is not None
    if order.crossing.end is None:
        octets, wait_s = order.crossing.come_back(data)
        asyncio.get_running_loop().call_later(wait_s, hear, octets)


def _words(error: Exception) -> str:
    """What the system says, whichever library tells it."""
    if isinstance(error, socket.gaierror):  # its numbers are those of getaddrinfo, negative ones
        return f"the destination's name cannot be resolved: {error.strerror or error}"
    number = error.errno if isinstance(error, OSError) else None
    return os.strerror(number) if number is not None else str(error)


def _local(order: Order) -> tuple[str, int] | None:
    return (order.source, 0) if order.source and can_reach(order.source, order.destination.host) else None


@lru_cache(maxsize=1024)
def _family(host: str) -> int | None:
    """None: it is a name."""
    with contextlib.suppress(ValueError):
        return socket.AF_INET if ipaddress.ip_address(host).version == 4 else socket.AF_INET6
    return None


@lru_cache(maxsize=65_536)
def can_reach(source: str, host: str) -> bool:
    """From a loopback address only loopback addresses can be reached; a name decides for itself."""
    try:
        target = ipaddress.ip_address(host)
    except ValueError:
        return False
    own = ipaddress.ip_address(source)
    return own.version == target.version and (not own.is_loopback or target.is_loopback)
