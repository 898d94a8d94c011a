# SPDX-License-Identifier: MIT
"""The GET service through a session: single, with list, in blocks, selective (Green Book 9.3.6, 9.4.6.3)."""

from __future__ import annotations

import pytest
from dlms_bench import (
    ENERGY,
    ENERGY_VALUE,
    EVERYTHING,
    NAME,
    PROFILE,
    PROFILE_VALUE,
    SECRET,
    UNKNOWN,
    Bench,
    associated,
    get,
    get_list,
    get_next,
)

from simulator.dlms.limits import Limits
from simulator.ports import GetItem
from simulator.wire.apdu_get import GetResponseBlock, decode_response
from simulator.wire.codes import Conformance
from simulator.wire.selection import EntryDescriptor, OtherSelector

ENTRIES = "01 02 0204 0600000001 0600000000 120001 120000"
NO_BLOCKS = EVERYTHING & ~int(Conformance.BLOCK_TRANSFER_WITH_GET)
NO_LIST = EVERYTHING & ~int(Conformance.MULTIPLE_REFERENCES)
NO_SELECTION = EVERYTHING & ~int(Conformance.SELECTIVE_ACCESS)


def aborted(number: int, code: int, invoke: int = 0xC1) -> str:
    return f"c402{invoke:02x}01{number:08x}01{code:02x}"


def blocks_of(bench: Bench, first: str | None) -> list[GetResponseBlock]:
    found = []
    reply = first
    while True:
        assert reply is not None
        block = decode_response(bytes.fromhex(reply))
        assert isinstance(block, GetResponseBlock)
        found.append(block)
        if block.last:
            return found
        reply = bench.send(get_next(block.number))


def stream(blocks: list[GetResponseBlock]) -> bytes:
    assert [block.number for block in blocks] == list(range(1, len(blocks) + 1))
    return b"".join(block.result for block in blocks if isinstance(block.result, bytes))


def test_one_attribute() -> None:
    assert associated().send(get(ENERGY)) == "c401c100" + ENERGY_VALUE


@pytest.mark.parametrize("invoke", [0x00, 0x40, 0x41, 0x4F, 0x81, 0xC0, 0xCF, 0xFF])
def test_the_answer_bears_the_requests_invoke_id_and_priority(invoke: int) -> None:
    """GET has no unconfirmed form (Green Book 9.3.6): it is answered whatever the service-class bit says."""
    assert associated().send(get(ENERGY, invoke=invoke)) == f"c401{invoke:02x}00{ENERGY_VALUE}"


@pytest.mark.parametrize(
    ("attribute", "code"),
    [
        (SECRET, 3),
        (bytes.fromhex("0003 0100020800ff 02"), 4),
        (bytes.fromhex("0003 0100010800ff 00"), 4),  # attribute 0 without its bit is one that is not there
        (bytes.fromhex("0000 0100010800ff 02"), 4),  # class 0
    ],
)
def test_refusals_are_the_meters(attribute: bytes, code: int) -> None:
    assert associated().send(get(attribute)) == f"c401c101{code:02x}"


def test_list_mixes_values_and_refusals_in_order() -> None:
    """In the field: one result each, in order."""
    reply = associated().send(get_list(ENERGY, SECRET, NAME, bytes(9)))
    assert reply == "c403c104" + "00" + ENERGY_VALUE + "0103" + "000910" + b"MTF0000000000001".hex() + "0104"


def test_an_empty_list_gets_an_empty_list() -> None:
    assert associated().send("c003c100") == "c403c100"


def test_list_needs_multiple_references() -> None:
    bench = associated(proposed=NO_LIST)
    assert bench.send(get_list(ENERGY, NAME)) == UNKNOWN
    assert bench.meter.asked == []


def test_list_of_too_many() -> None:
    bench = associated(limits=Limits(max_items=3))
    assert bench.send(get_list(*[ENERGY] * 4)) == "d80103"
    assert bench.send(get_list(*[ENERGY] * 3)) == "c403c103" + ("00" + ENERGY_VALUE) * 3


@pytest.mark.parametrize("client_pdu", [12, 13, 20, 128, 136, 137, 138, 139, 140, 265, 266, 267, 268])
def test_long_answer_in_blocks_of_the_clients_pdu_size(client_pdu: int) -> None:
    bench = associated(client_pdu=client_pdu)
    first = bench.send(get(PROFILE))
    blocks = blocks_of(bench, first)
    assert stream(blocks) == PROFILE_VALUE
    assert len(first or "") // 2 in (client_pdu, client_pdu - 1)  # one octet lost where the length field grows
    assert len(bench.meter.asked) == 1


def test_long_answer_octet_for_octet() -> None:
    bench = associated(client_pdu=128)
    first = bench.send(get(PROFILE))
    assert first == "c402c10000000001" + "0076" + PROFILE_VALUE[:118].hex()
    assert bench.send(get_next(1, invoke=0x42)) == "c4024200000000020076" + PROFILE_VALUE[118:236].hex()


