# SPDX-License-Identifier: GPL-2.0-only
"""What a client sees of each fault in APDUs and answers, and whom faults strike. Gurux speaks, through the product's
reader where that can meet the fault, else frame by frame; the faults come and go by order on one running fleet."""

from __future__ import annotations

import select
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from faults_bench import SHORT_S, at_once, faulty, lasting, place, reader, tell
from gurux_dlms import GXReplyData
from gurux_dlms.enums import Conformance
from gurux_dlms.GXDLMSExceptionResponse import GXDLMSExceptionResponse
from live import BLOCK, CLOCK, ENERGY, Judge, Spawned, by_entry, framed, free_port, spawned
from secure import DEDICATED, SecureJudge, login_of, shown_counter
from ways_bench import WayJudge

from simulator.headend.ciphering import Keys
from simulator.headend.failures import AssociationRefused, BrokenAnswer, ReadRefused
from simulator.headend.reader import MeterReader
from simulator.headend.way import Way
from simulator.wire.codes import DataAccessResult
from simulator.wire.gbt import GeneralBlock
from simulator.wire.gbt import decode as decode_block
from simulator.wire.gbt import encode as encode_block

AT = "2025-06-10T10:00:00+05:30"
CURRENT = "0.0.40.0.0.255"  # association
TEN_ROWS = by_entry(1, 10)
TWICE = 2


@pytest.fixture(scope="module")
def fleet(home: Path) -> Iterator[Spawned]:
    address = "127.45.0.1"
    listens = [
        f"wrapper,shared=1,port={free_port()}",
        f"gateway,port={free_port()}",
        f"hdlc,shared=1,port={free_port()}",
        "serial,pty=1",
    ]
    options = [word for listen in listens for word in ("--listen", listen)]
    where = f"wrapper,address={address},port={free_port()}"
    timing = ("--block-minutes", 15, "--history", "3d", "--start", AT, "--speed", 0)
    with spawned(home, 4, *timing, *options, listen=where) as fleet:
        yield fleet


# ------------------------------------------------------------------------------------------------------------ APDUs


def us(fleet: Spawned, **how: object) -> SecureJudge:
    """The utility setting client, ciphered."""
    return SecureJudge(fleet.meters[0], login_of(fleet.ready["meters"][0], 48, **how))


def test_bad_tag(fleet: Spawned) -> None:
    with us(fleet) as judge:
        judge.get(8, CLOCK)
        assert opens(judge.frames[-1], judge)
        with faulty(fleet, 1, {"bad_tag": 1}):
            judge.get(8, CLOCK)  # gurux reads on and does not mind
        assert not opens(judge.frames[-1], judge)


@pytest.mark.parametrize("dedicated", [None, DEDICATED])
@pytest.mark.parametrize("framing", ["wrapper", "hdlc"])
def test_bad_tag_is_never_believed_by_our_reader(fleet: Spawned, framing: str, dedicated: bytes | None) -> None:
    """Of any answer, be it in blocks, in HDLC segments, or the AARE's user-information; and what is right is read."""
    with ciphered(fleet, framing, dedicated) as meter:
        assert meter.association_view()
        assert meter.profile(BLOCK, first=1, count=10).rows
        with faulty(fleet, 1, {"bad_tag": 1}):
            for read in (lambda: meter.read(CLOCK), lambda: meter.profile(BLOCK, first=1, count=10)):
                with pytest.raises(BrokenAnswer, match="authentication tag is wrong"):
                    read()
    with faulty(fleet, 1, {"bad_tag": 1}), pytest.raises(BrokenAnswer, match="authentication tag is wrong"):
        ciphered(fleet, framing, dedicated).connect()


def ciphered(fleet: Spawned, framing: str, dedicated: bytes | None) -> MeterReader:
    login, where = login_of(fleet.ready["meters"][0], 48), place(fleet, 1, framing, shared=framing == "hdlc")
    keys, way = Keys(login.ek, login.ak, dedicated), Way(hdlc=framing == "hdlc", physical=where.get("physical"))
    return MeterReader(
        where["host"], where["port"], client=48, password=login.secret, mechanism=login.mechanism, keys=keys, way=way,
        max_pdu=300,
    )  # fmt: skip


