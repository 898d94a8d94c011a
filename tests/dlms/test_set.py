# SPDX-License-Identifier: MIT
"""The SET service through a session: single, with list, in blocks (Green Book 9.3.7, 9.4.6.4)."""

from __future__ import annotations

import pytest
from dlms_bench import (
    ENERGY,
    EVERYTHING,
    NAME,
    PROFILE,
    PROFILE_VALUE,
    UNKNOWN,
    Bench,
    associated,
    get,
)

from simulator.dlms.limits import Limits
from simulator.ports import SetItem
from simulator.wire.axdr import Data, decode_whole, encode_length
from simulator.wire.codes import Conformance, Tag

NEW_NAME = "0903414243"
TARGET = NAME.hex() + "00"
NO_BLOCKS = EVERYTHING & ~int(Conformance.BLOCK_TRANSFER_WITH_SET)
NO_LIST = EVERYTHING & ~int(Conformance.MULTIPLE_REFERENCES)
NO_SELECTION = EVERYTHING & ~int(Conformance.SELECTIVE_ACCESS)
ITEM = SetItem(NAME, None, Data(Tag.OCTET_STRING, b"ABC"))


def put(value: str = NEW_NAME, *, target: str = TARGET, invoke: int = 0xC1) -> str:
    return f"c101{invoke:02x}{target}{value}"


def first(data: bytes, *, last: bool = False, number: int = 1, target: str = TARGET) -> str:
    return f"c102c1{target}{last:02x}{number:08x}{encode_length(len(data)).hex()}{data.hex()}"


def block(number: int, data: bytes, *, last: bool = False, invoke: int = 0xC1) -> str:
    return f"c103{invoke:02x}{last:02x}{number:08x}{encode_length(len(data)).hex()}{data.hex()}"


def listed(data: bytes, *targets: str, last: bool = False) -> str:
    return f"c105c1{len(targets):02x}{''.join(targets)}{last:02x}00000001{encode_length(len(data)).hex()}{data.hex()}"


def test_one_attribute() -> None:
    bench = associated()
    assert bench.send(put()) == "c501c100"
    assert bench.meter.written == [ITEM]
    assert bench.send(get(NAME)) == "c401c100" + NEW_NAME


@pytest.mark.parametrize(("attribute", "code"), [(ENERGY, 3), (bytes(9), 4)])
def test_refusals_are_the_meters(attribute: bytes, code: int) -> None:
    assert associated().send(put(target=attribute.hex() + "00")) == f"c501c1{code:02x}"


def test_unconfirmed_is_done_and_not_answered() -> None:
    """Green Book 9.4.6.2: service-class bit clear."""
    bench = associated()
    assert bench.send(put(invoke=0x81)) is None
    assert bench.send(f"c10481 01 {TARGET} 01 0901aa") is None
    assert [item.value.value for item in bench.meter.written] == [b"ABC", b"\xaa"]


def test_list() -> None:
    bench = associated()
    energy = ENERGY.hex() + "00"
    assert bench.send(f"c104c1 03 {TARGET} {energy} {TARGET} 03 {NEW_NAME} 1105 090101") == "c505c103000300"
    assert [item.value.value for item in bench.meter.written] == [b"ABC", b"\x01"]


def test_list_needs_its_bit_and_has_an_end() -> None:
    apdu = f"c104c1 02 {TARGET} {TARGET} 02 {NEW_NAME} {NEW_NAME}"
    assert associated(proposed=NO_LIST).send(apdu) == UNKNOWN
    assert associated(limits=Limits(max_items=1)).send(apdu) == "d80103"


def test_a_list_of_results_longer_than_the_client_takes() -> None:
    """No service of SET sends results in blocks; what was written stays written."""
    bench = associated(client_pdu=12)
    assert bench.send(f"c104c1 09 {TARGET * 9} 09 {NEW_NAME * 9}") == "d80103"
    assert len(bench.meter.written) == 9


def test_selection_needs_its_bit() -> None:
    """Type-unmatched."""
    selective = NAME.hex() + "010100"
    bench = associated(proposed=NO_SELECTION)
    assert bench.send(put(target=selective)) == "c501c10c"
    assert bench.send(f"c104c1 02 {selective} {TARGET} 02 {NEW_NAME} {NEW_NAME}") == "c505c1020c00"
    assert bench.meter.written == [ITEM]
    assert bench.send(put(target=selective, invoke=0x81)) is None  # unconfirmed: refused without a word
    assert associated().send(put(target=selective)) == "c501c100"


def test_blocks() -> None:
    bench = associated()
    target = PROFILE.hex() + "00"
    pieces = [PROFILE_VALUE[place : place + 150] for place in range(0, len(PROFILE_VALUE), 150)]
    assert bench.send(first(pieces[0], target=target)) == "c502c100000001"
    assert bench.send(block(2, pieces[1], invoke=0x42)) == "c5024200000002"
    assert bench.meter.written == []
    assert bench.send(block(3, pieces[2], last=True)) == "c503c10000000003"
    assert bench.meter.written == [SetItem(PROFILE, None, decode_whole(PROFILE_VALUE))]


def test_a_first_block_that_is_the_last() -> None:
    bench = associated()
    assert bench.send(first(bytes.fromhex(NEW_NAME), last=True)) == "c503c10000000001"
    assert bench.send(first(bytes.fromhex(NEW_NAME), last=True, target=ENERGY.hex() + "00")) == "c503c10300000001"
    assert bench.meter.written == [ITEM]


