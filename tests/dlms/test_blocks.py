# SPDX-License-Identifier: MIT
"""General block transfer: windows, streaming, lost blocks, both directions (Green Book 9.4.6.13)."""

from __future__ import annotations

import pytest
from dlms_bench import (
    ENERGY,
    ENERGY_VALUE,
    EVERYTHING,
    METER,
    NAME,
    PDU_TOO_LONG,
    PROFILE,
    PROFILE_VALUE,
    PUBLIC,
    UNKNOWN,
    Bench,
    diagnosis,
    get,
    octets,
)
from hypothesis import given
from hypothesis import strategies as st
from security_bench import Client

from simulator.dlms.limits import Limits
from simulator.wire import ciphering, gbt, wrapper
from simulator.wire.codes import Conformance
from simulator.wire.gbt import GeneralBlock

BLOCKS = int(Conformance.GENERAL_BLOCK_TRANSFER)
OWN = int(
    Conformance.BLOCK_TRANSFER_WITH_GET | Conformance.BLOCK_TRANSFER_WITH_SET | Conformance.BLOCK_TRANSFER_WITH_ACTION
)
ONLY = (EVERYTHING & ~OWN) | BLOCKS
READ = "c401c100" + ENERGY_VALUE
WHOLE = octets("c401c100") + PROFILE_VALUE
PDU = 100
PIECE = PDU - 7  # tag, control, number, acknowledged, length


def opened(*, conformance: int = ONLY, limits: Limits | None = None) -> Bench:
    bench = Bench(conformance=EVERYTHING | BLOCKS, **({"limits": limits} if limits else {}))  # type: ignore[arg-type]
    assert diagnosis(bench.open(conformance=conformance, max_pdu=PDU)) == (0, "user", 0)
    return bench


def send(bench: Bench, block: GeneralBlock) -> list[GeneralBlock]:
    frames = bench.feed(wrapper.encode(PUBLIC, METER, gbt.encode(block)))
    splitter = wrapper.Splitter(max_frame=65_535, max_pending=1 << 20)
    splitter.feed(b"".join(frames))
    found = []
    while (frame := splitter.next()) is not None:
        assert len(frame[2]) <= PDU
        found.append(gbt.decode(frame[2]))
    return found


def acknowledge(number: int, *, window: int, own: int = 1) -> GeneralBlock:
    return GeneralBlock(True, False, window, own, number, b"")


def test_a_long_answer_comes_in_general_blocks_if_there_are_no_others() -> None:
    """The first one alone, for the window is not known yet; then by the client's windows, streamed."""
    bench = opened()
    first = gbt.decode(octets(bench.send(get(PROFILE)) or ""))
    assert (first.last, first.streaming, first.number, first.acknowledged) == (False, False, 1, 0)
    got, number, turn = first.data, 1, 0
    while True:
        turn += 1
        blocks = send(bench, acknowledge(number, window=3, own=turn))
        assert [block.number for block in blocks] == list(range(number + 1, number + 1 + len(blocks)))
        assert [block.streaming for block in blocks] == [True] * (len(blocks) - 1) + [False]
        assert {block.acknowledged for block in blocks} == {turn}
        got += b"".join(block.data for block in blocks)
        number = blocks[-1].number
        if blocks[-1].last:
            break
        assert len(blocks) == 3
    assert got == WHOLE
    assert send(bench, acknowledge(number, window=3)) == []
    assert bench.send(get(ENERGY)) == READ


def test_lost_blocks_are_sent_again() -> None:
    """The client says which one came last in order, at any point and after the last block too."""
    bench = opened()
    bench.send(get(PROFILE))
    blocks = send(bench, acknowledge(1, window=3))
    assert [block.number for block in blocks] == [2, 3, 4]
    again = send(bench, acknowledge(2, window=2))
    assert [block.number for block in again] == [3, 4]
    assert again[0].data == blocks[1].data
    rest = send(bench, acknowledge(3, window=gbt.MAX_WINDOW))
    assert rest[-1].last
    assert send(bench, acknowledge(rest[-2].number, window=9)) == [rest[-1]]


def test_the_services_own_blocks_are_preferred() -> None:
    bench = opened(conformance=EVERYTHING | BLOCKS)
    assert (bench.send(get(PROFILE)) or "").startswith("c402")