@pytest.mark.parametrize("share", [0, 1])
def test_bad_tag_of_an_answer_in_general_blocks(fleet: Spawned, share: int) -> None:
    """It is ciphered as a whole, then cut up (Green Book 9.4.6.13)."""
    general = Conformance.GET | Conformance.GENERAL_BLOCK_TRANSFER
    with us(fleet, conformance=general) as judge, faulty(fleet, 1, {"bad_tag": share}):
        judge.wire.send_octets(bytes(judge.protocol._read(CURRENT, 15, 2, None)[0]))
        blocks = [decode_block(judge.wire.receive_frame()[8:])]
        while not blocks[-1].last:
            judge.wire.send_octets(acknowledgement(blocks[-1].number))
            blocks.append(decode_block(judge.wire.receive_frame()[8:]))
        apdu = b"".join(block.data for block in blocks)
        assert apdu[:2] == b"\xcc\x82"
        assert opens(bytes(8) + apdu[:1] + apdu[3:], judge) is not bool(share)


def acknowledgement(number: int) -> bytes:
    """Of the blocks up to this one, with a window of one."""
    block = GeneralBlock(last=True, streaming=False, window=1, number=number, acknowledged=number, data=b"")
    return framed(encode_block(block).hex(), 48)


def opens(frame: bytes, judge: SecureJudge) -> bool:
    """Whether the tag of an answer is right, as the library's own GCM sees it (NIST SP 800-38D 7.2)."""
    cipher = judge.protocol.ciphering
    control, counter, text, tag = frame[10:11], frame[11:15], frame[15:-12], frame[-12:]
    mode = modes.GCM(bytes(judge.protocol.settings.sourceSystemTitle) + counter, tag, min_tag_length=12)
    decryptor = Cipher(algorithms.AES(bytes(cipher.blockCipherKey)), mode).decryptor()
    decryptor.authenticate_additional_data(control + bytes(cipher.authenticationKey))
    decryptor.update(text)
    try:
        decryptor.finalize()
    except InvalidTag:
        return False
    return True


@pytest.mark.parametrize("client", ["plain", "ciphered"])
def test_wrong_block_number(fleet: Spawned, client: str) -> None:
    judge = Judge(fleet.meters[0], max_pdu=200) if client == "plain" else us(fleet)
    with judge, faulty(fleet, 1, {"wrong_block_number": 2}), pytest.raises(Exception, match=r"(?i)block"):
        judge.get(7, BLOCK, 2)


@pytest.mark.parametrize("client", ["plain", "ciphered"])
def test_lost_block_of_a_get(fleet: Spawned, client: str) -> None:
    judge = Judge(fleet.meters[0], max_pdu=200) if client == "plain" else us(fleet)
    with judge, faulty(fleet, 1, {"lost_block": 2}):
        reply = GXReplyData()
        judge._exchange(judge.protocol._read(BLOCK, 7, 2, None)[0], reply)
        assert reply.isMoreData()
        judge.wire._socket.settimeout(SHORT_S)
        with pytest.raises(TimeoutError):
            judge._exchange(judge.protocol.receiverReady(reply), reply)


def test_lost_general_block_is_asked_for_again(fleet: Spawned) -> None:
    """Green Book 9.4.6.13: the acknowledgement tells up to where the blocks came in order."""
    general = Conformance.GET | Conformance.GENERAL_BLOCK_TRANSFER
    with us(fleet, conformance=general) as judge, faulty(fleet, 1, {"lost_block": 2, "times": 1}):
        wire = judge.wire
        wire.send_octets(bytes(judge.protocol._read(CURRENT, 15, 2, None)[0]))
        assert decode_block(wire.receive_frame()[8:]).number == 1
        wire.send_octets(acknowledgement(1))
        assert not select.select([wire._socket], [], [], SHORT_S)[0]
        wire.send_octets(acknowledgement(1))
        assert decode_block(wire.receive_frame()[8:]).number == 2
        wire.send_octets(acknowledgement(2))
        assert decode_block(wire.receive_frame()[8:]).number == 3


def test_pdu_too_big(fleet: Spawned) -> None:
    with Judge(fleet.meters[0], max_pdu=200) as judge:
        with faulty(fleet, 1, {"pdu_too_big": 1000}):
            octets = judge.get(7, BLOCK, 2, TEN_ROWS).octets
            assert judge.blocks == 1
            assert len(octets) > 200
        assert judge.get(7, BLOCK, 2, TEN_ROWS).octets == octets
        assert judge.blocks > 1