@pytest.mark.parametrize("client_pdu", [len(PROFILE_VALUE) + 4, 0, 0xFFFF])
def test_an_answer_that_just_fits_comes_whole(client_pdu: int) -> None:
    """0: no limit."""
    assert associated(client_pdu=client_pdu).send(get(PROFILE)) == "c401c100" + PROFILE_VALUE.hex()


def test_an_answer_one_octet_longer_does_not() -> None:
    bench = associated(client_pdu=len(PROFILE_VALUE) + 3)
    assert stream(blocks_of(bench, bench.send(get(PROFILE)))) == PROFILE_VALUE


def test_long_list_is_one_stream() -> None:
    """In the field: block transfer where a list is long; the blocks carry the encoded list of results."""
    bench = associated(client_pdu=128)
    blocks = blocks_of(bench, bench.send(get_list(ENERGY, PROFILE, SECRET)))
    expected = bytes.fromhex("03 00" + ENERGY_VALUE) + b"\x00" + PROFILE_VALUE + b"\x01\x03"
    assert stream(blocks) == expected


def test_long_answer_without_block_transfer() -> None:
    bench = associated(client_pdu=128, proposed=NO_BLOCKS)
    assert bench.send(get(PROFILE)) == "c401c101fa"
    assert bench.send(get_list(ENERGY, PROFILE, SECRET)) == "c403c10301fa01fa0103"
    assert bench.send(get_list(*[NAME] * 100)) == "d80103"  # not even the refusals would fit
    assert bench.send(get_next(1)) == UNKNOWN


def test_next_without_a_transfer() -> None:
    assert associated().send(get_next(1)) == aborted(1, 16)


def test_next_after_the_last_block() -> None:
    bench = associated(client_pdu=300)
    blocks = blocks_of(bench, bench.send(get(PROFILE)))
    assert bench.send(get_next(blocks[-1].number)) == aborted(len(blocks), 16)


@pytest.mark.parametrize("number", [0, 2, 7, 0xFFFFFFFF])
def test_wrong_block_number_aborts(number: int) -> None:
    bench = associated(client_pdu=128)
    bench.send(get(PROFILE))
    assert bench.send(get_next(number)) == aborted(number, 19)
    assert bench.send(get_next(1)) == aborted(1, 16)


@pytest.mark.parametrize(
    "between",
    [
        get(ENERGY),
        get_list(ENERGY),
        "c001c1",
        "c007c1",
        "0501fa00",
        "c303c100",
        "c104c1 00 00",
        "c103c1 00 00000001 00",
        "c302c1 00000001",
    ],
)
def test_any_other_request_ends_the_transfer(between: str) -> None:
    bench = associated(client_pdu=128)
    bench.send(get(PROFILE))
    assert bench.send(between) is not None
    assert bench.send(get_next(1)) == aborted(1, 16)


def test_a_pblock_transfer_is_no_get_transfer() -> None:
    bench = associated(client_pdu=128)
    bench.send("c301c1 0046 000060030aff 02 00")
    assert bench.send(get_next(1)) == aborted(1, 16)


def test_selection_reaches_the_meter() -> None:
    bench = associated()
    bench.send(get(PROFILE, selection=ENTRIES))
    assert bench.meter.asked == [GetItem(PROFILE, EntryDescriptor(1, 0, 1, 0))]
    bench.send(get(ENERGY, selection="01 01 00"))
    assert isinstance(bench.meter.asked[1].selection, OtherSelector)


def test_selection_needs_its_bit() -> None:
    """Type-unmatched; the other items of a list are served."""
    bench = associated(proposed=NO_SELECTION)
    assert bench.send(get(PROFILE, selection=ENTRIES)) == "c401c1010c"
    assert bench.meter.asked == []
    plain, selective = ENERGY.hex() + "00", PROFILE.hex() + ENTRIES
    reply = bench.send(f"c003c104 {selective} {plain} {selective} {plain}")
    assert reply == "c403c104" + ("010c" + "00" + ENERGY_VALUE) * 2
    assert bench.meter.asked == [GetItem(ENERGY, None)] * 2
    assert bench.send(f"c003c101 {selective}") == "c403c101010c"


@pytest.mark.parametrize(
    "apdu",
    [
        get(ENERGY)[:-2],  # access-selection is missing (T_APPL_DATA_LN_N1)
        get(ENERGY) + "00",
        get(ENERGY, selection="01"),
        "c001",
        "c0",
        "c000c1",
        "c004c1",
        "c001c1 0003 0100010800ff 02 01 01 07",
        "c003c1 05 " + ENERGY.hex() + "00",
    ],
)
def test_undecodable_requests(apdu: str) -> None:
    bench = associated()
    assert bench.send(apdu) == UNKNOWN
    assert bench.send(get(ENERGY)) == "c401c100" + ENERGY_VALUE
