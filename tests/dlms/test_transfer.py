# SPDX-License-Identifier: MIT
"""Cutting a stream into blocks: every room, to the octet."""

from __future__ import annotations

import pytest

from simulator.dlms.transfer import Sending, piece_octets
from simulator.wire.axdr import encode_length


def test_a_piece_fills_its_room_and_never_more() -> None:
    for room in [*range(2, 600), *range(65_000, 65_536)]:
        octets = piece_octets(room)
        assert octets + len(encode_length(octets)) <= room
        assert octets + 1 + len(encode_length(octets + 1)) > room


@pytest.mark.parametrize("length", [0, 1, 9, 10, 11, 20, 101])
def test_blocks_count_from_1_and_only_the_last_says_so(length: int) -> None:
    stream = bytes(range(length))
    transfer, blocks = Sending(0xC0, stream), []
    while not blocks or not blocks[-1].last:
        blocks.append(transfer.load(11))
    assert b"".join(block.data for block in blocks) == stream
    assert [block.number for block in blocks] == list(range(1, max(1, -(-length // 10)) + 1))
    assert all(block.data for block in blocks) or length == 0