def pieces(apdu: bytes, size: int, *, window: int = 5) -> list[GeneralBlock]:
    parts = [apdu[at : at + size] for at in range(0, len(apdu), size)]
    return [
        GeneralBlock(number == len(parts), number < len(parts), window, number, 0, part)
        for number, part in enumerate(parts, 1)
    ]


LONG_SET = octets(f"c101c1{NAME.hex()}000981c8") + bytes(200)


def test_a_request_in_streamed_blocks_is_answered_in_blocks() -> None:
    bench = opened(conformance=EVERYTHING | BLOCKS)
    *others, last = pieces(LONG_SET, 50)
    assert [send(bench, block) for block in others] == [[]] * len(others)
    (answer,) = send(bench, last)
    assert answer == GeneralBlock(True, False, 16, 1, last.number, octets("c501c100"))
    assert bench.meter.written[0].value.value == bytes(200)


def test_a_request_without_streaming_is_acknowledged_block_by_block() -> None:
    bench = opened()
    blocks = [block._replace(streaming=False) for block in pieces(LONG_SET, 90)]
    for block in blocks[:-1]:
        (word,) = send(bench, block)
        assert word == GeneralBlock(False, False, 16, block.number, block.number, b"")
    (answer,) = send(bench, blocks[-1])
    assert answer.data == octets("c501c100")
    assert answer.number == len(blocks)


def test_a_lost_block_of_a_request_is_asked_for_again() -> None:
    bench = opened()
    blocks = pieces(LONG_SET, 50)
    assert send(bench, blocks[0]) == []
    (word,) = send(bench, blocks[2]._replace(streaming=False))
    assert word.acknowledged == 1
    for block in blocks[1:-1]:
        assert send(bench, block) == []
    assert send(bench, blocks[-1])[0].data == octets("c501c100")
    assert len(bench.meter.written) == 1


def test_a_short_request_in_one_block_has_its_long_answer_at_once_by_its_window() -> None:
    bench = opened(conformance=EVERYTHING | BLOCKS)
    answer = send(bench, GeneralBlock(True, False, 63, 1, 0, octets(get(PROFILE))))
    assert b"".join(block.data for block in answer) == WHOLE
    assert bench.send(get(ENERGY)) == READ  # what comes as it is, is answered as it is
    assert (bench.send(get(PROFILE)) or "").startswith("c402")


def test_refusals_by_code() -> None:
    bench = opened(limits=Limits(max_assembled=100))
    first, second, *_ = pieces(LONG_SET, 90)
    assert send(bench, first) == []
    assert bench.send(gbt.encode(second)) == PDU_TOO_LONG
    assert bench.send(gbt.encode(GeneralBlock(True, False, 1, 1, 0, b"\xff"))) == UNKNOWN
    assert bench.send("e0800001") == UNKNOWN
    assert bench.send(get(ENERGY)) == READ
    bench = opened(conformance=EVERYTHING)
    assert bench.send(gbt.encode(GeneralBlock(True, False, 1, 1, 0, octets(get(ENERGY))))) == UNKNOWN


@pytest.mark.parametrize("tag", [0xC8, 0xDB])
def test_blocks_carry_ciphered_apdus(tag: int) -> None:
    """The protection is of the whole; the only way to cut up a general envelope."""
    client = Client(conformance=EVERYTHING | BLOCKS)
    client.open(conformance=ONLY, max_pdu=PDU)
    request = client.cipher(octets(get(PROFILE)), tag=tag)
    answer = b""
    for block in pieces(request, 20, window=63):
        answer = b"".join(one.data for one in send(client.bench, block))
    assert client.reveal(answer.hex())[1] == WHOLE.hex()
    assert ciphering.decode(answer).tag == (0xCC if tag == 0xC8 else 0xDB)
    first = gbt.decode(octets(client.send(client.cipher(octets(get(PROFILE)), tag=tag)) or ""))
    rest = send(client.bench, acknowledge(1, window=63))
    assert client.reveal((first.data + b"".join(one.data for one in rest)).hex())[1] == WHOLE.hex()


@given(st.lists(st.builds(GeneralBlock, st.booleans(), st.booleans(), st.integers(0, 63), st.integers(0, 40),
                          st.integers(0, 70), st.binary(max_size=80)), max_size=20))  # fmt: skip
def test_any_blocks_in_any_order(blocks: list[GeneralBlock]) -> None:
    """Never an exception, and the association goes on."""
    bench = opened()
    for block in blocks:
        bench.feed(wrapper.encode(PUBLIC, METER, gbt.encode(block)))
    assert bench.send(get(ENERGY)) == READ
