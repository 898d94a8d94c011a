# SPDX-License-Identifier: MIT
"""The HDLC link beyond the runners' tests: windows, segments, RNR, UI, several stations, time, any bytes."""

from __future__ import annotations

import pytest
from dlms_bench import ENERGY, ENERGY_VALUE, PROFILE, PUBLIC, READER, aarq, get
from hdlc_bench import AARQ, DISC, FOUR, ONE, RR, SNRM, Line, Told, information, lpdu, ready
from hypothesis import given
from hypothesis import strategies as st

from simulator.dlms.hdlc_link import HdlcSettings, server_number, server_parts
from simulator.wire import hdlc
from simulator.wire.hdlc import ALL_STATION, Address, Control, Frame
from simulator.wire.hdlc_parameters import Parameters

UI = Control.UI | hdlc.POLL_FINAL
ENERGY_ANSWER = bytes.fromhex("e6e700c401c100" + ENERGY_VALUE)


def associated(proposed: Parameters | None = None, **how: object) -> Line:
    line = Line()
    line.connect(proposed, **how)
    line.one(AARQ, lpdu(aarq()), **how)
    return line


def profile(line: Line) -> bytes:
    """The whole answer as one piece, from a line without limits."""
    free = associated(Parameters(2030, 2030))
    return free.one(information(1, 1), lpdu(get(PROFILE))).information


@pytest.mark.parametrize("window", range(1, 8))
def test_a_long_answer_by_windows(window: int) -> None:
    """6.4.4.4.5: so many frames at each poll, the last with the final bit, S until the last segment."""
    line = associated(Parameters(128, 64, window, window))
    told = line.send(information(1, 1), lpdu(get(PROFILE)))
    gathered = b""
    expected = 1
    while True:
        assert len(told) <= window
        assert [bool(one.control & 0x10) for one in told] == [False] * (len(told) - 1) + [True]
        for one in told:
            assert one.number == expected
            assert len(one.information) <= 64
            expected = (expected + 1) % 8
            gathered += one.information
        if not told[-1].segmented:
            break
        assert len(told) == window
        told = line.send(ready(expected))
    assert gathered == profile(line)
    assert line.one(ready(expected)) == Told(ready(2))


def test_lost_frames_of_a_window_are_sent_again() -> None:
    """The poll's N(R) says from where on."""
    line = associated(Parameters(128, 64, 4, 4))
    first = line.send(information(1, 1), lpdu(get(PROFILE)))
    assert [one.number for one in first] == [1, 2, 3, 4]
    again = line.send(ready(3))
    assert again[:2] == [*first[2:3], first[3]._replace(control=first[3].control & ~16)]
    assert [one.number for one in again] == [3, 4, 5, 6]


def test_a_primary_that_is_not_ready_gets_no_information() -> None:
    line = associated(Parameters(128, 64))
    first = line.one(information(1, 1), lpdu(get(PROFILE)))
    assert line.one(Control.RNR | 2 << 5 | 0x10) == Told(ready(2))
    assert line.one(ready(2)).number == 2
    assert first.segmented


def test_an_answer_waits_for_the_poll() -> None:
    line = associated()
    assert line.send(information(1, 1, poll=False), lpdu(get(ENERGY))) == []
    assert line.send(ready(1, poll=False)) == []
    assert line.one(ready(1)) == Told(information(1, 2), ENERGY_ANSWER)


def test_requests_in_a_window_of_the_client() -> None:
    """Several segments without a poll, the poll with the last."""
    line = Line()
    line.connect(Parameters(128, 128, 3, 3))
    octets = lpdu(aarq())
    assert line.send(information(0, 0, poll=False), octets[:10], segmented=True) == []
    assert line.send(information(1, 0, poll=False), octets[10:20], segmented=True) == []
    assert line.one(information(2, 0), octets[20:]).control == information(0, 3)


def test_an_unconfirmed_request_gives_the_word_back() -> None:
    """Nothing is answered to it above, but the poll is."""
    line = associated()
    unconfirmed = "c10181" + ENERGY.hex() + "00" + "0600000001"
    assert line.one(information(1, 1), lpdu(unconfirmed)) == Told(ready(2))


@pytest.mark.parametrize("octets", ["", "e6e700c001", "c001c1", "e6"])
def test_information_without_an_lpdu_is_acknowledged_and_dropped(octets: str) -> None:
    line = associated()
    assert line.one(information(1, 1), octets) == Told(ready(2))


def test_ui_is_answered_by_ui() -> None:
    line = associated()
    assert line.one(UI, lpdu(get(ENERGY))) == Told(UI, ENERGY_ANSWER)
    assert line.send(Control.UI, lpdu(get(ENERGY))) == []
    assert line.send(UI, b"\x00\x00\x00\xc0") == []
    assert line.one(ready(1)) == Told(ready(1))  # the numbers of the connection are untouched
    assert len(line.meter.asked) == 2


def test_ui_to_all_stations_reaches_each_and_none_answers() -> None:
    """6.4.2.3: broadcast."""
    line = Line(HdlcSettings(), 18, 19)
    homes = [Address(1, physical, 4) for physical in (17, 18, 19)]
    for server in homes:
        line.connect(server=server)
        line.one(AARQ, lpdu(aarq()), server=server)
    for everyone in (Address(ALL_STATION, ALL_STATION, 4), Address(1, ALL_STATION, 4)):
        assert line.send(UI, lpdu(get(ENERGY)), server=everyone) == []
    meters = [line.homes[server_number(1, physical)] for physical in (17, 18, 19)]
    assert [len(meter.asked) for meter in meters] == [2, 2, 2]
    assert line.send(UI, lpdu(get(ENERGY)), server=Address(2, ALL_STATION, 4)) == []
    assert line.send(UI, lpdu(get(ENERGY)), server=Address(1, ALL_STATION, 4), client=READER) == []
    assert [len(meter.asked) for meter in meters] == [2, 2, 2]
    for server in homes:
        assert line.one(ready(1), server=server) == Told(ready(1))


