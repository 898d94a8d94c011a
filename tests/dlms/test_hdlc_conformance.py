# SPDX-License-Identifier: MIT
"""The tests of the data link layer by the names that conformance runners give them (T_HDLC_*), hex against the link.

Behaviour as IEC 62056-46 says; where a runner accepts FRMR or silence, what is expected here is what we do.
"""

from __future__ import annotations

import pytest
from dlms_bench import ENERGY, ENERGY_VALUE, PUBLIC, aarq, get
from hdlc_bench import AARQ, DISC, DM, FOUR, FRMR, ONE, RR, SNRM, UA, Line, Told, information, lpdu, ready

from simulator.wire import hdlc
from simulator.wire.acse import decode_aare
from simulator.wire.hdlc import Address, Frame
from simulator.wire.hdlc_parameters import Parameters

SNRM_FRAME = hdlc.encode_command(Frame(ONE, PUBLIC, SNRM))
RECEIVER_READY = Told(0x11)
NOTHING: list[Told] = []


@pytest.fixture
def line() -> Line:
    """In normal disconnected mode, where every test begins."""
    line = Line()
    assert line.one(DISC) == Told(DM)
    return line


def accepted(told: Told) -> bool:
    assert told.information.startswith(b"\xe6\xe7\x00")
    return decode_aare(told.information[3:]).result == b"\x00"


def test_t_hdlc_frame_p1(line: Line) -> None:
    """SNRM, RR and DISC: normal response mode is reached and left."""
    line.connect()
    assert line.one(RR) == RECEIVER_READY
    assert line.one(DISC) == Told(UA)
    assert line.one(DISC) == Told(DM)


def test_t_hdlc_frame_p2(line: Line) -> None:
    """A command whose end is missing is passed over; the mode is what it was."""
    line.connect()
    assert line.feed(hdlc.encode_command(Frame(ONE, PUBLIC, DISC))[:-1]) == NOTHING
    line.now_ms += 5_000
    assert line.one(RR) == RECEIVER_READY
    assert line.one(DISC) == Told(UA)


def test_t_hdlc_frame_p3(line: Line) -> None:
    """The inactivity time-out ends the connection, and the association in it."""
    line.connect()
    assert accepted(line.one(AARQ, lpdu(aarq())))
    line.now_ms += 119_999
    assert line.one(ready(1)) == Told(0x31)
    line.now_ms += 120_000
    assert line.one(DISC) == Told(DM)
    line.connect()
    assert line.one(0x10, lpdu(get(ENERGY))).information.hex() == "e6e700d80101"


@pytest.mark.parametrize("broken", [SNRM_FRAME[1:], SNRM_FRAME[:-1], SNRM_FRAME[1:-1]])
def test_t_hdlc_frame_n1(line: Line, broken: bytes) -> None:
    """Opening flag, closing flag or both missing."""
    for _ in range(3):
        assert line.feed(broken) == NOTHING
        line.now_ms += 2_000
    assert line.one(DISC) == Told(DM)


def test_t_hdlc_frame_n2(line: Line) -> None:
    """Octet by octet taken out of an SNRM: no rest of it is answered, the whole one is."""
    octets = bytearray(SNRM_FRAME)
    while len(octets) > 4:
        del octets[3]
        octets[2] = (octets[2] - 1) & 0xFF
        assert line.feed(bytes(octets)) == NOTHING
        line.now_ms += 2_000
    line.connect()


def test_t_hdlc_frame_n3(line: Line) -> None:
    """Another frame format type."""
    assert line.feed(b"\x7e\x00" + SNRM_FRAME[2:]) == NOTHING
    line.now_ms += 2_000
    assert line.one(DISC) == Told(DM)


def test_t_hdlc_frame_n4(line: Line) -> None:
    """The length says one octet more than there are."""
    assert line.feed(SNRM_FRAME[:2] + bytes((SNRM_FRAME[2] + 1,)) + SNRM_FRAME[3:]) == NOTHING
    line.now_ms += 2_000
    assert line.one(DISC) == Told(DM)


@pytest.mark.parametrize("control", [0xFF, 0x97, 0x73, 0x1F, 0x19, 0xB7])
def test_t_hdlc_frame_n5(line: Line, control: int) -> None:
    """A control field that no command has: FRMR with bit W, until the link is set up anew."""
    line.connect()
    rejected = Told(FRMR, bytes((control, 0, 0x01)))
    assert line.one(control) == rejected
    assert line.one(RR) == rejected
    line.connect()
    assert line.one(DISC) == Told(UA)


def test_t_hdlc_frame_n7(line: Line) -> None:
    """An SNRM that became another command on its way; and one with a check sequence that is another's."""
    parameters = bytes.fromhex("818012050180060180070400000001080400000001")
    other = hdlc.encode_command(Frame(ONE, PUBLIC, 0x94, parameters))
    assert line.feed(other) == NOTHING
    assert line.one(DISC) == Told(DM)
    assert line.feed(other.replace(b"\x94", b"\x93", 1)) == NOTHING
    line.now_ms += 2_000
    assert line.one(DISC) == Told(DM)


def test_t_hdlc_frame_n8(line: Line) -> None:
    """A wrong check sequence."""
    for place in (-2, -3):
        octets = bytearray(SNRM_FRAME)
        octets[place] ^= 0x01
        assert line.feed(bytes(octets)) == NOTHING
        line.now_ms += 2_000
    assert line.one(DISC) == Told(DM)


