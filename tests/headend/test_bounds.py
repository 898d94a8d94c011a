# SPDX-License-Identifier: GPL-2.0-only
"""Peers that never come to an end: what they may say, and how long it may take."""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from headend_bench import CLOCK, Peer

from simulator.headend.bounds import LONGEST_ANSWER_OCTETS, AnswerSize, FrameTime
from simulator.headend.failures import BrokenAnswer, NoAnswer
from simulator.headend.reader import MeterReader
from simulator.headend.way import Way

_DRIPS_S = 0.08  # fewer octets a second than the slowest line carries
_EVENT = bytes.fromhex("c2 00 0001 0000600b00ff 02 120065")  # EventNotification without a time (Green Book 9.3.10)


def test_a_frame_may_take_as_long_as_the_slowest_line_needs() -> None:
    """2,048 octets at 300 baud take 68 s."""
    slow = FrameTime("there", 3.0)
    for octet in range(2048):
        slow.took(1, 100 + octet / 30)
    dripping = FrameTime("there", 3.0)
    for octet in range(12):
        dripping.took(1, 100 + octet * 0.3)
    with pytest.raises(NoAnswer, match="there sends octets, but no whole frame came within 3 s"):
        dripping.took(1, 103.7)


def test_an_answer_may_be_long_if_its_blocks_bring_something() -> None:
    whole = AnswerSize()
    for blocks in range(100_000):
        whole.took(30 * blocks)
    with pytest.raises(BrokenAnswer, match="16 MiB came, and more is announced"):
        whole.took(LONGEST_ANSWER_OCTETS + 1)


@contextmanager
def sending(octets: Iterator[bytes], *, every_s: float) -> Iterator[int]:
    """A port where each caller is sent that, for as long as it is there."""
    over = threading.Event()

    def serve() -> None:
        with contextlib.suppress(OSError), listener.accept()[0] as connection:
            for part in octets:
                connection.sendall(part)
                if over.wait(every_s):
                    return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        over.set()
        thread.join(timeout=30)


@pytest.mark.parametrize("noise", [b"\x00", b"\x7e" + bytes(99), b"\x7e\xa7\xff"])
def test_noise_without_end_is_no_hdlc(noise: bytes) -> None:
    """With flags too, and with what looks like the head of a frame."""
    with sending(itertools.repeat(noise * 4096), every_s=0) as port:
        reader = MeterReader("127.0.0.1", port, client=16, password=None, timeout_s=30, way=Way(hdlc=True))
        with pytest.raises(BrokenAnswer, match="does not speak HDLC"):
            reader.connect()


@pytest.mark.parametrize(
    ("way", "octets"), [(Way(hdlc=True), b""), (Way(), bytes.fromhex("0001 0001 0010 ffff"))], ids=["hdlc", "wrapper"]
)
def test_octets_that_drip_are_no_frame(way: Way, octets: bytes) -> None:
    drops = (bytes((octet,)) for octet in itertools.chain(octets, itertools.repeat(0)))
    with sending(drops, every_s=_DRIPS_S) as port:
        reader = MeterReader("127.0.0.1", port, client=16, password=None, timeout_s=0.1, way=way)
        with pytest.raises(NoAnswer):
            reader.connect()


def _blocks(part: bytes) -> Callable[[bytes], bytes | None]:
    """get-response-with-datablock, the last of which never comes."""

    def answer(request: bytes) -> bytes | None:
        if request[0] != 0xC0:
            return None
        number = int.from_bytes(request[3:7], "big") + 1 if request[1] == 2 else 1
        return b"\xc4\x02" + request[2:3] + b"\x00" + number.to_bytes(4, "big") + b"\x00" + bytes((len(part),)) + part

    return answer


@pytest.mark.parametrize("part", [b"", b"\x01"])
def test_blocks_without_end_that_bring_nothing(reader: MeterReader, meter: Peer, part: bytes) -> None:
    reader.find(CLOCK)
    meter.instead = _blocks(part)
    with pytest.raises(BrokenAnswer, match=r"answer does not end: \d+ blocks brought \d+ octets"):
        reader.read(CLOCK)


def test_what_gurux_lacks_of_general_block_transfer_is_told(reader: MeterReader, meter: Peer) -> None:
    """Green Book 9.3.13: block control without last-block, block number, acknowledged number, block data."""
    reader.find(CLOCK)
    numbers = itertools.count(1)
    meter.instead = lambda request: (
        b"\xe0\x01" + next(numbers).to_bytes(2, "big") + b"\x00\x00\x01\x01" if request[0] in (0xC0, 0xE0) else None
    )
    with pytest.raises(BrokenAnswer, match="cannot ask for the rest"):
        reader.read(CLOCK)


def test_notices_without_end_instead_of_an_answer() -> None:
    frame = b"\x00\x01\x00\x01\x00\x10" + len(_EVENT).to_bytes(2, "big") + _EVENT
    with sending(itertools.repeat(frame * 1000), every_s=0) as port:
        reader = MeterReader("127.0.0.1", port, client=16, password=None, timeout_s=30)
        with pytest.raises(BrokenAnswer, match="1000 frames, and none was the answer"):
            reader.connect()
