# SPDX-License-Identifier: MIT
"""GET, SET, ACTION and exception-response APDUs: known octets, round trips, broken ones (Green Book 9.5)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import blocks, data, descriptors, octet, targets, u32

from simulator.errors import PeerError
from simulator.wire import apdu_action as action
from simulator.wire import apdu_get as get
from simulator.wire import apdu_set as put
from simulator.wire import refusal
from simulator.wire.axdr import Data, Malformed, encode
from simulator.wire.codes import Tag
from simulator.wire.fields import Block
from simulator.wire.selection import CaptureObject, EntryDescriptor, OtherSelector, RangeDescriptor

ENERGY = bytes.fromhex("0003 0100010800ff 02")
PROFILE = bytes.fromhex("0007 0100630100ff 02")
CLOCK_COLUMN = CaptureObject(8, bytes.fromhex("0000010000ff"), 2, 0)


def many(item: st.SearchStrategy[object]) -> st.SearchStrategy[tuple[object, ...]]:
    return st.lists(item, max_size=4).map(tuple)


results = st.one_of(data.map(encode), octet)
outcomes = st.builds(action.Outcome, octet, st.none() | results)
pairs = st.lists(st.tuples(targets, data), max_size=4)
calls = st.lists(st.tuples(descriptors, data), max_size=4)

get_requests = st.one_of(
    st.builds(get.GetNormal, octet, targets),
    st.builds(get.GetNext, octet, u32),
    st.builds(get.GetWithList, octet, many(targets)),
)
get_responses = st.one_of(
    st.builds(get.GetResponseNormal, octet, results),
    st.builds(get.GetResponseBlock, octet, st.booleans(), u32, st.binary(max_size=300) | octet),
    st.builds(get.GetResponseWithList, octet, many(results)),
)
set_requests = st.one_of(
    st.builds(put.SetNormal, octet, targets, data),
    st.builds(put.SetFirstBlock, octet, targets, blocks),
    st.builds(put.SetBlock, octet, blocks),
    st.builds(
        lambda invoke, both: put.SetWithList(invoke, tuple(t for t, _ in both), tuple(v for _, v in both)), octet, pairs
    ),
    st.builds(put.SetWithListFirstBlock, octet, many(targets), blocks),
)
set_responses = st.one_of(
    st.builds(put.SetResponseNormal, octet, octet),
    st.builds(put.SetResponseBlock, octet, u32),
    st.builds(put.SetResponseLastBlock, octet, octet, u32),
    st.builds(put.SetResponseLastBlockWithList, octet, st.binary(max_size=200), u32),
    st.builds(put.SetResponseWithList, octet, st.binary(max_size=200)),
)
action_requests = st.one_of(
    st.builds(action.ActionNormal, octet, descriptors, st.none() | data),
    st.builds(action.ActionNext, octet, u32),
    st.builds(
        lambda invoke, both: action.ActionWithList(invoke, tuple(m for m, _ in both), tuple(p for _, p in both)),
        octet,
        calls,
    ),
    st.builds(action.ActionFirstBlock, octet, descriptors, blocks),
    st.builds(action.ActionWithListFirstBlock, octet, many(descriptors), blocks),
    st.builds(action.ActionBlock, octet, blocks),
)
action_responses = st.one_of(
    st.builds(action.ActionResponseNormal, octet, outcomes),
    st.builds(action.ActionResponseBlock, octet, blocks),
    st.builds(action.ActionResponseWithList, octet, many(outcomes)),
    st.builds(action.ActionResponseNext, octet, u32),
)


@given(get_requests)
def test_get_requests_round_trip(noun: get.GetRequest) -> None:
    assert get.decode_request(get.encode_request(noun)) == noun


@given(get_responses)
def test_get_responses_round_trip(noun: get.GetResponse) -> None:
    assert get.decode_response(get.encode_response(noun)) == noun


@given(set_requests)
def test_set_requests_round_trip(noun: put.SetRequest) -> None:
    assert put.decode_request(put.encode_request(noun)) == noun


@given(set_responses)
def test_set_responses_round_trip(noun: put.SetResponse) -> None:
    assert put.decode_response(put.encode_response(noun)) == noun


@given(action_requests)
def test_action_requests_round_trip(noun: action.ActionRequest) -> None:
    assert action.decode_request(action.encode_request(noun)) == noun


@given(action_responses)
def test_action_responses_round_trip(noun: action.ActionResponse) -> None:
    assert action.decode_response(action.encode_response(noun)) == noun


@given(
    st.builds(refusal.Refusal, octet, st.integers(0, 5), st.none()) | st.builds(refusal.Refusal, octet, st.just(6), u32)
)
def test_exception_responses_round_trip(noun: refusal.Refusal) -> None:
    assert refusal.decode(refusal.encode(noun)) == noun


DECODERS = {
    0xC0: get.decode_request,
    0xC1: put.decode_request,
    0xC3: action.decode_request,
    0xC4: get.decode_response,
    0xC5: put.decode_response,
    0xC7: action.decode_response,
    0xD8: refusal.decode,
}


@given(st.sampled_from(sorted(DECODERS)), st.integers(0, 7), st.binary(max_size=80))
def test_any_octets_behind_a_tag_decode_or_are_malformed(tag: int, choice: int, rest: bytes) -> None:
    decode: Callable[[bytes], object] = DECODERS[tag]
    try:
        decode(bytes((tag, choice)) + rest)
    except PeerError:
        return


def test_get_with_range_reads_the_restricting_object_and_both_ends() -> None:
    """Blue Book 4.3.6.2.2, selector 1."""
    start, end = "090c07e9060107000000ff014a00", "090c07e9060207000000ff014a00"
    clock = "0204 120008 09060000010000ff 0f02 120000"
    octets = bytes.fromhex(f"c001c1 0007 0100630100ff 02 01 01 0204 {clock} {start} {end} 01 01 {clock}")
    selection = RangeDescriptor(
        CLOCK_COLUMN,
        Data(Tag.OCTET_STRING, bytes.fromhex(start)[2:]),
        Data(Tag.OCTET_STRING, bytes.fromhex(end)[2:]),
        (CLOCK_COLUMN,),
    )
    assert get.decode_request(octets) == get.GetNormal(0xC1, (PROFILE, selection))


def test_get_with_entries() -> None:
    """Blue Book 4.3.6.2.3, selector 2."""
    octets = bytes.fromhex("c001c1 0007 0100630100ff 02 01 02 0204 0600000001 0600000000 120001 120000")
    assert get.decode_request(octets) == get.GetNormal(0xC1, (PROFILE, EntryDescriptor(1, 0, 1, 0)))


@pytest.mark.parametrize(
    ("attribute", "selection"),
    [
        ("000f 0000280000ff 02", "01 00"),  # association object list: its own selectors
        ("0007 0100630100ff 03", "01 0204 0600000001 0600000000 120001 120000"),  # not the buffer
        ("0007 0100630100ff 02", "02 0203 0600000001 0600000000 120001"),  # three of four
        ("0007 0100630100ff 02", "02 0204 120001 120000 120001 120000"),  # types differ
        ("0007 0100630100ff 02", "01 0204 00 00 00 0100"),  # a range without restricting object
        ("0007 0100630100ff 02", "01 0204 0204 120008 0902ffff 0f02 120000 00 00 0100"),  # name of two octets
        ("0007 0100630100ff 02", "03 00"),
    ],
)
def test_other_parameters_are_left_to_the_attribute(attribute: str, selection: str) -> None:
    octets = bytes.fromhex(f"c001c1 {attribute} 01 {selection}")
    request = get.decode_request(octets)
    assert isinstance(request, get.GetNormal)
    assert isinstance(request.target[1], OtherSelector)
    assert get.encode_request(request) == octets


@pytest.mark.parametrize(
    ("octets", "why"),
    [
        ("c0", "no choice"),
        ("c000c1", "choice 0"),
        ("c004c1", "choice 4"),
        ("c001c1 0003 0100010800ff 02", "access-selection is missing"),
        ("c001c1 0003 0100010800ff 02 00 00", "an octet too many"),
        ("c001c1 0003 0100010800ff 02 01 01", "selection without parameters"),
        ("c002c1 000001", "block number cut off"),
        ("c003c1 02 0003 0100010800ff 02 00", "one of two"),
    ],
)
def test_broken_get_requests(octets: str, why: str) -> None:
    with pytest.raises(Malformed):
        get.decode_request(bytes.fromhex(octets))


@pytest.mark.parametrize(
    ("octets", "why"),
    [
        ("c106c1", "choice 6"),
        ("c101c1 0003 0100010800ff 02 00", "no value"),
        ("c101c1 0003 0100010800ff 02 00 0700", "no Data has tag 7"),
        ("c104c1 01 0003 0100010800ff 02 00 02 1101 1102", "two values for one attribute"),
        ("c102c1 0003 0100010800ff 02 00 00 00000001 05 00", "block cut off"),
    ],
)
def test_broken_set_requests(octets: str, why: str) -> None:
    with pytest.raises(Malformed):
        put.decode_request(bytes.fromhex(octets))


@pytest.mark.parametrize(
    ("octets", "why"),
    [
        ("c307c1", "choice 7"),
        ("c301c1 0046 000060030aff 01", "no word on parameters"),
        ("c303c1 01 0046 000060030aff 01 00", "no value for one method"),
    ],
)
def test_broken_action_requests(octets: str, why: str) -> None:
    with pytest.raises(Malformed):
        action.decode_request(bytes.fromhex(octets))


def test_known_responses() -> None:
    assert get.encode_response(get.GetResponseNormal(0xC1, b"\x11\x05")).hex() == "c401c1001105"
    assert get.encode_response(get.GetResponseNormal(0xC1, 4)).hex() == "c401c10104"
    assert get.encode_response(get.GetResponseWithList(0xC1, (b"\x00", 3))).hex() == "c403c10200000103"
    assert get.encode_response(get.GetResponseBlock(0xC1, True, 7, 19)).hex() == "c402c101000000070113"
    assert put.encode_response(put.SetResponseWithList(0xC1, b"\x00\x03")).hex() == "c505c1020003"
    assert action.encode_response(action.ActionResponseBlock(0x41, Block(False, 1, b"ab"))).hex() == (
        "c702410000000001026162"
    )
    assert (
        action.encode_response(action.ActionResponseNormal(0xC1, action.Outcome(0, b"\x00"))).hex() == "c701c100010000"
    )
