# SPDX-License-Identifier: MIT
"""The ACTION service through a session: single, with list, pblocks both ways (Green Book 9.3.8, 9.4.6.5)."""

from __future__ import annotations

import pytest
from dlms_bench import (
    ENERGY,
    EVERYTHING,
    FAIL,
    PROFILE_VALUE,
    RELAY_OFF,
    TELL_ALL,
    UNKNOWN,
    Bench,
    associated,
    get,
)

from simulator.dlms.limits import Limits
from simulator.ports import ActItem
from simulator.wire.apdu_action import ActionResponseBlock, decode_response
from simulator.wire.axdr import Data, decode_whole, encode_length
from simulator.wire.codes import Conformance, Tag

ZERO = Data(Tag.INTEGER, 0)
NO_BLOCKS = EVERYTHING & ~int(Conformance.BLOCK_TRANSFER_WITH_ACTION)
NO_LIST = EVERYTHING & ~int(Conformance.MULTIPLE_REFERENCES)


def act(method: bytes = RELAY_OFF, parameter: str = "01 0f00", *, invoke: int = 0xC1) -> str:
    return f"c301{invoke:02x}{method.hex()}{parameter}"


def _sized(data: bytes) -> str:
    return encode_length(len(data)).hex() + data.hex()


def first(data: bytes, *, last: bool = False, method: bytes = RELAY_OFF, number: int = 1) -> str:
    return f"c304c1{method.hex()}{last:02x}{number:08x}{_sized(data)}"


def block(number: int, data: bytes, *, last: bool = False, invoke: int = 0xC1) -> str:
    return f"c306{invoke:02x}{last:02x}{number:08x}{_sized(data)}"


def next_block(number: int, *, invoke: int = 0xC1) -> str:
    return f"c302{invoke:02x}{number:08x}"


def pblocks(bench: Bench, reply: str | None, limit: int) -> bytes:
    stream, expected = b"", 1
    while True:
        assert reply is not None
        assert len(reply) // 2 <= limit
        response = decode_response(bytes.fromhex(reply))
        assert isinstance(response, ActionResponseBlock)
        assert response.block.number == expected
        stream += response.block.data
        if response.block.last:
            return stream
        reply = bench.send(next_block(expected))
        expected += 1


def test_with_and_without_parameter() -> None:
    bench = associated()
    assert bench.send(act()) == "c701c10000"
    assert bench.send(act(parameter="00", invoke=0x43)) == "c701430000"
    assert bench.send(act(parameter="0100")) == "c701c10000"
    assert bench.meter.invoked == [
        ActItem(RELAY_OFF, ZERO),
        ActItem(RELAY_OFF, None),
        ActItem(RELAY_OFF, Data(Tag.NULL, None)),
    ]


def test_refusal_is_the_meters() -> None:
    assert associated().send(act(FAIL)) == "c701c10300"


def test_return_parameters() -> None:
    assert associated().send(act(TELL_ALL, "00")) == "c701c1000100" + PROFILE_VALUE.hex()


def test_unconfirmed_is_done_and_not_answered() -> None:
    """Green Book 9.4.6.2: service-class bit clear."""
    bench = associated()
    assert bench.send(act(invoke=0x01)) is None
    assert bench.send(f"c30301 01 {FAIL.hex()} 01 00") is None
    assert [item.method for item in bench.meter.invoked] == [RELAY_OFF, FAIL]


def test_list() -> None:
    bench = associated()
    reply = bench.send(f"c303c1 03 {RELAY_OFF.hex()}{FAIL.hex()}{TELL_ALL.hex()} 03 0f00 00 00")
    assert reply == "c703c103" + "0000" + "0300" + "000100" + PROFILE_VALUE.hex()
    assert bench.meter.invoked[0] == ActItem(RELAY_OFF, ZERO)


def test_list_needs_its_bit_and_has_an_end() -> None:
    apdu = f"c303c1 02 {RELAY_OFF.hex()}{FAIL.hex()} 02 00 00"
    assert associated(proposed=NO_LIST).send(apdu) == UNKNOWN
    assert associated(limits=Limits(max_items=1)).send(apdu) == "d80103"


@pytest.mark.parametrize("client_pdu", [12, 128, 135, 136, 137, 200])
def test_long_answer_comes_in_pblocks(client_pdu: int) -> None:
    """The blocks carry the return parameters as Data, which is what a client of another maker puts together."""
    bench = associated(client_pdu=client_pdu)
    assert pblocks(bench, bench.send(act(TELL_ALL, "00")), client_pdu) == PROFILE_VALUE


def test_long_list_comes_in_pblocks() -> None:
    bench = associated(client_pdu=128)
    reply = bench.send(f"c303c1 02 {FAIL.hex()}{TELL_ALL.hex()} 02 00 00")
    assert pblocks(bench, reply, 128) == bytes.fromhex("02 0300 000100") + PROFILE_VALUE


