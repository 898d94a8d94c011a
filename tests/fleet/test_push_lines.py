# SPDX-License-Identifier: GPL-2.0-only
"""Pushes along the serial line that a meter is on: unnumbered information frames of HDLC while nobody has a connection
(IEC 62056-46 6.4.4.4), judged by the gurux listener, to which what comes out of the line is handed on."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from pushing_fleet import INSTANT, MINUTE_MS, Pushing, book_of, heard, pushing

from simulator.headend.listener import Listener
from simulator.wire import hdlc
from simulator.wire.hdlc import POLL_FINAL, Address, Control, Frame

LINE, TOLD = "serial,pty=1", "status, retry_count, error_message"


@dataclass
class Reader:
    """At the other end of the meters' line."""

    file: int
    octets: bytearray = field(default_factory=bytearray)

    @property
    def frames(self) -> list[Frame]:
        """By the length that each of them tells: a flag may stand within one (IEC 62056-46 6.4.4.4)."""
        found, rest = [], bytes(self.octets)
        while len(rest := rest.lstrip(b"\x7e")) > 1:
            length = int.from_bytes(rest[:2], "big") & 0x7FF
            if (frame := hdlc.decode_from_server(rest[:length])) is not None:
                found.append(frame)
            rest = rest[length:]
        return found

    def say(self, control: int) -> None:
        os.write(self.file, hdlc.encode_command(Frame(Address(1, 16, 2), 16, control | POLL_FINAL)))


@asynccontextmanager
async def reading(meters: Pushing, ear: Listener | None = None) -> AsyncIterator[Reader]:
    (device,) = meters.fleet.listeners.listens[1].devices
    reader = Reader(os.open(device, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK))
    writer = (await asyncio.open_connection("127.0.0.1", ear.port))[1] if ear is not None else None

    def hear() -> None:
        reader.octets += (piece := os.read(reader.file, 4096))
        if writer is not None:
            writer.write(piece)

    asyncio.get_running_loop().add_reader(reader.file, hear)
    try:
        yield reader
    finally:
        asyncio.get_running_loop().remove_reader(reader.file)
        os.close(reader.file)
        if writer is not None:
            writer.close()


async def test_two_meters_push_along_their_line_each_from_its_own_address(database: str) -> None:
    async with Listener() as ear, pushing(database, 2, "line", ways=(LINE,)) as meters, reading(meters, ear) as reader:
        ear.unsealer.keys = book_of(meters)
        await meters.step(16 * MINUTE_MS)
        for index in range(2):
            note = await heard(ear, INSTANT, serial=meters.fleet.identity(index).serial)
            assert note.received.opened.control == 0x30
            assert note.clock.isoformat() == "2025-06-01T00:15:00+05:30"
            told = meters.history(INSTANT, index, f"{TOLD}, destination")
            assert told == [("SUCCESS", 0, None, "HDLC line")]
        await meters.until(lambda: len(reader.frames) == 4)  # two of them registrations
        assert {(frame.server[:2], frame.client, frame.control) for frame in reader.frames} == {
            ((1, 16), 64, Control.UI), ((1, 17), 64, Control.UI),
        }  # fmt: skip


async def test_a_push_waits_for_the_end_of_a_connection(database: str) -> None:
    async with pushing(database, 1, "line,security=0", ways=(LINE,)) as meters, reading(meters) as reader:
        await meters.step(14 * MINUTE_MS)
        reader.say(Control.SNRM)
        await meters.until(lambda: Control.UA | POLL_FINAL in {frame.control for frame in reader.frames})
        await meters.step(90_000)
        in_use = "a client has a connection on the line"
        assert meters.history(INSTANT, 0, TOLD) == [("RETRY", 0, in_use)]
        reader.say(Control.DISC)
        await meters.until(lambda: sum(frame.control == Control.UA | POLL_FINAL for frame in reader.frames) == 2)
        await meters.step(MINUTE_MS)
        assert meters.history(INSTANT, 0, TOLD)[1:] == [("SUCCESS", 1, None)]


@pytest.mark.parametrize(
    ("ways", "status", "why"),
    [
        ((), "CANCELLED", "the meter is on no serial line"),
        (("serial,pty=1,info=128",), "CANCELLED", "octets are too long for one frame of the HDLC"),
        (("serial,pty=1,mode_e=1",), "RETRY", "the line begins with a sign-on"),
    ],
)
async def test_what_cannot_go_along_a_line_is_told(database: str, ways: tuple[str, ...], status: str, why: str) -> None:
    async with pushing(database, 1, "line,security=0", ways=ways) as meters:
        await meters.step(15 * MINUTE_MS)
        ((found, _, told),) = meters.history(INSTANT, 0, TOLD)
        assert found == status
        assert why in told
