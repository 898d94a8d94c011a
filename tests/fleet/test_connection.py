# SPDX-License-Identifier: MIT
"""One connection on a real socket: what a bug of ours costs, and whom."""

from __future__ import annotations

import asyncio
import logging

import pytest
from dlms_bench import ENERGY, EVERYTHING, METER, PROFILE, PUBLIC, Meter, aarq, get, get_next, octets

from simulator.dlms.session import Session
from simulator.dlms.unasked import MOST
from simulator.fleet.connection import Connection
from simulator.ports import GetAnswer, GetItem
from simulator.wire import wrapper
from simulator.wire.codes import Conformance
from simulator.wire.notification import EventNotification

OPEN = wrapper.encode(PUBLIC, METER, aarq(max_pdu=0))
READ = wrapper.encode(PUBLIC, METER, octets(get(PROFILE)))
PIPELINED = 200
LONG = bytes.fromhex("0984") + (60_000).to_bytes(4, "big") + bytes(60_000)


class Buggy(Meter):
    """Answers so many requests, and then cannot."""

    def __init__(self, good: int) -> None:
        super().__init__(max_pdu=0xFFFF)
        self.values[PROFILE] = LONG
        self.good = good
        self.congested = asyncio.Event()

    def get(self, client: int, item: GetItem) -> GetAnswer:
        if not self.good:
            raise RuntimeError("a bug")
        self.good -= 1
        return super().get(client, item)


class Told(Connection):
    """Tells the meter when its peer does not read."""

    meter: Buggy

    def pause_writing(self) -> None:
        super().pause_writing()
        self.meter.good = 0
        self.meter.congested.set()


async def served(meter: Buggy) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    def connection() -> Told:
        told = Told(lambda connection, host, port: Session({METER: meter}.get), set())
        told.meter = meter
        return told

    server = await asyncio.get_running_loop().create_server(connection, "127.0.0.1", 0)
    return await asyncio.open_connection(*server.sockets[0].getsockname(), limit=1024)


async def until_the_end(reader: asyncio.StreamReader) -> None:
    async with asyncio.timeout(10):
        while await reader.read(1 << 16):
            pass


async def test_a_bug_in_an_answer_costs_the_peer_its_connection(caplog: pytest.LogCaptureFixture) -> None:
    reader, writer = await served(Buggy(1))
    with caplog.at_level(logging.CRITICAL, "simulator"):
        writer.write(OPEN + READ + READ)
        await until_the_end(reader)
    writer.close()


async def test_a_bug_after_a_congestion_too(caplog: pytest.LogCaptureFixture) -> None:
    """The peer reads again, what it asked meanwhile is taken up, and nobody but the transport calls us then."""
    unhandled: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unhandled.append(context))
    meter = Buggy(PIPELINED)
    reader, writer = await served(meter)
    with caplog.at_level(logging.CRITICAL, "simulator"):
        writer.write(OPEN + READ * PIPELINED)
        async with asyncio.timeout(10):
            await meter.congested.wait()
        await until_the_end(reader)
    writer.close()
    assert unhandled == []


async def test_events_wait_for_a_transfer_and_the_log_tells_of_those_that_found_no_room(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The newest are kept; they follow the last block at once, though the peer asks for nothing more."""
    told = EVERYTHING | Conformance.EVENT_NOTIFICATION
    meter = Meter(conformance=told)
    made: list[Connection] = []

    def connection() -> Connection:
        made.append(Connection(lambda connection, host, port: Session({METER: meter}.get), set()))
        return made[0]

    server = await asyncio.get_running_loop().create_server(connection, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.write(wrapper.encode(PUBLIC, METER, aarq(max_pdu=300, conformance=told)) + READ)
    assert [(await frame_from(reader))[0] for _ in range(2)] == [0x61, 0xC4]
    for number in range(MOST + 1):
        made[0].notify(METER, EventNotification(None, ENERGY, b"\x11" + bytes((number,))))
    assert "the oldest event that waited for its client was dropped" in caplog.text
    writer.write(wrapper.encode(PUBLIC, METER, octets(get_next(1))))
    assert (await frame_from(reader))[:4].hex() == "c402c101"
    assert [(await frame_from(reader))[-1] for _ in range(MOST)] == list(range(1, MOST + 1))
    made[0].notify(METER, EventNotification(None, ENERGY, b"\x11\x63"))
    assert (await frame_from(reader))[-1] == 0x63
    writer.close()
    server.close()


async def frame_from(reader: asyncio.StreamReader) -> bytes:
    """The next APDU."""
    async with asyncio.timeout(10):
        header = await reader.readexactly(8)
        return await reader.readexactly(int.from_bytes(header[6:], "big"))
