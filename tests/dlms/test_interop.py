# SPDX-License-Identifier: MIT
"""What real client stacks were seen to need of a server, one test for each need of a plain association.

Each of these broke at least one server or client in the field; the details of a service are in its own test file.
"""

from __future__ import annotations

import pytest
from dlms_bench import (
    ENERGY,
    ENERGY_VALUE,
    EVERYTHING,
    METER,
    NOT_ASSOCIATED,
    PROFILE,
    PROFILE_VALUE,
    PUBLIC,
    READER,
    SECRET,
    UNKNOWN,
    Bench,
    associated,
    diagnosis,
    get,
    get_list,
    get_next,
    told,
)

from simulator.wire import acse, wrapper
from simulator.wire.apdu_get import GetResponseBlock, decode_response
from simulator.wire.codes import Conformance
from simulator.wire.initiate import ConfirmedServiceError, InitiateResponse
from simulator.wire.selection import RangeDescriptor


def test_public_client_then_login_on_one_connection_without_release() -> None:
    bench = associated(PUBLIC)
    assert bench.send(get(ENERGY)) == "c401c100" + ENERGY_VALUE
    assert diagnosis(bench.open(READER)) == (0, "user", 0)
    assert bench.send(get(ENERGY), client=READER) == "c401c100" + ENERGY_VALUE
    assert bench.send(get(ENERGY), client=PUBLIC) == NOT_ASSOCIATED


@pytest.mark.parametrize(
    "rlrq",
    ["6200", "6203800100", "6212 be10 040e 01 00 00 00 06 5f1f04 00 001e1f 0400"],
    ids=["empty", "reason", "info"],
)
def test_release_is_answered_by_an_rlre_whose_lengths_are_right(rlrq: str) -> None:
    reply = associated().send(rlrq)
    assert reply is not None
    rlre = acse.decode_rlre(bytes.fromhex(reply))
    assert rlre.reason == b"\x00"
    assert (rlre.user_information is not None) == ("be" in rlrq)


def test_quality_of_service_is_in_the_answer_only_if_it_was_in_the_question() -> None:
    for asked in (None, 0, 3):
        answer = told(Bench().open(quality_of_service=asked))
        assert isinstance(answer, InitiateResponse)
        assert answer.quality_of_service == asked


def test_pipelined_requests_split_inside_the_header_bear_their_own_invoke_ids() -> None:
    bench = associated()
    stream = b"".join(wrapper.encode(PUBLIC, METER, bytes.fromhex(get(ENERGY, invoke=0xC0 | n))) for n in range(16))
    answers = bench.feed(stream[:45]) + bench.feed(stream[45:130]) + bench.feed(stream[130:])
    assert [answer[10] for answer in answers] == [0xC0 | n for n in range(16)]


def test_reading_what_is_not_there_is_a_data_access_result() -> None:
    bench = associated()
    for attribute in range(256):
        reply = bench.send(get(bytes.fromhex("0003 0100010800ff") + bytes((attribute,))))
        assert reply == ("c401c100" + ENERGY_VALUE if attribute == 2 else "c401c10104")


def test_fifty_clients_at_once_each_with_its_own_state() -> None:
    """One house for all; each client is in another place of another transfer."""
    sizes = range(60, 110)
    benches = [associated(client_pdu=size) for size in sizes]
    replies = [bench.send(get(PROFILE)) for bench in benches]
    streams = [b""] * len(benches)
    while any(replies):
        for place, (bench, reply) in enumerate(zip(benches, replies, strict=True)):
            if reply:
                block = decode_response(bytes.fromhex(reply))
                assert isinstance(block, GetResponseBlock)
                assert isinstance(block.result, bytes)
                streams[place] += block.result
                replies[place] = None if block.last else bench.send(get_next(block.number))
    assert streams == [PROFILE_VALUE] * len(benches)


def test_a_header_that_announces_ffff_octets_times_out_and_takes_none_along() -> None:
    hung, well = associated(), associated()
    hung.feed(bytes.fromhex("000100100001ffff c001"), 1_000)
    assert well.send(get(ENERGY)) == "c401c100" + ENERGY_VALUE
    assert not hung.session.expired(10_999)
    assert hung.session.expired(11_000)


def test_openings_that_must_be_refused() -> None:
    assert diagnosis(Bench().open(context=5)) == (1, "user", 2)
    assert diagnosis(Bench().open(acse_fields={"protocol_version": b"\x07\x00"})) == (1, "provider", 2)
    assert told(Bench().open(max_pdu=11)) == ConfirmedServiceError(3)
    assert told(Bench().open(conformance=0)) == ConfirmedServiceError(2)


@pytest.mark.parametrize(
    "apdu",
    ["05 01 02 fa00", "06 01 02 fa00 01 00", "d9 40000001 00 00 00", "e0 81 0001 0000 00", get_list(ENERGY)],
    ids=["read", "write", "access", "general-block-transfer", "with-list"],
)
def test_services_that_were_not_negotiated_are_refused(apdu: str) -> None:
    bench = associated(proposed=EVERYTHING & ~int(Conformance.MULTIPLE_REFERENCES))
    assert bench.send(apdu) == UNKNOWN


@pytest.mark.parametrize(
    "start",
    ["07e9060107000000ff014a00", "07e9060107000000008000ff", "07e90601ff0000ffff8000ff", "07e9060107000000fffeb600"],
    ids=["deviation", "no deviation", "no seconds", "india"],
)
@pytest.mark.parametrize("tag", ["090c", "19"], ids=["octet-string", "date-time"])
def test_ranges_reach_the_meter_as_they_came(tag: str, start: str) -> None:
    clock = "0204 120008 09060000010000ff 0f02 120000"
    bench = associated()
    reply = bench.send(get(PROFILE, selection=f"01 01 0204 {clock} {tag}{start} {tag}{start} 0100"))
    assert reply is not None
    selection = bench.meter.asked[0].selection
    assert isinstance(selection, RangeDescriptor)
    assert selection.start.value == bytes.fromhex(start)


def test_an_empty_profile_is_an_empty_array() -> None:
    bench = associated()
    bench.meter.values[PROFILE] = b"\x01\x00"
    assert bench.send(get(PROFILE)) == "c401c1000100"


def test_a_list_with_refusals_is_in_order_whole_or_in_blocks() -> None:
    bench = associated(client_pdu=100)
    wanted = [ENERGY, SECRET, bytes(9)] * 10
    reply = bench.send(get_list(*wanted))
    assert reply is not None
    first = decode_response(bytes.fromhex(reply))
    second = decode_response(bytes.fromhex(bench.send(get_next(1)) or ""))
    assert isinstance(first, GetResponseBlock)
    assert isinstance(second, GetResponseBlock)
    assert isinstance(first.result, bytes)
    assert isinstance(second.result, bytes)
    assert (first.result + second.result).hex() == "1e" + ("00" + ENERGY_VALUE + "0103" + "0104") * 10
