# SPDX-License-Identifier: GPL-2.0-only
"""What real client stacks need of a meter, each need tried over TCP on a running fleet.

Each of these broke at least one server or client in the field. Frames are laid out by hand from the Green Book, so
that no encoder of ours can agree with a decoder of ours on a mistake.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from live import (
    BLOCK,
    CLOCK,
    ENERGY,
    MESSAGE,
    PUBLIC,
    READER,
    Judge,
    Meter,
    Spawned,
    Wire,
    attribute_hex,
    by_entry,
    framed,
    get_hex,
)

NAME = "0.0.42.0.0.255"  # logical device name
NOT_ASSOCIATED, UNKNOWN_SERVICE = "d80101", "d80202"
ACCEPTED = "a203020100a305a103020100"  # result 0, acse-service-user, diagnostic 0
MR_BLOCK, PUBLIC_BLOCK = "001e1f", "001010"  # what a client proposes here
LISTED = "c003c1"  # get-request-with-list


@pytest.fixture
def meter(floating: Spawned) -> Meter:
    return floating.meters[4]


@pytest.fixture
def wire(meter: Meter) -> Iterator[Wire]:
    with Wire(meter) as wire:
        yield wire


def aarq(
    password: str | None = None,
    *,
    context: str = "01",
    mechanism: str = "01",
    version: str = "06",
    block: str = MR_BLOCK,
    pdu: int = 1024,
    quality: str = "00",
    before: str = "",
) -> str:
    """AARQ (Green Book 9.4.2); `before` stands for fields ahead of the application context name."""
    initiate = f"010000{'00' if quality == '00' else '01' + quality}{version}5f1f0400{block}{pdu:04x}"
    secret = (password or "").encode().hex()
    authentication = f"8a0207808b07608574050802{mechanism}ac{len(secret) // 2 + 2:02x}80{len(secret) // 2:02x}{secret}"
    octets = len(bytes.fromhex(initiate))
    body = before + f"a109060760857405 0801{context}" + (authentication if password is not None else "")
    body += f"be{octets + 2:02x}04{octets:02x}{initiate}"
    return f"60{len(bytes.fromhex(body)):02x}" + body


def log_in(wire: Wire, meter: Meter) -> None:
    assert ACCEPTED in wire.ask(aarq(meter.password), READER)


# ------------------------------------------------------------------------------------------- opening and releasing


def test_a_second_aarq_replaces_the_association_and_its_rights(wire: Wire, meter: Meter) -> None:
    """A client reads the invocation counter as public client, then logs in, on one connection and with no release."""
    assert ACCEPTED in wire.ask(aarq())
    assert wire.ask(get_hex(3, ENERGY)) == "c401c10104"
    log_in(wire, meter)
    assert wire.ask(get_hex(3, ENERGY), READER).startswith("c401c10017")
    assert wire.ask(get_hex(8, CLOCK)) == NOT_ASSOCIATED
    assert ACCEPTED in wire.ask(aarq())
    assert wire.ask(get_hex(3, ENERGY)) == "c401c10104"


def test_a_refused_aarq_ends_the_association_before_it(wire: Wire, meter: Meter) -> None:
    log_in(wire, meter)
    assert ACCEPTED not in wire.ask(aarq("wrong"), READER)
    assert wire.ask(get_hex(3, ENERGY), READER) == NOT_ASSOCIATED


@pytest.mark.parametrize(
    ("rlrq", "rlre"),
    [
        ("6200", "6303800100"),
        ("6203800100", "6303800100"),
        ("6212be10040e01000000065f1f0400001e1f0400", "6315800100be10040e0800065f1f0400"),
    ],
    ids=["empty", "reason", "user-information"],
)
def test_a_release_is_answered_by_an_rlre_whose_lengths_are_right(
    wire: Wire, meter: Meter, rlrq: str, rlre: str
) -> None:
    log_in(wire, meter)
    answer = wire.ask(rlrq, READER)
    assert answer.startswith(rlre)
    assert len(bytes.fromhex(answer)) == bytes.fromhex(answer)[1] + 2
    assert wire.ask(get_hex(3, ENERGY), READER) == NOT_ASSOCIATED
    log_in(wire, meter)


@pytest.mark.parametrize("asked", ["00", "03"])
def test_quality_of_service_is_answered_only_where_it_was_asked(wire: Wire, asked: str) -> None:
    """InitiateResponse: 08, then 00 or 01 and the quality, then the version (Green Book 9.5)."""
    told = wire.ask(aarq(quality=asked))
    assert ("0800065f1f04" if asked == "00" else "080103065f1f04") in told


def test_the_negotiated_services_are_those_that_both_have(wire: Wire, meter: Meter) -> None:
    proposed = wire.ask(aarq(meter.password, block="ffffff"), READER)
    assert "0800065f1f0400001e1d" in proposed  # the model's client 32: no attribute 0, no event notification
    assert proposed.endswith("04000007")  # PDU of 1024 octets, VAA 0007 for logical names


REJECTED = "a203020101"


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"password": "0123456789abcdef"}, "a305a10302010d"),  # authentication-failure
        ({"password": None}, "a305a10302010e"),  # authentication-required
        ({"mechanism": "02"}, "a305a10302010b"),  # authentication-mechanism-name-not-recognised
        ({"context": "05"}, "a305a103020102"),  # application-context-name-not-supported
        ({"context": "03"}, "a305a103020102"),  # ciphered: not for client 32
        ({"context": "02"}, "a305a103020102"),  # short names
        ({"before": "80020780"}, ACCEPTED[10:]),  # protocol-version: version 1 is among those proposed
        ({"before": "80020700"}, "a305a203020102"),  # no-common-acse-version, of the service provider
        ({"pdu": 11}, "0e010603"),  # initiate error pdu-size-too-short
        ({"version": "05"}, "0e010601"),  # dlms-version-too-low
        ({"block": "000000"}, "0e010602"),  # incompatible-conformance
        ({"block": "000040"}, "0e010602"),  # event notification alone
    ],
)  # fmt: skip
def test_an_opening_that_must_be_refused_is_refused_by_its_proper_code(
    wire: Wire, meter: Meter, changed: dict[str, str | int | None], told: str
) -> None:
    aare = wire.ask(aarq(**{"password": meter.password, **changed}), READER)  # type: ignore[arg-type]
    granted = told == ACCEPTED[10:]
    assert told in aare
    assert (REJECTED in aare) != granted
    assert bytes.fromhex(aare)[1] + 2 == len(bytes.fromhex(aare))
    assert (wire.ask(get_hex(3, ENERGY), READER) == NOT_ASSOCIATED) != granted
    log_in(wire, meter)  # the connection has not suffered


def test_a_client_that_the_meter_does_not_know_is_refused(wire: Wire, meter: Meter) -> None:
    assert REJECTED in wire.ask(aarq(meter.password), 77)


def test_a_logical_device_that_does_not_exist_is_silent_and_harms_nobody(wire: Wire) -> None:
    wire.send_octets(framed(aarq(), PUBLIC, server=7))
    assert ACCEPTED in wire.ask(aarq())  # the next answer is for the next question


@pytest.mark.parametrize(
    "apdu",
    [
        "0501020000", "06010200000100", "d940000001000000", "e0810001000000",
        LISTED + "01" + attribute_hex(8, CLOCK, 2) + "00",
    ],
    ids=["read", "write", "access", "general-block-transfer", "with-list"],
)  # fmt: skip
def test_services_that_were_not_negotiated_are_refused(wire: Wire, apdu: str) -> None:
    assert ACCEPTED in wire.ask(aarq(block=PUBLIC_BLOCK))
    assert wire.ask(apdu) == UNKNOWN_SERVICE
    assert wire.ask(get_hex(8, CLOCK)).startswith("c401c100090c")


# ------------------------------------------------------------------------------------------------- bytes on the way


def test_pipelined_requests_are_answered_in_order_with_their_own_invoke_ids(wire: Wire, meter: Meter) -> None:
    """A profile needs the database, a register does not: the second must not overtake the first."""
    log_in(wire, meter)
    last_row = by_entry(3360, 3360, 1, 1).hex()
    asked = [get_hex(3, ENERGY, invoke=0xC0 | n) for n in range(16)]
    asked[::4] = [get_hex(7, BLOCK, invoke=0x40 | n, selection=f"01{last_row}") for n in range(0, 16, 4)]
    wire.send_octets(b"".join(framed(apdu, READER) for apdu in asked))
    answers = [wire.receive() for _ in asked]
    assert [answer[4:6] for answer in answers] == [apdu[4:6] for apdu in asked]
    assert all(answer[6:12] == "000101" for answer in answers[::4])
    assert len(set(answers[1::4])) == 4
    assert {answer[6:10] for answer in answers[1::4]} == {"0017"}


def test_requests_may_be_split_at_any_byte(meter: Meter) -> None:
    """Also within the header. The answer to another client says that the heads have arrived by themselves."""
    stream = framed(aarq(meter.password), READER) + framed(get_hex(1, NAME), READER)
    wires = [Wire(meter) for _ in range(1, len(stream))]
    for cut, wire in enumerate(wires, 1):
        wire.send_octets(stream[:cut])
    with Wire(meter) as other:
        assert ACCEPTED in other.ask(aarq())
    for cut, wire in enumerate(wires, 1):
        wire.send_octets(stream[cut:])
    for wire in wires:
        assert ACCEPTED in wire.receive()
        assert wire.receive().startswith("c401c1000a10")
        wire.close()


def test_a_request_may_come_octet_by_octet(wire: Wire, meter: Meter) -> None:
    for octet in framed(aarq(meter.password), READER):
        wire.send_octets(bytes((octet,)))
    assert ACCEPTED in wire.receive()


def test_a_header_that_announces_more_than_follows_hangs_nobody_else(meter: Meter) -> None:
    """One server is knocked out for good by a length of FFFF."""
    stuck = [Wire(meter) for _ in range(3)]
    for wire, header in zip(stuck, ("000100100001ffff", "000100100001ffffc001", "0001001000010020"), strict=True):
        wire.send_octets(bytes.fromhex(header))
    with Judge(meter) as judge:
        assert judge.get(3, ENERGY).result == 0
        assert len(judge.rows(BLOCK, by_entry(1, 10))) == 10
    rest = framed(aarq())[8:]
    stuck[2].send_octets(rest.ljust(0x20, b"\x00")[:0x20])  # the announced octets, but no APDU among them
    assert stuck[2].receive()  # an answer all the same
    for wire in stuck:
        wire.close()


def test_a_header_that_is_none_closes_that_connection_only(meter: Meter) -> None:
    with Wire(meter) as wrong, Wire(meter) as right:
        assert ACCEPTED in right.ask(aarq())
        wrong.send_octets(b"GET / HTTP/1.1\r\n\r\n")
        with pytest.raises(AssertionError, match="closed the connection"):
            wrong.receive_frame()
        assert right.ask(get_hex(8, CLOCK)).startswith("c401c100090c")


def test_octets_that_are_no_apdu_are_answered_and_the_association_lives_on(wire: Wire, meter: Meter) -> None:
    log_in(wire, meter)
    for apdu in ("c0", "c001c1", "c001c1000801", get_hex(3, ENERGY) + "ff", "ffffffff", "c101c1" + "02" * 40):
        assert wire.ask(apdu, READER)[:2] == "d8", apdu
    assert wire.ask(get_hex(3, ENERGY), READER).startswith("c401c10017")


# ------------------------------------------------------------------------------------------------------ many at once


def test_fifty_clients_at_once_each_with_its_own_state_and_rights(floating: Spawned) -> None:
    """All are associated at the same time, each in its own place of a block transfer of its own size."""
    meter, together = floating.meters[5], threading.Barrier(50)
    with Judge(meter) as judge:
        expected = judge.rows(BLOCK, by_entry(3241, 0))

    def client(number: int) -> bool:
        own = PUBLIC if number % 5 == 0 else READER
        with Judge(meter, own, max_pdu=64 + 3 * number) as judge:
            together.wait(20)
            name = bytes(judge.get(1, NAME).octets)
            if own == PUBLIC:
                return (judge.get(3, ENERGY).result, judge.get(7, BLOCK).result, len(name)) == (4, 4, 18)
            return judge.rows(BLOCK, by_entry(3241, 0)) == expected and judge.blocks > 10

    assert len(expected) == 120
    with ThreadPoolExecutor(50) as pool:
        assert all(pool.map(client, range(50)))


def test_one_connection_may_ask_for_the_transfer_of_another_in_vain(meter: Meter) -> None:
    """Block transfer state belongs to an association: get-request-next elsewhere finds no transfer (result 16)."""
    with Judge(meter, max_pdu=128) as judge, Wire(meter) as other:
        log_in(other, meter)
        request = judge.protocol._read(BLOCK, 7, 2, None)
        judge.wire.send_octets(bytes(request[0]))
        assert judge.wire.receive().startswith("c402")
        assert other.ask("c002c100000001", READER) == "c402c101000000010110"


# ------------------------------------------------------------------------------------------------------ GET with list


WANTED = [
    (8, CLOCK, 2),
    (3, ENERGY, 2),
    (15, "0.0.40.0.0.255", 7),
    (1, "0.0.96.99.99.255", 2),
    (1, CLOCK, 2),
    (7, BLOCK, 9),
]
RESULTS = ["00090c", "0017", "0103", "0104", "0109", "01"]


def with_list(places: list[tuple[int, str, int]]) -> str:
    return f"{LISTED}{len(places):02x}" + "".join(attribute_hex(*place) + "00" for place in places)


def test_a_list_with_refused_items_has_one_result_each_in_order(wire: Wire, meter: Meter) -> None:
    log_in(wire, meter)
    answer = wire.ask(with_list(WANTED), READER)
    assert answer.startswith(f"c403c1{len(WANTED):02x}")
    singles = [wire.ask(get_hex(*place), READER).removeprefix("c401c1") for place in WANTED]
    assert answer[8:] == "".join(singles)
    assert all(single.startswith(result) for single, result in zip(singles, RESULTS, strict=True))


def test_a_long_list_with_refused_items_goes_by_blocks(wire: Wire, meter: Meter) -> None:
    places = WANTED * 5
    assert ACCEPTED in wire.ask(aarq(meter.password, pdu=64), READER)
    answers = [wire.ask(with_list(places), READER)]
    while answers[-1][6:8] == "00":  # last-block FALSE
        answers.append(wire.ask(f"c002c1{answers[-1][8:16]}", READER))
    assert [int(answer[8:16], 16) for answer in answers] == list(range(1, len(answers) + 1))
    assert all(len(answer) <= 2 * 64 for answer in answers)
    assert len(answers) > 2
    stream = "".join(answer[20:] for answer in answers)  # c402, invoke-id, last, number, 00 for raw data, its length
    singles = [wire.ask(get_hex(*place), READER).removeprefix("c401c1") for place in places]
    assert stream == f"{len(places):02x}" + "".join(singles)


def test_a_list_may_mix_profiles_with_live_values(wire: Wire, meter: Meter) -> None:
    log_in(wire, meter)
    selection = "01" + by_entry(1, 1, 1, 1).hex()
    request = (
        f"{LISTED}03{attribute_hex(3, ENERGY, 2)}00{attribute_hex(7, BLOCK, 2)}{selection}{attribute_hex(1, NAME, 2)}00"
    )
    answer = wire.ask(request, READER)
    assert answer.startswith("c403c1030017")
    assert "0001010201090c07e9" in answer  # one row of one cell, a date-time
    assert "000a10" in answer


# ------------------------------------------------------------------------------------------------------ long requests


@pytest.mark.parametrize("pdu", [64, 128])
def test_a_long_set_goes_by_blocks(floating: Spawned, pdu: int) -> None:
    """SET with first datablock and datablocks (Green Book 9.3.7), cut by hand into blocks smaller than the PDU."""
    meter = floating.meters[6]
    value = "0a81a0" + (b"message %03d " % pdu * 14)[:160].hex()
    pieces = [value[at : at + 60] for at in range(0, len(value), 60)]
    with Wire(meter) as wire:
        assert ACCEPTED in wire.ask(aarq(meter.password, pdu=pdu), READER)
        for number, piece in enumerate(pieces, 1):
            last = "01" if number == len(pieces) else "00"
            head = f"c102c1{attribute_hex(1, MESSAGE, 2)}00" if number == 1 else "c103c1"
            answer = wire.ask(f"{head}{last}{number:08x}{len(piece) // 2:02x}{piece}", READER)
            assert answer == (f"c503c100{number:08x}" if last == "01" else f"c502c1{number:08x}")
    with Judge(meter) as judge:
        assert judge.get(1, MESSAGE).octets.hex() == value


def test_answers_never_exceed_the_pdu_that_the_client_takes(meter: Meter) -> None:
    for pdu, obis in itertools.product((64, 128, 300), (BLOCK, "0.0.40.0.0.255")):
        with Wire(meter) as wire:
            assert ACCEPTED in wire.ask(aarq(meter.password, pdu=pdu), READER)
            answer = wire.ask(get_hex(7 if obis == BLOCK else 15, obis), READER)
            assert answer.startswith("c402c10000000001")
            assert len(answer) // 2 <= pdu