def test_an_empty_block_is_a_block() -> None:
    bench = associated()
    assert bench.send(first(b"")) == "c502c100000001"
    assert bench.send(block(2, bytes.fromhex(NEW_NAME), last=True)) == "c503c10000000002"
    assert bench.meter.written == [ITEM]


def test_list_in_blocks() -> None:
    bench = associated()
    energy = ENERGY.hex() + "00"
    values = bytes.fromhex("03" + NEW_NAME + "1105" + "090101")
    assert bench.send(listed(values[:4], TARGET, energy, TARGET)) == "c502c100000001"
    assert bench.send(block(2, values[4:], last=True)) == "c504c10300030000000002"
    assert [item.value.value for item in bench.meter.written] == [b"ABC", b"\x01"]


def test_list_in_blocks_needs_both_bits() -> None:
    apdu = listed(b"\x01\x00", TARGET, last=True)
    assert associated(proposed=NO_LIST).send(apdu) == UNKNOWN
    assert associated(proposed=NO_BLOCKS).send(apdu) == UNKNOWN


def test_blocks_need_their_bit() -> None:
    bench = associated(proposed=NO_BLOCKS)
    assert bench.send(first(b"\x00", last=True)) == UNKNOWN
    assert bench.send(block(2, b"")) == UNKNOWN


def abort(code: int, number: int) -> str:
    return f"c503c1{code:02x}{number:08x}"


@pytest.mark.parametrize("number", [0, 1, 3, 0xFFFFFFFF])
def test_wrong_block_number_aborts(number: int) -> None:
    bench = associated()
    bench.send(first(b"\x09"))
    assert bench.send(block(number, b"\x00", last=True)) == abort(19, number)
    assert bench.send(block(2, b"\x00", last=True)) == abort(18, 2)
    assert bench.meter.written == []


@pytest.mark.parametrize("number", [0, 2])
def test_the_first_block_is_number_1(number: int) -> None:
    bench = associated()
    assert bench.send(first(b"\x09", number=number)) == abort(19, number)
    assert bench.send(block(number + 1, b"")) == abort(18, number + 1)


def test_block_without_a_transfer() -> None:
    assert associated().send(block(1, b"\x00", last=True)) == abort(18, 1)


@pytest.mark.parametrize("between", [get(NAME), put(), "c0ffc1", "c001", "c306c1 01 00000002 00"])
def test_any_other_request_ends_the_transfer(between: str) -> None:
    bench = associated()
    bench.send(first(b"\x09"))
    assert bench.send(between) is not None
    assert bench.send(block(2, b"\x00", last=True)) == abort(18, 2)


def test_another_first_block_begins_anew() -> None:
    bench = associated()
    bench.send(first(b"\x09\x05"))
    bench.send(first(bytes.fromhex(NEW_NAME)[:2]))
    assert bench.send(block(2, b"ABC", last=True)) == "c503c10000000002"
    assert bench.meter.written == [ITEM]


@pytest.mark.parametrize("octets", ["", "07", "0905414243", "090341424300"])
def test_blocks_that_make_no_value_abort(octets: str) -> None:
    bench = associated()
    bench.send(first(b""))
    assert bench.send(block(2, bytes.fromhex(octets), last=True)) == abort(17, 2)
    assert bench.meter.written == []


def test_blocks_with_a_value_too_few_for_the_list_abort() -> None:
    assert associated().send(listed(bytes.fromhex("01" + NEW_NAME), TARGET, TARGET, last=True)) == abort(17, 1)


def test_a_transfer_without_end_is_aborted() -> None:
    bench = associated(limits=Limits(max_assembled=100))
    assert bench.send(first(bytes(60))) == "c502c100000001"
    assert bench.send(block(2, bytes(40))) == "c502c100000002"
    assert bench.send(block(3, bytes(1))) == abort(17, 3)
    assert bench.send(block(4, bytes(1))) == abort(18, 4)


@pytest.mark.parametrize(
    "apdu",
    [
        put(""),  # no value (T_APPL_DATA_LN_N1)
        put("07"),  # no such type (T_APPL_DATA_LN_N3)
        put("0904414243"),
        put("0202" * 17 + "00"),
        put(NEW_NAME + "00"),
        "c106c1",
        "c1",
        f"c104c1 01 {TARGET} 02 {NEW_NAME} {NEW_NAME}",
        first(b"abc")[:-2],
    ],
)
def test_undecodable_requests(apdu: str) -> None:
    bench = associated()
    assert bench.send(apdu) == UNKNOWN
    assert bench.meter.written == []


def test_set_is_legal_only_if_negotiated() -> None:
    bench: Bench = associated(proposed=int(Conformance.GET))
    assert bench.send(put()) == UNKNOWN
    assert bench.meter.written == []


def test_blocks_of_one_service_never_complete_another() -> None:
    bench = associated()
    bench.send(first(b"\x0f"))
    assert bench.send("c306c1 01 00000002 01 00") == "c701c11000"
    bench.send("c304c1 0046 000060030aff 01 00 00000001 01 0f")
    assert bench.send(block(2, b"\x00", last=True)) == abort(18, 2)
    assert (bench.meter.written, bench.meter.invoked) == ([], [])
