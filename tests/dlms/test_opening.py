# SPDX-License-Identifier: MIT
"""AARQ and AARE: what is granted, and each reason not to (Green Book 9.4.4; T_APPL_OPEN_*)."""

from __future__ import annotations

import pytest
from dlms_bench import (
    ENERGY,
    ENERGY_VALUE,
    EVERYTHING,
    METER,
    NOBODY,
    NOT_ASSOCIATED,
    OTHER_METER,
    PUBLIC,
    READER,
    UNKNOWN,
    Bench,
    aarq,
    diagnosis,
    get,
    low_level,
    request,
    rules,
    told,
)

from simulator.wire import acse
from simulator.wire.codes import Conformance
from simulator.wire.initiate import ConfirmedServiceError, InitiateResponse


def is_open(bench: Bench, client: int = PUBLIC) -> bool:
    reply = bench.send(get(ENERGY), client=client)
    assert reply in (NOT_ASSOCIATED, "c401c100" + ENERGY_VALUE)
    return reply != NOT_ASSOCIATED


def test_public_client_octet_for_octet() -> None:
    """T_APPL_OPEN_1."""
    bench = Bench()
    reply = bench.send("601d a109 0607 60857405080101 be10 040e 01 00 00 00 06 5f1f04 00 001e1d ffff")
    assert reply == "6129a109060760857405080101a203020100a305a103020100be10040e0800065f1f0400001e1d04000007"
    assert is_open(bench)


def test_low_level_password() -> None:
    bench = Bench()
    assert diagnosis(bench.open(READER)) == (0, "user", 0)
    assert is_open(bench, READER)


def test_server_tells_conformance_pdu_size_and_vaa() -> None:
    assert told(Bench(max_pdu=750).open()) == InitiateResponse(None, 6, EVERYTHING, 750, 7)


def test_conformance_is_what_both_want_and_the_engine_can() -> None:
    """A real meter's block; unconfirmed writes are nothing for logical names, so they stay out."""
    bench = Bench(conformance=0x24189D)
    answer = told(bench.open(conformance=0x7FFFFF & ~int(Conformance.SET)))
    assert isinstance(answer, InitiateResponse)
    assert answer.conformance == 0x201895


def test_quality_of_service_only_if_asked_for() -> None:
    """T_APPL_OPEN_11."""
    assert told(Bench().open()).quality_of_service is None  # type: ignore[union-attr]
    assert told(Bench().open(quality_of_service=0)).quality_of_service == 0  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"version": 5}, 1),  # T_APPL_OPEN_12
        ({"version": 7}, 1),
        ({"conformance": 0}, 2),
        ({"conformance": int(Conformance.READ | Conformance.WRITE)}, 2),
        ({"max_pdu": 11}, 3),  # T_APPL_OPEN_14
        ({"max_pdu": 1}, 3),
    ],
)
def test_initiate_errors(change: dict[str, int], error: int) -> None:
    bench = Bench()
    reply = bench.open(**change)
    assert diagnosis(reply) == (1, "user", 1)
    assert told(reply) == ConfirmedServiceError(error)
    assert not is_open(bench)


@pytest.mark.parametrize("size", [0, 12, 0xFFFF])
def test_pdu_sizes_that_will_do(size: int) -> None:
    """0: the client sets no limit."""
    assert diagnosis(Bench().open(max_pdu=size)) == (0, "user", 0)


@pytest.mark.parametrize("information", [None, b"", b"\x21\x00", request()[:-1], request() + b"\x00"])
def test_user_information_that_is_no_initiate_request(information: bytes | None) -> None:
    bench = Bench()
    reply = bench.open(acse_fields={"user_information": information})
    assert diagnosis(reply) == (1, "user", 1)
    assert told(reply) == ConfirmedServiceError(0)
    assert not is_open(bench)


@pytest.mark.parametrize("context", [0, 2, 3, 4, 5])
def test_unknown_application_context(context: int) -> None:
    """T_APPL_OPEN_5, short names, and the ciphered context for a client whose rules have none."""
    bench = Bench()
    reply = bench.open(context=context)
    assert diagnosis(reply) == (1, "user", 2)
    assert isinstance(told(reply), InitiateResponse)
    assert acse.decode_aare(bytes.fromhex(reply or "")).context_name == acse.CONTEXT_NAME + b"\x01"
    assert not is_open(bench)


@pytest.mark.parametrize("name", [None, b"", acse.CONTEXT_NAME, acse.MECHANISM_NAME + b"\x01"])
def test_a_context_name_that_is_none(name: bytes | None) -> None:
    assert diagnosis(Bench().open(acse_fields={"context_name": name})) == (1, "user", 2)