def test_long_answer_without_block_transfer() -> None:
    """What was done stays done: the result says so, the return parameters are refused."""
    bench = associated(client_pdu=128, proposed=NO_BLOCKS)
    assert bench.send(act(TELL_ALL, "00")) == "c701c1000101fa"
    assert bench.send(f"c303c1 02 {FAIL.hex()}{TELL_ALL.hex()} 02 00 00") == "c703c10203000000"
    assert bench.send(f"c303c1 40 {FAIL.hex() * 64} 40 {'00' * 64}") == "d80103"
    assert bench.send(next_block(1)) == UNKNOWN


def test_next_pblock_out_of_turn() -> None:
    bench = associated(client_pdu=128)
    assert bench.send(next_block(1)) == "c701c11000"
    bench.send(act(TELL_ALL, "00"))
    assert bench.send(next_block(2)) == "c701c10f00"
    assert bench.send(next_block(1)) == "c701c11000"


@pytest.mark.parametrize("between", [get(ENERGY), act(), "c0", "c002c100000001"])
def test_any_other_request_ends_the_transfer(between: str) -> None:
    bench = associated(client_pdu=128)
    bench.send(act(TELL_ALL, "00"))
    assert bench.send(between) is not None
    assert bench.send(next_block(1)) == "c701c11000"


def test_long_request() -> None:
    bench = associated()
    pieces = PROFILE_VALUE[:200], PROFILE_VALUE[200:400], PROFILE_VALUE[400:]
    assert bench.send(first(pieces[0])) == "c704c100000001"
    assert bench.send(block(2, pieces[1], invoke=0x42)) == "c7044200000002"
    assert bench.meter.invoked == []
    assert bench.send(block(3, pieces[2], last=True)) == "c701c10000"
    assert bench.meter.invoked == [ActItem(RELAY_OFF, decode_whole(PROFILE_VALUE))]


def test_long_request_with_a_long_answer() -> None:
    bench = associated(client_pdu=128)
    assert bench.send(first(b"\x11", method=TELL_ALL)) == "c704c100000001"
    assert pblocks(bench, bench.send(block(2, b"\x05", last=True)), 128) == PROFILE_VALUE


def test_a_first_pblock_that_is_the_last() -> None:
    bench = associated()
    assert bench.send(first(b"\x0f\x00", last=True)) == "c701c10000"
    assert bench.send(first(b"\x0f\x00", last=True).replace("c304c1", "c30401", 1)) == "c701010000"  # blocks: confirmed
    assert bench.meter.invoked == [ActItem(RELAY_OFF, ZERO)] * 2


def test_long_list_request() -> None:
    bench = associated()
    values = bytes.fromhex("02 0f00 00")
    methods = f"02{RELAY_OFF.hex()}{FAIL.hex()}"
    assert bench.send(f"c305c1{methods} 00 00000001 {_sized(values[:2])}") == "c704c100000001"
    assert bench.send(block(2, values[2:], last=True)) == "c703c10200000300"
    assert bench.meter.invoked == [ActItem(RELAY_OFF, ZERO), ActItem(FAIL, Data(Tag.NULL, None))]
    assert associated(proposed=NO_LIST).send(f"c305c1{methods} 01 00000001 {_sized(values)}") == UNKNOWN
    assert associated(limits=Limits(max_items=1)).send(f"c305c1{methods} 01 00000001 {_sized(values)}") == "d80103"


@pytest.mark.parametrize("number", [0, 1, 3])
def test_wrong_block_number_aborts(number: int) -> None:
    bench = associated()
    bench.send(first(b"\x0f"))
    assert bench.send(block(number, b"\x00", last=True)) == "c701c10f00"
    assert bench.send(block(2, b"\x00", last=True)) == "c701c11000"
    assert bench.send(first(b"\x0f", number=2)) == "c701c10f00"
    assert bench.meter.invoked == []


def test_pblocks_that_make_no_value_abort() -> None:
    assert associated().send(first(b"\x07", last=True)) == "c701c10f00"


def test_a_transfer_without_end_is_aborted() -> None:
    bench = associated(limits=Limits(max_assembled=100))
    assert bench.send(first(bytes(100))) == "c704c100000001"
    assert bench.send(block(2, bytes(1))) == "c701c10f00"


def test_pblocks_need_their_bit() -> None:
    bench = associated(proposed=NO_BLOCKS)
    assert bench.send(first(b"\x0f\x00", last=True)) == UNKNOWN
    assert bench.send(block(1, b"\x0f\x00", last=True)) == UNKNOWN


@pytest.mark.parametrize("apdu", [act(parameter=""), act(parameter="0107"), act(parameter="00 00"), "c307c1", "c3"])
def test_undecodable_requests(apdu: str) -> None:
    bench = associated()
    assert bench.send(apdu) == UNKNOWN
    assert bench.meter.invoked == []
