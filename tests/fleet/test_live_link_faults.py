# SPDX-License-Identifier: GPL-2.0-only
"""What a client sees of each fault of the link, as `test_live_faults` does of those in APDUs and answers."""

from __future__ import annotations

import select
from collections.abc import Iterator
from pathlib import Path

import pytest
from faults_bench import HDLC, SHORT_S, UDP, at_once, faulty, in_vain, lasting, place, reader
from gurux_dlms import GXReplyData
from live import BLOCK, CLOCK, MESSAGE, Judge, Spawned, Wire, by_entry, framed, free_port, get_hex, spawned
from ways_bench import HdlcStream, WayJudge

from simulator.headend.failures import (
    BrokenAnswer,
    ConnectionBroken,
    NoAnswer,
    NotReachable,
    ServiceRefused,
    kind_of,
)
from simulator.wire import hdlc
from simulator.wire.axdr import Data
from simulator.wire.codes import Tag
from simulator.wire.hdlc import Address, Frame

AT = "2025-06-10T10:00:00+05:30"
GONE = (NoAnswer, ConnectionBroken, NotReachable)
TEN_ROWS = by_entry(1, 10)


@pytest.fixture(scope="module")
def fleet(home: Path) -> Iterator[Spawned]:
    address = "127.45.1.1"
    listens = [
        f"hdlc,address={address},port={free_port()},info=128,window=1",
        f"udp,address={address},port={free_port()}",
    ]
    options = [word for listen in listens for word in ("--listen", listen)]
    where = f"wrapper,address={address},port={free_port()}"
    timing = ("--block-minutes", 15, "--history", "3d", "--start", AT, "--speed", 0)
    with spawned(home, 2, *timing, *options, listen=where) as fleet:
        yield fleet


def test_delay_is_felt_from_the_next_message_on_and_as_long_as_it_lasts(fleet: Spawned) -> None:
    with reader(fleet) as meter:
        meter.read(CLOCK)
        with faulty(fleet, 1, {"delay": "400ms"}), lasting(0.4):
            meter.read(CLOCK)
        at_once(lambda: meter.read(CLOCK))


def test_delay_with_jitter_is_longer_by_any_part_of_it(fleet: Spawned) -> None:
    with reader(fleet) as meter, faulty(fleet, 1, {"delay": "50ms", "jitter": "100ms"}), lasting(0.5):
        for _ in range(10):
            meter.read(CLOCK)


def test_dropped_request_is_not_heard_and_dropped_answer_is(fleet: Spawned) -> None:
    def text(octets: bytes) -> Data:
        return Data(Tag.VISIBLE_STRING, octets)

    with faulty(fleet, 1, {"drop": 1, "only": "requests"}), pytest.raises(NoAnswer):
        reader(fleet, timeout_s=SHORT_S).connect()
    with reader(fleet) as meter:
        meter.write(MESSAGE, 2, text(b"before"))
        with faulty(fleet, 1, {"drop": 1, "only": "requests"}), in_vain(meter):
            meter.write(MESSAGE, 2, text(b"unheard"))
    with reader(fleet) as meter:
        assert meter.read(MESSAGE).value == "before"
        with faulty(fleet, 1, {"drop": 1, "only": "answers"}), in_vain(meter):
            meter.write(MESSAGE, 2, text(b"heard"))
    with reader(fleet) as meter:
        assert meter.read(MESSAGE).value == "heard"


def test_loss_is_late_on_tcp_and_a_lost_datagram_on_udp(fleet: Spawned) -> None:
    # The request and its answer are each sent again after 10, 20, 40 ... 320 ms (RFC 6298 5.5).
    loss = {"loss": 1, "retransmission": "10ms", "times": 2}
    with reader(fleet) as meter:
        meter.association_view()
        with faulty(fleet, 1, loss), lasting(1.26):
            meter.read(CLOCK)
    with reader(fleet, 1, UDP) as meter, faulty(fleet, 1, {"loss": 1}), in_vain(meter):
        meter.read(CLOCK)


def test_bandwidth_makes_a_long_answer_slow(fleet: Spawned) -> None:
    with reader(fleet) as meter:
        meter.columns(BLOCK)
        table = meter.profile(BLOCK, first=1, count=1)  # its scalers are known then
        with faulty(fleet, 1, {"bandwidth": 100_000}), lasting(0.3):
            assert len(meter.profile(BLOCK, first=1, count=100).rows) == 100  # some 5,700 octets
    assert len(table.rows) == 1


def test_reset_at_byte(fleet: Spawned) -> None:
    with faulty(fleet, 1, {"reset_at_byte": 20}), Wire(fleet.meters[0]) as wire:
        wire.send_octets(framed("6200"))
        assert len(wire.receive_frame()) == 8 + 5  # RLRE
        wire.send_octets(framed("6200"))
        assert wire._stream.read(7) is not None
        with pytest.raises(ConnectionResetError):
            wire._stream.read(1)
    with faulty(fleet, 1, {"reset_at_byte": 20}), pytest.raises(ConnectionBroken, match="reset") as caught:
        reader(fleet).connect()
    assert kind_of(caught.value) == "CONNECTION_FAILED"  # TIMEOUT is of a meter that is silent