@pytest.mark.parametrize(
    ("fields", "diagnostic"),
    [
        ({}, 14),  # no word of authentication
        (low_level(mechanism=0)["acse_fields"], 14),
        ({"requirements": acse.AUTHENTICATION_UNIT}, 12),  # asked for, but which?
        ({"authentication_value": b"12345678"}, 12),
        (low_level(b"12345679")["acse_fields"], 13),
        (low_level(b"1234567")["acse_fields"], 13),
        (low_level(b"")["acse_fields"], 13),
        (low_level(None)["acse_fields"], 13),
        (low_level(mechanism=2)["acse_fields"], 11),
        (low_level(mechanism=9)["acse_fields"], 11),
        ({"mechanism_name": b"\x60"}, 11),
    ],
)
def test_authentication_refused(fields: dict[str, bytes | None], diagnostic: int) -> None:
    """T_APPL_OPEN_6 and 7."""
    bench = Bench()
    reply = bench.send(aarq(acse_fields=fields), client=READER)
    assert diagnosis(reply) == (1, "user", diagnostic)
    assert isinstance(told(reply), InitiateResponse)
    assert not is_open(bench, READER)


def test_an_empty_secret_is_no_open_door() -> None:
    bench = Bench()
    bench.meter.clients[READER] = rules(READER, 1)
    object.__setattr__(bench.meter.clients[READER], "secret", b"")
    assert diagnosis(bench.open(READER, **low_level(None))) == (1, "user", 13)


def test_public_client_may_name_mechanism_0_but_no_other() -> None:
    assert diagnosis(Bench().open(**low_level(None, mechanism=0))) == (0, "user", 0)
    assert diagnosis(Bench().open(**low_level(mechanism=1))) == (1, "user", 11)


def test_unknown_client_is_rejected() -> None:
    bench = Bench()
    reply = bench.open(NOBODY)
    assert diagnosis(reply) == (1, "user", 1)
    assert told(reply) == ConfirmedServiceError(4)
    assert not is_open(bench, NOBODY)


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        (None, (0, "user", 0)),
        (b"\x07\x80", (0, "user", 0)),
        (b"\x02\x84", (0, "user", 0)),  # version1 among others
        (b"\x07\x00", (1, "provider", 2)),
        (b"\x06\x40", (1, "provider", 2)),
        (b"\x00", (1, "provider", 2)),
        (b"", (1, "provider", 2)),
    ],
)
def test_acse_protocol_version(version: bytes | None, expected: tuple[int, str, int]) -> None:
    """T_APPL_OPEN_4."""
    assert diagnosis(Bench().open(acse_fields={"protocol_version": version})) == expected


def test_dedicated_key_without_ciphering_is_ignored() -> None:
    """T_APPL_OPEN_9."""
    bench = Bench()
    assert diagnosis(bench.open(dedicated_key=bytes(16))) == (0, "user", 0)
    assert is_open(bench)


def test_all_optional_fields_at_once() -> None:
    """T_APPL_OPEN_3: titles, qualifiers, invocation ids and implementation information do not disturb."""
    fields = {name: b"\x01\x02" for name in acse.Aarq._fields if name.startswith(("called", "calling"))}
    bench = Bench()
    assert diagnosis(bench.open(acse_fields={**fields, "implementation_information": b"x"})) == (0, "user", 0)
    assert is_open(bench)


def test_response_not_allowed_opens_without_a_word() -> None:
    bench = Bench()
    assert bench.open(response_allowed=False) is None
    assert is_open(bench)
    assert diagnosis(Bench().open(response_allowed=False, version=5)) == (1, "user", 1)


@pytest.mark.parametrize("apdu", ["60", "6001", "6005a103060200", "60ffff", "6002a105"])
def test_an_aarq_that_cannot_be_read(apdu: str) -> None:
    bench = Bench()
    assert bench.send(apdu) == UNKNOWN
    assert not is_open(bench)


def test_a_second_aarq_replaces_the_association() -> None:
    """In the field: read the counter as public client, then log in on the same connection without a release."""
    bench = Bench()
    bench.open(PUBLIC)
    assert diagnosis(bench.open(READER)) == (0, "user", 0)
    assert is_open(bench, READER)
    assert not is_open(bench, PUBLIC)
    assert diagnosis(bench.open(READER, max_pdu=128)) == (0, "user", 0)
    assert is_open(bench, READER)


def test_a_rejected_aarq_leaves_nothing_behind() -> None:
    bench = Bench()
    bench.open(PUBLIC)
    assert diagnosis(bench.open(READER, **low_level(b"wrong"))) == (1, "user", 13)
    assert not is_open(bench, PUBLIC)
    assert not is_open(bench, READER)


def test_each_meter_behind_a_port_has_its_own_association() -> None:
    bench = Bench()
    bench.open(PUBLIC, server=METER)
    assert bench.send(get(ENERGY), server=OTHER_METER) == NOT_ASSOCIATED
    bench.open(READER, server=OTHER_METER)
    assert bench.send(get(ENERGY), server=METER) == "c401c100" + ENERGY_VALUE
    assert bench.send(get(ENERGY), client=READER, server=OTHER_METER) == "c401c100" + ENERGY_VALUE
    assert len(bench.meters[OTHER_METER].asked) == 1