def test_counter_shift_sends_an_old_counter(fleet: Spawned) -> None:
    with us(fleet) as judge:
        judge.get(8, CLOCK)
        before = counter_of(judge.frames[-1])
        with faulty(fleet, 1, {"counter_shift": -5}):
            judge.get(8, CLOCK)
        assert counter_of(judge.frames[-1]) == before + 1 - 5
        judge.get(8, CLOCK)
        assert counter_of(judge.frames[-1]) == before + 2


def counter_of(frame: bytes) -> int:
    """Behind wrapper, envelope tag, a length of one octet and the security control."""
    found: int = struct.unpack_from(">I", frame, 8 + 3)[0]
    return found


def test_counter_refused_tells_what_was_expected(fleet: Spawned) -> None:
    with us(fleet) as judge:
        sent = judge.counter
        with faulty(fleet, 1, {"counter_refused": 1000, "times": 1}), pytest.raises(GXDLMSExceptionResponse):
            judge.get(8, CLOCK)
        assert judge.frames[-1][8:].hex() == "d80106" + f"{sent + 1000:08x}"
        assert judge.get(8, CLOCK).result == 0
    assert shown_counter(fleet.meters[0], login_of(fleet.ready["meters"][0], 48)) >= sent


def test_aare_reject(fleet: Spawned) -> None:
    with faulty(fleet, 1, {"aare_reject": 13, "result": "transient", "times": 1}):
        with pytest.raises(AssociationRefused) as refused:
            reader(fleet).connect()
        assert (refused.value.result, refused.value.diagnostic) == (2, 13)
        with reader(fleet) as meter:
            meter.read(CLOCK)


# --------------------------------------------------------------------------------------------------------- answers


def test_temporary_failure_n_times(fleet: Spawned) -> None:
    with reader(fleet) as meter:
        meter.association_view()
        with faulty(fleet, 1, {"temporary_failure": 1, "times": TWICE}):
            for _ in range(TWICE):
                with pytest.raises(ReadRefused) as refused:
                    meter.read(CLOCK)
                assert refused.value.result is DataAccessResult.TEMPORARY_FAILURE
            meter.read(CLOCK)


def test_wrong_scaler(fleet: Spawned) -> None:
    """In the scaler profile of a profile's columns (IS 15959), too."""
    scales = "1.0.94.91.4.255"
    with reader(fleet) as meter:
        right, units = meter.read(ENERGY).value, meter.profile(scales).rows[0]
    with faulty(fleet, 1, {"wrong_scaler": 1}), reader(fleet) as meter:
        assert meter.read(ENERGY).value == pytest.approx(right * 10)
        assert meter.profile(scales).rows[0] == [
            (one[0] + 1, one[1]) if isinstance(one, tuple) else one for one in units
        ]


# ------------------------------------------------------------------------------------------- whom they strike, how long


@pytest.mark.parametrize("framing", ["wrapper", "gateway", "hdlc", "serial"])
def test_behind_a_shared_port_only_the_meter_that_is_meant(fleet: Spawned, framing: str) -> None:
    def ask(meter: int) -> int:
        known = fleet.meters[meter - 1]
        named = known.serial if framing == "gateway" else None
        with WayJudge(place(fleet, meter, framing, shared=True), known.password, gateway=named) as judge:
            return judge.get(8, CLOCK).result

    with faulty(fleet, 2, [{"temporary_failure": 1}, {"delay": "200ms"}]):
        with lasting(0.4):
            assert ask(2) == DataAccessResult.TEMPORARY_FAILURE
        at_once(lambda: ask(3))
        assert ask(3) == 0


def test_a_fault_ends_with_its_span_of_simulated_time(fleet: Spawned) -> None:
    with reader(fleet, 4) as meter, faulty(fleet, 4, {"wrong_scaler": 1, "for": "20m"}):
        fleet.step(19 * 60_000)
        assert [one["fault"] for one in tell(fleet, meters="4")] == ["{wrong_scaler: 1, for: 20m}"]
        fleet.step(60_000)
        assert tell(fleet, meters="4") == []
        meter.read(ENERGY)


def test_the_same_messages_are_lost_each_time_that_the_fleet_is_run(fleet: Spawned) -> None:
    """Style: every random choice is a function of seed, meter, slot and purpose."""
    with faulty(fleet, 4, {"temporary_failure": 0.5}), Judge(fleet.meters[3]) as judge:
        seen = [judge.get(8, CLOCK).result for _ in range(12)]
    assert set(seen) == {0, 2}
    assert seen == [0, 2, 2, 2, 2, 2, 2, 2, 0, 0, 0, 0]
