# SPDX-License-Identifier: MIT
"""The wrapper's frames out of a byte stream (Green Book 7.3.3.2): any split, bounded memory, broken headers."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.wire.wrapper import Frame, Splitter, encode

frames = st.lists(st.tuples(st.integers(0, 0xFFFF), st.integers(0, 0xFFFF), st.binary(max_size=60)), max_size=6)


def splitter(max_frame: int = 1000, max_pending: int = 4000) -> Splitter:
    return Splitter(max_frame=max_frame, max_pending=max_pending)


def drain(source: Splitter) -> list[Frame]:
    found = []
    while (frame := source.next()) is not None:
        found.append(frame)
    return found


def test_header() -> None:
    assert encode(16, 1, b"\xc0\x01").hex() == "0001001000010002c001"


@given(frames, st.lists(st.integers(1, 40), min_size=1, max_size=8))
def test_any_split_gives_the_same_frames(sent: list[Frame], steps: list[int]) -> None:
    stream = b"".join(encode(*frame) for frame in sent)
    target, got, place, turn = splitter(), [], 0, 0
    while place < len(stream):
        step = steps[turn % len(steps)]
        target.feed(stream[place : place + step])
        got += drain(target)
        place, turn = place + step, turn + 1
    assert got == sent
    assert target.buffered == 0
    assert not target.broken


@given(st.binary(max_size=300))
def test_any_bytes_whole_or_dripped_end_alike(stream: bytes) -> None:
    whole, dripped, got = splitter(), splitter(), []
    whole.feed(stream)
    for octet in stream:
        dripped.feed(bytes((octet,)))
        got += drain(dripped)
    assert drain(whole) == got
    assert (whole.broken, whole.buffered) == (dripped.broken, dripped.buffered)


def test_what_is_not_handed_out_is_counted() -> None:
    target = splitter()
    target.feed(encode(1, 2, b"abc"))
    target.feed(encode(1, 2, b"de") + b"\x00")
    assert target.buffered == 11 + 10 + 1
    assert drain(target) == [(1, 2, b"abc"), (1, 2, b"de")]
    assert target.buffered == 1


@pytest.mark.parametrize("header", ["0002001000010002", "0001001000010400"])
def test_a_header_that_cannot_be_one_breaks_the_stream(header: str) -> None:
    """Another version, and more than max_frame octets announced."""
    target = splitter(max_frame=1023)
    target.feed(encode(16, 1, b"\x01") + bytes.fromhex(header) + encode(16, 1, b"\x02"))
    assert drain(target) == [(16, 1, b"\x01")]
    assert target.broken
    target.feed(encode(16, 1, b"\x03"))
    assert drain(target) == []
    assert target.buffered == 0


def test_a_peer_that_never_stops_is_cut_off() -> None:
    target = splitter(max_pending=100)
    target.feed(bytes.fromhex("00010010000103e8"))
    for _ in range(50):
        target.feed(bytes(10))
        assert target.buffered <= 100
    assert target.broken


def test_a_dripped_frame_costs_time_in_proportion() -> None:
    def seconds(octets: int) -> float:
        target = splitter(max_frame=0xFFFF, max_pending=0x20000)
        stream = encode(16, 1, bytes(octets))
        started = time.process_time()
        for octet in stream:
            target.feed(bytes((octet,)))
            target.next()
        return time.process_time() - started

    assert min(seconds(40_000) for _ in range(2)) < 30 * min(seconds(4_000) for _ in range(2)) + 0.01