def test_t_hdlc_address_n1(line: Line) -> None:
    """A client's address of two octets."""
    assert line.feed("7ea00b0002040100219361807e") == NOTHING
    body = bytes.fromhex("a0080300219 3".replace(" ", ""))
    assert line.feed(b"\x7e" + body + hdlc.fcs(body) + b"\x7e") == NOTHING
    assert line.one(DISC) == Told(DM)


@pytest.mark.parametrize("server", [Address(16), Address(2), Address(16, 17, 4), Address(1, 18, 4), Address(1, 18, 2)])
def test_t_hdlc_address_n4(line: Line, server: Address) -> None:
    """Nobody lives there."""
    for control in (SNRM, DISC, RR):
        assert line.send(control, server=server) == NOTHING
    assert line.send(AARQ, lpdu(aarq()), server=server) == NOTHING


@pytest.mark.parametrize(
    "server",
    [Address(0), Address(hdlc.ALL_STATION), Address(1, hdlc.ALL_STATION, 2), Address(1, hdlc.CALLING, 4),
     Address(hdlc.ALL_STATION, hdlc.ALL_STATION, 4), Address(1, 0, 4)],
)  # fmt: skip
def test_special_addresses_are_not_answered(line: Line, server: Address) -> None:
    """6.4.2.3: no station, calling, and all stations, to whom only UI may go."""
    for control in (SNRM, DISC, RR):
        assert line.send(control, server=server) == NOTHING
    assert line.one(DISC) == Told(DM)


def test_t_hdlc_address_n7(line: Line) -> None:
    """A server's address of three octets."""
    assert line.feed("7ea0090002052193afd07e") == NOTHING
    body = bytes.fromhex("a009020005219 3".replace(" ", ""))
    assert line.feed(b"\x7e" + body + hdlc.fcs(body) + b"\x7e") == NOTHING
    assert line.one(DISC) == Told(DM)


@pytest.mark.parametrize("server", [ONE, Address(1, 17, 2), FOUR])
def test_each_length_of_address_is_answered_in_kind(line: Line, server: Address) -> None:
    line.connect(server=server)
    line.session.feed(hdlc.encode_command(Frame(server, PUBLIC, RR)), 0)
    assert line.session.next() == hdlc.encode(server, PUBLIC, 0x11)


def test_t_hdlc_ndm2nrm_p1(line: Line) -> None:
    """Information fields of 2030 octets."""
    assert line.connect(Parameters(2030, 2030)) == Parameters(2030, 2030)


def test_t_hdlc_ndm2nrm_p2(line: Line) -> None:
    """Windows of 4; and what is not said keeps its default."""
    assert line.connect(Parameters(128, 128, 4, 4)) == Parameters(128, 128, 4, 4)
    assert line.connect() == Parameters(128, 128, 1, 1)


def test_t_hdlc_info_p1(line: Line) -> None:
    """AARQ in one frame."""
    line.connect()
    told = line.one(AARQ, lpdu(aarq()))
    assert told.control == 0x30
    assert accepted(told)


def test_t_hdlc_info_p2(line: Line) -> None:
    """AARQ in segments of four octets: each is acknowledged, the last is answered."""
    line.connect()
    octets = lpdu(aarq())
    parts = [octets[at : at + 4] for at in range(0, len(octets), 4)]
    for number, part in enumerate(parts[:-1]):
        assert line.one(information(number % 8, 0), part, segmented=True) == Told(ready((number + 1) % 8))
    last = len(parts) - 1
    told = line.one(information(last % 8, 0), parts[-1])
    assert told.control == information(0, (last + 1) % 8)
    assert accepted(told)


def test_t_hdlc_info_n1(line: Line) -> None:
    """An information field that is longer than was agreed: FRMR with bit Y."""
    line.connect()
    assert line.one(AARQ, bytes(129)) == Told(FRMR, bytes((AARQ, 0, 0x04)))
    line.connect()
    assert accepted(line.one(AARQ, lpdu(aarq())))


@pytest.mark.parametrize("control", [0x31, 0xF1, 0x35, 0x30])
def test_t_hdlc_info_n2(line: Line, control: int) -> None:
    """RR, RNR or I that acknowledges what was never sent: FRMR with bit Z."""
    line.connect()
    octets = lpdu(aarq()) if control == 0x30 else b""
    assert line.one(control, octets) == Told(FRMR, bytes((control, 0, 0x08)))
    line.connect()


def test_t_hdlc_info_n3(line: Line) -> None:
    """An I frame out of sequence is dropped, RR tells which is expected; the right one is taken."""
    line.connect()
    assert line.one(0x12, lpdu(aarq())) == RECEIVER_READY
    assert accepted(line.one(AARQ, lpdu(aarq())))


def test_t_hdlc_info_n3_duplicate(line: Line) -> None:
    """An I frame that comes twice is served once, and answered again by the same frame."""
    line.connect()
    line.one(AARQ, lpdu(aarq()))
    first = line.one(information(1, 1), lpdu(get(ENERGY)))
    assert first == Told(information(1, 2), bytes.fromhex("e6e700c401c100" + ENERGY_VALUE))
    assert line.one(information(1, 1), lpdu(get(ENERGY))) == first
    assert line.one(ready(1)) == first
    assert line.one(ready(2)) == Told(ready(2))
    assert len(line.meter.asked) == 1


def test_t_hdlc_ndmop_n1(line: Line) -> None:
    """AARQ without SNRM: DM."""
    assert line.one(AARQ, lpdu(aarq())) == Told(DM)
    assert line.one(RR) == Told(DM)
    assert line.one(DISC) == Told(DM)