def test_half_open_connection_stays_dead_and_a_new_one_lives(fleet: Spawned) -> None:
    with Judge(fleet.meters[0]) as judge:
        with faulty(fleet, 1, {"half_open": 2}):
            assert judge.get(8, CLOCK).result == 0
            judge.wire.send_octets(framed(get_hex(8, CLOCK)))
            assert not select.select([judge.wire._socket], [], [], SHORT_S)[0]
        judge.wire.send_octets(framed(get_hex(8, CLOCK)))
        assert not select.select([judge.wire._socket], [], [], SHORT_S)[0], "no answer, no FIN, no reset"
        with reader(fleet) as meter:
            meter.read(CLOCK)


def test_half_open_conversation_by_udp_is_forgotten_and_begins_anew(fleet: Spawned) -> None:
    """There is nothing to tell anybody: the association is gone, and the next datagram finds a new one."""
    with reader(fleet, 1, UDP) as meter:
        meter.association_view()
        with faulty(fleet, 1, {"half_open": 0, "times": 1}):
            with in_vain(meter):
                meter.read(CLOCK)
            with pytest.raises(ServiceRefused):
                meter.read(CLOCK)


def test_refuse_concerns_new_connections_only(fleet: Spawned) -> None:
    with reader(fleet) as before, faulty(fleet, 1, {"refuse": True}):
        with pytest.raises(GONE):
            reader(fleet).connect()
        before.read(CLOCK)
        with reader(fleet, 2) as neighbour:
            neighbour.read(CLOCK)


def test_one_client_only(fleet: Spawned) -> None:
    with faulty(fleet, 1, {"one_client": True}):
        with reader(fleet) as first:
            with pytest.raises(GONE):
                reader(fleet).connect()
            first.read(CLOCK)
        with reader(fleet) as second:
            second.read(CLOCK)


def test_duplicate_answer_is_taken_for_the_next_one(fleet: Spawned) -> None:
    with reader(fleet) as meter:
        meter.association_view()
        with faulty(fleet, 1, {"duplicate": 1}):
            meter.read(CLOCK)
            with pytest.raises(BrokenAnswer, match="invoke-id"):
                meter.read(MESSAGE)


def test_corrupt_is_one_bit(fleet: Spawned) -> None:
    with Wire(fleet.meters[0]) as wire:
        whole = wire.ask("6200")
        with faulty(fleet, 1, {"corrupt": 1}):
            wire.send_octets(framed("6200"))
            broken = wire._stream.read(8 + len(whole) // 2)
    right = b"\0\1\0\1\0\x10" + (len(whole) // 2).to_bytes(2, "big") + bytes.fromhex(whole)
    wrong = int.from_bytes(broken, "big") ^ int.from_bytes(right, "big")
    assert wrong.bit_count() == 1


def test_bad_fcs_makes_the_client_ask_again(fleet: Spawned) -> None:
    where = place(fleet, 1, "hdlc")
    server = Address(1, where["physical"], 4)
    stream = HdlcStream(where["host"], where["port"])
    stream.send_octets(hdlc.encode_command(Frame(server, 16, hdlc.Control.SNRM | hdlc.POLL_FINAL)))
    assert is_sound(stream.receive_frame())
    request = Frame(server, 16, hdlc.POLL_FINAL, b"\xe6\xe6\x00" + bytes.fromhex("6200"))
    with faulty(fleet, 1, {"bad_fcs": 1, "times": 1}):
        stream.send_octets(hdlc.encode_command(request))
        assert not is_sound(stream.receive_frame())
        # Nothing has come that counts: the poll for frame 0 brings it once more (IEC 62056-46 6.4.4.4.3).
        stream.send_octets(hdlc.encode_command(Frame(server, 16, hdlc.Control.RR | hdlc.POLL_FINAL)))
        assert is_sound(stream.receive_frame())
    stream.close()
    with (
        reader(fleet, 1, HDLC) as meter,
        faulty(fleet, 1, {"bad_fcs": 1}),
        pytest.raises((BrokenAnswer, *GONE)),
    ):
        meter.read(CLOCK)


def is_sound(frame: bytes) -> bool:
    return frame[-3:-1] == hdlc.fcs(frame[1:-3])


def test_late_last_frame_is_the_last_block_or_the_last_segment(fleet: Spawned) -> None:
    late = {"late_last_frame": "400ms", "times": 1}
    with Judge(fleet.meters[0], max_pdu=200) as judge, faulty(fleet, 1, late), lasting(0.4):
        judge.get(7, BLOCK, 2, TEN_ROWS)
        assert judge.blocks > 1
    with WayJudge(place(fleet, 1, "hdlc"), fleet.meters[0].password) as judge:
        reply = GXReplyData()
        with faulty(fleet, 1, late):
            judge._exchange(judge.protocol._read(BLOCK, 7, 3, None)[0], reply)
            assert reply.isMoreData(), "the first of several segments"
            with lasting(0.4):
                while reply.isMoreData():
                    judge._exchange(judge.protocol.receiverReady(reply), reply)