def test_stations_of_one_line_do_not_mix() -> None:
    line = Line(HdlcSettings(), 18)
    other = Address(1, 18, 4)
    line.connect(server=FOUR)
    line.one(AARQ, lpdu(aarq()), server=FOUR)
    assert line.one(RR, server=other).control == 0x1F
    line.connect(server=other)
    assert line.one(information(0, 0), lpdu(get(ENERGY)), server=other).information.hex() == "e6e700d80101"
    assert line.one(information(1, 1), lpdu(get(ENERGY)), server=FOUR).information == ENERGY_ANSWER
    assert line.one(DISC, server=other).control == 0x73
    assert line.one(ready(2), server=FOUR) == Told(ready(2))


@pytest.mark.parametrize("control", [SNRM, DISC])
def test_the_association_ends_with_its_connection(control: int) -> None:
    """Green Book 9.4.5: the layer below is gone, and the association with it."""
    line = associated()
    line.one(control)
    line.connect()
    assert line.one(information(0, 0), lpdu(get(ENERGY))).information.hex() == "e6e700d80101"


@pytest.mark.parametrize("octets", ["818003050110", "818003080100", "8280", "818004050180"])
def test_a_snrm_that_cannot_be_met_is_refused(octets: str) -> None:
    """31 octets or no window at all, or parameters that cannot be read."""
    line = associated()
    assert line.one(SNRM, octets) == Told(0x1F)
    assert line.one(information(1, 1), lpdu(get(ENERGY))).information == ENERGY_ANSWER


def test_what_a_line_can_do_bounds_what_is_agreed() -> None:
    line = Line(HdlcSettings(window=2, information=256))
    assert line.connect(Parameters(2030, 128, 7, 1)) == Parameters(128, 256, 1, 2)


def test_commands_without_a_poll_are_not_answered() -> None:
    line = Line()
    assert line.send(SNRM & ~0x10) == []
    assert line.one(RR) == Told(0x11)
    assert line.send(DISC & ~0x10) == []
    assert line.one(DISC) == Told(0x1F)


def test_the_oldest_of_too_many_connections_goes() -> None:
    line = Line(HdlcSettings(max_connections=2))
    for client in (16, 32, 48):
        line.now_ms += 1
        line.connect(client=client)
    assert line.one(RR, client=16) == Told(0x1F)
    assert line.one(RR, client=32) == Told(0x11)


def test_silence_within_a_frame() -> None:
    """6.4.4.3.1: half a frame is forgotten after the inter-octet time-out, not before."""
    octets = hdlc.encode_command(Frame(ONE, PUBLIC, SNRM))
    line = Line(HdlcSettings(inter_octet_ms=25))
    assert line.feed(octets[:5]) == []
    line.now_ms += 25
    assert len(line.feed(octets[5:])) == 1
    assert line.feed(octets[:5]) == []
    line.now_ms += 26
    assert line.feed(octets[5:]) == []


def test_a_primary_that_asks_on_and_takes_nothing_is_held_up() -> None:
    """Memory is bounded: no request is taken up while a full answer waits."""
    line = Line(HdlcSettings(max_apdu=1024))
    line.connect()
    line.one(AARQ, lpdu(aarq()))
    for number in range(1, 400):
        line.send(information(number % 8, 1, poll=False), lpdu(get(PROFILE)))
    assert len(line.meter.asked) < 8


def test_too_long_an_lpdu_is_rejected() -> None:
    line = Line(HdlcSettings(max_apdu=1024))
    line.connect()
    numbers = iter(range(100))
    told = Told(0)
    while told.control != 0x97:
        told = line.one(information(next(numbers) % 8, 0), bytes(128), segmented=True)
    assert told.information[2] == 0x04
    assert next(numbers) == 9


def test_numbers_of_servers() -> None:
    assert server_number(1, None) == 1
    assert server_parts(server_number(1, 17)) == (1, 17)
    assert server_parts(1) == (1, None)


CONTROLS = st.sampled_from([SNRM, DISC, RR, 0x10, 0x00, 0x13, 0x03, 0x15, 0xFF, 0x32, 0x54, 0x51, 0x71])
COMMANDS = st.builds(
    lambda server, control, octets, segmented: hdlc.encode_command(Frame(server, PUBLIC, control, octets, segmented)),
    st.sampled_from([ONE, FOUR, Address(ALL_STATION), Address(1, ALL_STATION, 2)]),
    CONTROLS,
    st.one_of(st.just(b""), st.just(lpdu(aarq())), st.just(lpdu(get(PROFILE))), st.binary(max_size=140)),
    st.booleans(),
)


@given(st.lists(st.one_of(COMMANDS, st.binary(max_size=40)), max_size=20))
def test_any_commands_and_bytes_are_survived(stream: list[bytes]) -> None:
    """Whatever comes, every answer is a sound frame, and afterwards the meter can be read."""
    line = Line()
    for octets in stream:
        line.feed(octets)
    line.now_ms += 2_000
    line.connect()
    line.one(AARQ, lpdu(aarq()))
    assert line.one(information(1, 1), lpdu(get(ENERGY))).information == ENERGY_ANSWER
