# SPDX-License-Identifier: MIT
"""HDLC frames (IEC 62056-46 6.4): check sequences, addresses, frames out of any stream, parameters of SNRM and UA."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.wire import hdlc, hdlc_parameters
from simulator.wire.hdlc import ALL_STATION, CALLING, Address, Control, Frame, Splitter
from simulator.wire.hdlc_parameters import Parameters

SNRM = "7ea0070321930f017e"  # client 16, server 1, as every client sends it


def split(*stream: str) -> list[Frame]:
    splitter = Splitter()
    frames = []
    for part in stream:
        splitter.feed(bytes.fromhex(part))
        while (frame := splitter.next()) is not None:
            frames.append(frame)
    return frames


def test_fcs_of_the_check_string() -> None:
    """CRC-16/X-25 of 123456789 is 906E (ISO/IEC 13239 annex A, RFC 1662 C.2)."""
    assert hdlc.fcs(b"123456789").hex() == "6e90"


def test_a_known_snrm_both_ways() -> None:
    frame = Frame(Address(1), 16, Control.SNRM | hdlc.POLL_FINAL)
    assert split(SNRM) == [frame]
    assert hdlc.encode_command(frame).hex() == SNRM


@pytest.mark.parametrize(
    ("address", "octets"),
    [
        (Address(1), "03"),
        (Address(1, 17, 2), "0223"),
        (Address(1, 17, 4), "00020023"),
        (Address(1, 256, 4), "00020401"),
        (Address(ALL_STATION), "ff"),
        (Address(1, ALL_STATION, 2), "02ff"),
        (Address(ALL_STATION, ALL_STATION, 4), "fefefeff"),
        (Address(1, CALLING, 2), "02fd"),
        (Address(1, CALLING, 4), "0002fefd"),
    ],
)
def test_addresses(address: Address, octets: str) -> None:
    """6.4.2.2: one, two or four octets; special addresses are the same in each length."""
    assert address.encode().hex() == octets
    frame = Frame(address, 16, Control.SNRM)
    assert split(hdlc.encode_command(frame).hex()) == [frame]


def test_a_response_has_the_addresses_the_other_way_round() -> None:
    octets = hdlc.encode(Address(1, 17, 4), 16, 0x73)
    assert octets[3:8].hex() == "2100020023"


INFORMATION = Frame(Address(1), 16, 0x10, bytes(range(120)), segmented=True)


def test_a_frame_at_any_split() -> None:
    stream = hdlc.encode_command(INFORMATION).hex()
    for at in range(0, len(stream), 2):
        assert split(stream[:at], stream[at:]) == [INFORMATION]
    assert split(*(stream[at : at + 2] for at in range(0, len(stream), 2))) == [INFORMATION]


def test_two_frames_may_share_a_flag() -> None:
    stream = hdlc.encode_command(INFORMATION).hex()
    assert split(stream + stream[2:] + stream) == [INFORMATION] * 3


def test_every_damaged_octet_is_noticed() -> None:
    octets = hdlc.encode_command(INFORMATION)
    for at in range(len(octets)):
        damaged = bytearray(octets)
        damaged[at] ^= 0x04
        assert split(damaged.hex()) == []


def test_a_frame_after_garbage() -> None:
    for garbage in ("00", "7e", "7e7e7e", "7e00", "a0077e", "7ea0037e", "0d0a2f3f210d0a", SNRM[:-2] + "ff"):
        assert split(garbage + SNRM)[-1] == split(SNRM)[0]


def test_check_sequence_of_the_header() -> None:
    """The HCS is checked apart from the FCS (6.4.2.1)."""
    octets = bytearray(hdlc.encode_command(INFORMATION)[1:-3])
    octets[5] ^= 0xFF
    whole = b"\x7e" + bytes(octets) + hdlc.fcs(bytes(octets)) + b"\x7e"
    assert split(whole.hex()) == []


@given(st.lists(st.binary(max_size=60), max_size=8))
def test_any_bytes_are_taken_and_bounded(parts: list[bytes]) -> None:
    splitter = Splitter(max_pending=64)
    for part in parts:
        splitter.feed(part)
        while splitter.next() is not None:
            pass
        assert splitter.buffered <= 64


@given(st.binary(min_size=1, max_size=2030), st.integers(0, 255), st.booleans())
def test_information_both_ways(information: bytes, control: int, segmented: bool) -> None:
    frame = Frame(Address(1, 16, 4), 48, control, information, segmented)
    assert split(hdlc.encode_command(frame).hex()) == [frame]


@pytest.mark.parametrize(
    ("information", "parameters"),
    [
        ("", Parameters()),
        ("818012050180060180070400000001080400000001", Parameters()),
        ("818014050207ee060207ee070400000007080400000004", Parameters(2030, 2030, 7, 4)),
        ("81800c050180060180070101080101", Parameters()),
        ("818003050180", Parameters(128)),
        ("8180060501ff070103", Parameters(255, window_transmit=3)),
        ("818003050180f00401020304", Parameters(128)),  # a user's own group follows
        ("818004050180", None),
        ("8280", None),
        ("8180", None),
        ("81800305ff80", None),
    ],
)
def test_parameters(information: str, parameters: Parameters | None) -> None:
    """6.4.4.4.3.2: what is not said has its default; numbers of one, two or four octets."""
    assert hdlc_parameters.decode(bytes.fromhex(information)) == parameters


def test_parameters_as_they_are_sent() -> None:
    assert hdlc_parameters.encode(Parameters()).hex() == "818012050180060180070400000001080400000001"
    wide = Parameters(2030, 256, 7, 1)
    assert hdlc_parameters.decode(hdlc_parameters.encode(wide)) == wide


def test_what_one_sends_the_other_receives() -> None:
    proposed = Parameters(500, 64, 4, 2)
    assert hdlc_parameters.agree(proposed, information=2030, window=7) == Parameters(64, 500, 2, 4)
    assert hdlc_parameters.agree(proposed, information=128, window=1) == Parameters(64, 128, 1, 1)
    assert not Parameters(31).valid
    assert not Parameters(window_receive=0).valid


@pytest.mark.parametrize("address", [Address(1), Address(1, 17, 2), Address(1, 256, 4)])
def test_what_a_server_sends_is_read_by_its_client(address: Address) -> None:
    """The destination stands first (6.4.2): here that is the client."""
    splitter = Splitter(decode=hdlc.decode_from_server)
    splitter.feed(hdlc.encode(address, 64, Control.UI, b"\xe6\xe7\x00\x0f", segmented=True))
    assert splitter.next() == Frame(address, 64, Control.UI, b"\xe6\xe7\x00\x0f", segmented=True)
