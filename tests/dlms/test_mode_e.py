# SPDX-License-Identifier: MIT
"""The sign-on of protocol mode E (IEC 62056-21 clause 6 and annex E), and HDLC after it, octets against the link."""

from __future__ import annotations

import pytest
from dlms_bench import METER, PUBLIC, Meter
from hypothesis import given
from hypothesis import strategies as st

from simulator.dlms.hdlc_link import HdlcLink
from simulator.dlms.mode_e_link import OPENING, LineSpeed, ModeELink, SignedOn
from simulator.dlms.session import Session
from simulator.wire import hdlc, mode_e
from simulator.wire.hdlc import Address, Frame
from simulator.wire.mode_e import Choice, SignOn

SNRM = hdlc.encode_command(Frame(Address(METER), PUBLIC, 0x93))
DISC = hdlc.encode_command(Frame(Address(METER), PUBLIC, 0x53))
UA, DM = 0x73, 0x1F
IDENTIFICATION = b"/MFL5\\2MFL0009160000001\r\n"
CONFIRMED = b"\x06252\r\n"
FAST = LineSpeed(9600)


class Bench:
    def __init__(self) -> None:
        self.found = {"": SignedOn(0, "MFL", "MFL0009160000001"), "9160000001": SignedOn(0, "MFL", "MFL0009160000001")}
        link = HdlcLink(lambda number: number == METER)
        self.line = ModeELink(link, self.found.get, baud=9600, inactivity_ms=120_000)
        self.session = Session({METER: Meter()}.get, framing=self.line)
        self.now_ms = 0

    def feed(self, octets: bytes) -> bytes:
        self.session.feed(octets, self.now_ms)
        out = b""
        while (outcome := self.session.next()) is not None:
            assert isinstance(outcome, bytes)
            out += outcome
        return out

    def sign_on(self) -> None:
        assert self.feed(b"/?!\r\n") == IDENTIFICATION
        assert self.feed(CONFIRMED) == CONFIRMED
        assert self.line.speed == FAST


def test_sign_on_and_hdlc() -> None:
    bench = Bench()
    assert bench.line.speed == OPENING == LineSpeed(300, seven_bits_even=True)
    bench.sign_on()
    assert bench.feed(SNRM)[5] == UA
    assert bench.feed(DISC)[5] == UA
    assert bench.line.speed == OPENING  # the end of the connection is the end of the session


def test_hdlc_before_the_sign_on_is_not_heard() -> None:
    bench = Bench()
    assert bench.feed(SNRM) == b""
    assert bench.feed(b"\r\n") == b""
    bench.now_ms = 2_000
    bench.sign_on()


def test_parity_bits_are_passed_over() -> None:
    """An adapter that runs at 8N1 shows the parity bit of 7E1 as the eighth."""
    odd = bytes(octet | (0x80 if octet.bit_count() % 2 else 0) for octet in b"/?!\r\n")
    assert odd != b"/?!\r\n"
    assert Bench().feed(odd) == IDENTIFICATION


@pytest.mark.parametrize("address", ["9160000001", "0009160000001"])
def test_the_address_of_the_device(address: str) -> None:
    """6.3.3: leading zeros are not significant; nobody else answers."""
    assert Bench().feed(f"/?{address}!\r\n".encode()) == IDENTIFICATION
    assert Bench().feed(b"/?9160000002!\r\n") == b""


def test_octet_by_octet_with_noise_before() -> None:
    bench = Bench()
    out = b"".join(bench.feed(bytes((octet,))) for octet in b"\x00\xff\r\n?!/?!\r\n")
    assert out == IDENTIFICATION


def test_a_pause_between_characters_ends_the_message() -> None:
    """6.3.13: 1500 ms."""
    bench = Bench()
    assert bench.feed(b"/?") == b""
    bench.now_ms = 1_501
    assert bench.feed(b"!\r\n") == b""
    assert bench.feed(b"/?") == b""
    bench.now_ms += 1_500
    assert bench.feed(b"!\r\n") == IDENTIFICATION


@pytest.mark.parametrize("choice", [b"\x06050\r\n", b"\x06051\r\n", b"\x06262\r\n", b"\x062x2\r\n"])
def test_another_protocol_or_a_speed_not_offered(choice: bytes) -> None:
    """The meter has mode E at up to 9600 baud only: it goes back to the start without a word."""
    bench = Bench()
    assert bench.feed(b"/?!\r\n") == IDENTIFICATION
    assert bench.feed(choice) == b""
    assert bench.line.speed == OPENING
    bench.sign_on()


def test_a_slower_speed_may_be_chosen() -> None:
    bench = Bench()
    bench.feed(b"/?!\r\n")
    assert bench.feed(b"\x06232\r\n") == b"\x06232\r\n"
    assert bench.line.speed == LineSpeed(2400)


def test_an_acknowledgement_without_a_request() -> None:
    assert Bench().feed(CONFIRMED) == b""


@pytest.mark.parametrize("connected", [True, False])
def test_silence_ends_it(connected: bool) -> None:
    """Back at the opening speed after the inactivity time-out, with or without a connection."""
    bench = Bench()
    bench.sign_on()
    if connected:
        assert bench.feed(SNRM)[5] == UA
    bench.line.pass_time(119_999)
    assert bench.line.speed == FAST
    bench.line.pass_time(120_000)
    assert bench.line.speed == OPENING
    assert bench.line.meter is None


def test_a_reader_that_lost_the_thread_signs_on_anew() -> None:
    bench = Bench()
    bench.sign_on()
    bench.feed(SNRM)
    bench.sign_on()


def test_messages() -> None:
    assert mode_e.read_line(b"/?!") == SignOn("")
    assert mode_e.read_line(b"xx/?0012!") == SignOn("12")
    assert mode_e.read_line(b"/?0!") == SignOn("0")
    assert mode_e.read_line(b"\x06252") == Choice(9600, hdlc=True)
    assert mode_e.read_line(b"\x06050") == Choice(9600, hdlc=False)
    assert mode_e.read_line(b"/?" + b"1" * 33 + b"!") is None
    assert mode_e.identification("MFL", 9600, "MFL0009160000001") == IDENTIFICATION


@given(st.lists(st.binary(max_size=80), max_size=12))
def test_any_octets_are_survived(stream: list[bytes]) -> None:
    bench = Bench()
    for octets in stream:
        bench.feed(octets)
    bench.now_ms = 200_000
    bench.sign_on()
    assert bench.feed(SNRM)[5] == UA
