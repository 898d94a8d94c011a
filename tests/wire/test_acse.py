# SPDX-License-Identifier: MIT
"""AARQ, AARE, RLRQ, RLRE and the initiate APDUs in them (Green Book 9.4.2, 9.5)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.errors import PeerError
from simulator.wire import acse, initiate
from simulator.wire.axdr import Malformed

octets = st.binary(max_size=200)
maybe = st.none() | octets
octet = st.integers(0, 255)
maybe_octet = st.none() | octet
bits24 = st.integers(0, 0xFFFFFF)
u16 = st.integers(0, 0xFFFF)


@given(st.builds(acse.Aarq, **dict.fromkeys(acse.Aarq._fields, maybe)))
def test_aarq_round_trips_with_any_of_its_fields(noun: acse.Aarq) -> None:
    assert acse.decode_aarq(acse.encode_aarq(noun)) == noun


@given(
    st.builds(acse.Aare, **{**dict.fromkeys(acse.Aare._fields, maybe), **dict.fromkeys(acse.Aare._fields[:3], octets)})
)
def test_aare_round_trips(noun: acse.Aare) -> None:
    assert acse.decode_aare(acse.encode_aare(noun)) == noun


@given(maybe, maybe)
def test_releases_round_trip(reason: bytes | None, user_information: bytes | None) -> None:
    rlrq, rlre = acse.Rlrq(reason, user_information), acse.Rlre(reason, user_information)
    assert acse.decode_rlrq(acse.encode_rlrq(rlrq)) == rlrq
    assert acse.decode_rlre(acse.encode_rlre(rlre)) == rlre


@given(st.builds(initiate.InitiateRequest, maybe, st.booleans(), maybe_octet, octet, bits24, u16))
def test_initiate_request_round_trips(noun: initiate.InitiateRequest) -> None:
    assert initiate.decode_request(initiate.encode_request(noun)) == noun


@given(st.builds(initiate.InitiateResponse, maybe_octet, octet, bits24, u16, u16))
def test_initiate_response_round_trips(noun: initiate.InitiateResponse) -> None:
    assert initiate.decode_response(initiate.encode_response(noun)) == noun


@given(octet)
def test_confirmed_service_error_round_trips(reason: int) -> None:
    noun = initiate.ConfirmedServiceError(reason)
    assert initiate.decode_error(initiate.encode_error(noun)) == noun


DECODERS = [acse.decode_aarq, acse.decode_aare, acse.decode_rlrq, acse.decode_rlre]
INITIATE_DECODERS = [initiate.decode_request, initiate.decode_response, initiate.decode_error]


@given(st.sampled_from(range(4)), st.binary(max_size=100))
def test_any_octets_decode_or_are_malformed(which: int, body: bytes) -> None:
    for apdu in (bytes((0x60 + which, len(body))) + body, body):
        try:
            DECODERS[which](apdu)
        except PeerError:
            continue


@given(st.sampled_from(INITIATE_DECODERS), st.sampled_from([b"\x01", b"\x08", b"\x0e", b""]), st.binary(max_size=40))
def test_any_initiate_decodes_or_is_malformed(decode: object, tag: bytes, body: bytes) -> None:
    try:
        decode(tag + body)  # type: ignore[operator]
    except PeerError:
        return


def test_aarq_of_a_low_level_client() -> None:
    """The shape of the Green Book's example: LN context, LLS password, conformance, PDU size 1200."""
    apdu = bytes.fromhex(
        "6036 a109 0607 60857405080101 8a02 0780 8b07 60857405080201 ac0a 8008 3132333435363738"
        "be10 040e 01 00 00 00 06 5f1f04 00 007e1f 04b0"
    )
    aarq = acse.decode_aarq(apdu)
    assert aarq.context_name == acse.CONTEXT_NAME + b"\x01"
    assert aarq.mechanism_name == acse.MECHANISM_NAME + b"\x01"
    assert aarq.requirements == acse.AUTHENTICATION_UNIT
    assert aarq.authentication_value == b"12345678"
    request = initiate.decode_request(aarq.user_information or b"")
    assert request == initiate.InitiateRequest(None, True, None, 6, 0x007E1F, 1200)
    assert acse.encode_aarq(aarq) == apdu


def test_fields_nobody_knows_are_stepped_over() -> None:
    aarq = acse.decode_aarq(bytes.fromhex("600f 9c021234 a109 0607 60857405080101"))
    assert aarq == acse.Aarq(context_name=acse.CONTEXT_NAME + b"\x01")


def test_conformance_in_the_short_form_of_early_clients() -> None:
    request = initiate.decode_request(bytes.fromhex("01 00 00 00 06 5f04 00 007e1f 0080"))
    assert (request.conformance, request.max_pdu) == (0x007E1F, 128)


@pytest.mark.parametrize(
    ("apdu", "why"),
    [
        ("", "nothing there"),
        ("6005 a1030601", "shorter than its length"),
        ("6000 00", "longer than its length"),
        ("6003 a10706", "a field beyond its APDU"),
        ("6004 a1020605", "a value beyond its field"),
        ("6006 a104 0601 01 00", "a field longer than its value"),
        ("61020000", "no AARQ"),
    ],
)
def test_broken_aarqs(apdu: str, why: str) -> None:
    with pytest.raises(Malformed):
        acse.decode_aarq(bytes.fromhex(apdu))


def test_an_aare_without_its_result_is_malformed() -> None:
    with pytest.raises(Malformed, match="mandatory"):
        acse.decode_aare(bytes.fromhex("610b a109 0607 60857405080101"))
