# SPDX-License-Identifier: MIT
"""The sender and the clock when something of ours goes wrong, or is told to stop at a bad moment."""

from __future__ import annotations

import asyncio
import logging
import socket

import pytest

from simulator.faults.book import Series
from simulator.faults.fault import Carried
from simulator.fleet.clockwork import Clockwork
from simulator.fleet.push_links import Crossing
from simulator.fleet.sender import STOPPED, Order, Sender, _words
from simulator.meter.push.setup import Destination, Service

DEADLINE_S = 10.0


async def test_a_mistake_costs_one_push_and_is_told_once_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    heard: list[bytes] = []
    told: list[str | None] = []

    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read())
        writer.close()

    def fails(why: str | None) -> None:
        told.append(why)
        raise KeyError("a mistake of ours")

    server = await asyncio.start_server(hear, "127.0.0.1", 0)
    sender = Sender(per_destination=1)
    destination = Destination(Service.TCP, *server.sockets[0].getsockname())
    ended = asyncio.Event()
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            sender.send(Order(b"lost", destination, None, None, fails))
        sender.send(Order(b"kept", destination, None, None, lambda why: (told.append(why), ended.set())[0]))
        await asyncio.wait_for(ended.wait(), DEADLINE_S)
    await sender.close()
    server.close()
    assert told == [None] * 4
    assert [bool(record.exc_info) for record in caplog.records] == [True, False, False]


async def test_what_waits_when_the_sender_is_closed_is_told_so() -> None:
    told: list[str | None] = []
    silent = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0, backlog=1)
    sender = Sender(per_destination=1)
    destination = Destination(Service.TCP, *silent.sockets[0].getsockname())
    for _ in range(3):
        sender.send(Order(b"unheard", destination, None, None, told.append))
    await sender.close()
    silent.close()
    assert told == [STOPPED] * 3


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_frame_longer_than_all_buffers_comes_whole(host: str) -> None:
    heard, told, ended = list[bytes](), list[str | None](), asyncio.Event()

    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read())
        writer.close()
        ended.set()

    server = await asyncio.start_server(hear, "127.0.0.1", 0, limit=2**25)
    frame, sender = bytes(range(256)) * 2**16, Sender()
    destination = Destination(Service.TCP, host, server.sockets[0].getsockname()[1])
    sender.send(Order(frame, destination, "127.0.0.1", None, told.append))
    await asyncio.wait_for(ended.wait(), DEADLINE_S)
    await sender.close()
    server.close()
    assert told == [None]
    assert heard == [frame]


async def test_a_connection_that_comes_late_is_waited_for_and_one_that_never_comes_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where nobody accepts and the queue of a listener is full, the system asks again a second later."""
    told = asyncio.Queue[str | None]()
    loop, sender = asyncio.get_running_loop(), Sender()
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener, socket.socket() as first:
        listener.setblocking(False)
        destination = Destination(Service.TCP, *listener.getsockname())
        first.connect(listener.getsockname())
        with monkeypatch.context() as hasty:
            hasty.setattr("simulator.fleet.sender._TIMEOUT_S", 0.2)
            sender.send(Order(b"never", destination, None, None, told.put_nowait))
            assert await told.get() == "no connection within 0.2 s"
        sender.send(Order(b"late", destination, None, None, told.put_nowait))
        await asyncio.sleep(0)  # it is asked for now
        (await loop.sock_accept(listener))[0].close()
        opened, _ = await loop.sock_accept(listener)
        with opened:
            assert await loop.sock_recv(opened, 100) == b"late"
        assert await told.get() is None
    await sender.close()


async def test_what_a_slow_link_holds_back_when_the_sender_is_closed_is_told_so_and_what_comes_after() -> None:
    """Closed in the very turn of the loop in which it was given, and after that."""
    told: list[str | None] = []
    slow = Crossing([], Series("a push"), 1.0, reliable=True)
    slow._carried = Carried(b"late", delay_ms=60_000)
    sender = Sender()
    order = Order(b"late", Destination(Service.TCP, "127.0.0.1", 9), None, None, told.append)
    for crossing in (slow, slow, None):
        sender.send(order._replace(crossing=crossing))
    await sender.close()
    assert told == [STOPPED] * 3
    sender.send(order)
    assert told == [STOPPED] * 4
    assert not sender._tasks


async def test_a_clock_that_is_stopped_in_the_moment_of_a_change_happens_no_more() -> None:
    """Else a fleet at full speed would go on while its store is being closed."""
    clock = Clockwork()
    clock.begin(0)
    clock.start(1.0)
    clock.schedule(3_600_000, 0, lambda: None)  # type: ignore[arg-type]
    running = asyncio.ensure_future(clock.run())
    await asyncio.sleep(0.05)
    clock.schedule(7_200_000, 0, lambda: None)  # type: ignore[arg-type]
    await asyncio.sleep(0)  # the change is through, the clock has not looked yet
    running.cancel()
    await asyncio.wait({running}, timeout=DEADLINE_S)
    assert running.cancelled()


def test_a_name_that_does_not_resolve_is_told_so() -> None:
    """The numbers of getaddrinfo are no errno: -2 is an unknown error there."""
    with pytest.raises(socket.gaierror) as caught:
        socket.getaddrinfo("nobody.invalid", 4059, flags=socket.AI_NUMERICHOST)  # asks nobody
    assert _words(caught.value).startswith("the destination's name cannot be resolved: ")
    assert "nknown error" not in _words(caught.value)
    assert _words(ConnectionRefusedError(111, "")) == "Connection refused"
