# SPDX-License-Identifier: GPL-2.0-only
"""The reader against a peer on a real socket whose frames are laid out by hand (conftest.py)."""

from __future__ import annotations

import datetime as dt
import socket
import sys
import threading
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB
from headend_bench import (
    BLOCK,
    CLOCK,
    EMPTY,
    ENERGY,
    RELAY,
    ROW_COUNT,
    SERIAL,
    VOLTAGE,
    Peer,
    build_aare,
)

from simulator.errors import UserError
from simulator.headend.failures import (
    ActionRefused,
    AssociationRefused,
    BrokenAnswer,
    ConnectionBroken,
    NoAnswer,
    NotReachable,
    ReadRefused,
    ServiceRefused,
    UnknownObject,
    WriteRefused,
)
from simulator.headend.reader import MeterReader
from simulator.headend.tables import read_everything
from simulator.headend.values import Value
from simulator.headend.way import Transport, Way
from simulator.values import parse_obis
from simulator.wire.axdr import Data, encode
from simulator.wire.codes import ActionResult, Conformance, DataAccessResult, Tag

IST = dt.timezone(dt.timedelta(hours=5, minutes=30))


def connect(peer: Peer, **options: Any) -> None:
    with MeterReader("127.0.0.1", peer.port, **{"client": 32, "password": b"secret", "timeout_s": 30, **options}):
        pass


# ------------------------------------------------------------------------------------------------------- association


def test_the_aarq_carries_client_mechanism_services_and_pdu(meter: Peer) -> None:
    wanted = Conformance.GET | Conformance.SELECTIVE_ACCESS
    connect(meter, max_pdu=512, conformance=wanted)
    aarq = meter.requests[0]
    assert bytes.fromhex("8b0760857405080201") in aarq  # mechanism-name LLS
    assert b"\xac\x08\x80\x06secret" in aarq
    assert b"\x5f\x1f\x04\x00" + int(wanted).to_bytes(3, "big") + (512).to_bytes(2, "big") in aarq


def test_the_negotiated_services_are_told(reader: MeterReader) -> None:
    assert reader.conformance == 0x00121D


@pytest.mark.parametrize(
    ("diagnostic", "result", "code", "told"),
    [
        ("a305a10302010d", 1, 13, "permanently.*password right"),
        ("a305a10302010e", 1, 14, "give a password"),
        ("a305a103020102", 1, 2, "application context"),
        ("a305a103020101", 2, 1, "for now.*no reason"),
        ("a305a203020102", 1, 2, "no common ACSE version"),  # acse-service-provider
        ("a305a103020100", 1, 0, "no reason"),
    ],
)
def test_a_rejection_is_told_in_words(meter: Peer, diagnostic: str, result: int, code: int, told: str) -> None:
    """Associate-source-diagnostic. gurux takes the last two for a user's diagnostic and for an acceptance."""
    head = bytes.fromhex("a109060760857405080101 a2030201") + bytes((result,)) + bytes.fromhex(diagnostic)
    meter.answer_aarq = build_aare(head)
    with pytest.raises(AssociationRefused, match=told) as refused:
        connect(meter)
    assert (refused.value.result, refused.value.diagnostic) == (result, code)


def test_an_initiate_error_is_told(meter: Peer) -> None:
    """DLMS conformance T_APPL_OPEN_14: an invalid PDU size is answered by a confirmedServiceError."""
    body = bytes.fromhex("a109060760857405080101 a203020101 a305a103020101 be0604040e010603")
    meter.answer_aarq = bytes((0x61, len(body))) + body
    with pytest.raises(AssociationRefused, match="PDU size is too small"):
        connect(meter)


def test_hls_mechanism_2_proves_both_secrets(meter: Peer) -> None:
    """Indian meters: the challenge goes through AES-128 in ECB under the 16-octet secret."""
    secret, challenge = b"0123456789abcdef", bytes(range(16))
    encrypt: Callable[[bytes], bytes] = lambda data: Cipher(AES(secret), ECB()).encryptor().update(data)  # noqa: E731
    head = bytes.fromhex("a109060760857405080101 a203020100 a305a10302010e 88020780 890760857405080202 aa128010")
    meter.answer_aarq = build_aare(head + challenge)

    def answer(request: bytes) -> bytes | None:
        if request[0] != 0xC3:
            return None
        assert request[3:13] == bytes.fromhex("000f0000280000ff0101")  # reply_to_HLS_authentication
        assert request[-16:] == encrypt(challenge)
        aarq = meter.requests[0]
        at = aarq.index(b"\xac\x12\x80\x10") + 4
        return b"\xc7\x01" + request[2:3] + b"\x00\x01\x00\x09\x10" + encrypt(aarq[at : at + 16])

    meter.instead = answer
    with MeterReader("127.0.0.1", meter.port, client=48, password=secret, mechanism=2) as reader:
        assert reader.read(SERIAL).value == "MF001"


def test_close_releases_the_association(meter: Peer) -> None:
    with MeterReader("127.0.0.1", meter.port, client=16, password=None):
        pass
    assert meter.requests[-1][0] == 0x62


def test_no_release_while_an_answer_is_due(meter: Peer) -> None:
    """It would wait for a second time-out, or take the late answer for the RLRE."""
    meter.instead = lambda request: b"\xd8\x01\x02" if request[0] == 0xC0 else None
    with MeterReader("127.0.0.1", meter.port, client=16, password=None) as reader, pytest.raises(ServiceRefused):
        reader.association_view()
    assert meter.requests[-1][0] == 0xC0


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(NotReachable, match=f"nothing listens on 127.0.0.1:{port}"):
        MeterReader("127.0.0.1", port, client=16, password=None).connect()


def test_a_silent_peer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        reader = MeterReader("127.0.0.1", listener.getsockname()[1], client=16, password=None, timeout_s=0.1)
        with pytest.raises(NoAnswer, match=r"within 0\.1 s"):
            reader.connect()


@pytest.mark.parametrize(
    ("way", "words"),
    [
        (Way(Transport.UDP, hdlc=True), "--udp or --hdlc"),
        (Way(hdlc=True, gateway="1"), "--gateway or --hdlc"),
        (Way(physical=17), "are of HDLC"),
        (Way(hdlc=True, mode_e=True), "--mode-e begins a serial line"),
        (Way(hdlc=True, physical=17, address_octets=1), "no physical part"),
        (Way(hdlc=True, address_octets=3), "1, 2 or 4 octets"),
        (Way(gateway=""), "1 to 255 ASCII characters"),
        (Way(gateway="x" * 256), "1 to 255 ASCII characters"),
        (Way(Transport.SERIAL, hdlc=True, mode_e=True, device_address="ä"), "up to 32 ASCII characters"),
    ],
)
def test_ways_that_contradict_themselves(way: Way, words: str) -> None:
    with pytest.raises(UserError, match=words):
        MeterReader("127.0.0.1", 4059, client=16, password=None, way=way)


def test_hdlc_addresses_as_gurux_writes_them() -> None:
    assert Way(hdlc=True).server_address(1) == (1, 1)
    assert Way(hdlc=True, physical=17).server_address(1) == (1 << 7 | 17, 2)
    assert Way(hdlc=True, physical=256).server_address(1) == (1 << 14 | 256, 4)
    assert Way(hdlc=True, physical=17, address_octets=4).server_address(1) == (1 << 14 | 17, 4)
    with pytest.raises(UserError, match="two octets"):
        Way(hdlc=True, physical=256, address_octets=2).server_address(1)


# -------------------------------------------------------------------------------------------------------- attributes


def test_association_view(reader: MeterReader) -> None:
    view = {entry.obis: entry for entry in reader.association_view()}
    assert len(view) == 7
    assert (view[CLOCK].class_id, view[CLOCK].readable, view[CLOCK].writable) == (8, (1, 2), (2,))
    assert view[VOLTAGE].readable == (2,)
    assert view[RELAY].methods == {1: 1}


def test_read_applies_scaler_and_unit(reader: MeterReader) -> None:
    assert reader.read(CLOCK).value == dt.datetime(2025, 6, 1, 11, 30, tzinfo=IST)
    assert reader.read(ENERGY).text == "847848.8 Wh"
    assert reader.read(VOLTAGE) == Value(Tag.LONG_UNSIGNED, 23000, Decimal("230.00"), "V", -2)


def test_a_scaler_is_asked_for_once(reader: MeterReader, meter: Peer) -> None:
    for _ in range(3):
        reader.read(ENERGY)
    assert sum(request[3:12] == b"\x00\x03" + parse_obis(ENERGY) + b"\x03" for request in meter.requests) == 1


def test_invoke_ids_advance_and_answers_bear_them(reader: MeterReader, meter: Peer) -> None:
    reader.read(SERIAL)
    reader.read(SERIAL)
    assert len({request[2] for request in meter.requests}) == len(meter.requests)
    meter.instead = lambda request: b"\xc4\x01" + bytes((request[2] ^ 1,)) + b"\x00\x11\x05"
    with pytest.raises(BrokenAnswer, match="invoke-id"):
        reader.read(SERIAL)


def test_a_refusal_has_its_code(reader: MeterReader, meter: Peer) -> None:
    meter.put(1, SERIAL, 2, 3)
    with pytest.raises(ReadRefused, match="--client") as refused:
        reader.read(SERIAL)
    assert refused.value.result is DataAccessResult.READ_WRITE_DENIED


def test_an_object_that_the_client_does_not_see(reader: MeterReader) -> None:
    with pytest.raises(UnknownObject, match="client 16 does not see"):
        reader.read("1.0.2.8.0.255")


@pytest.mark.parametrize("block_octets", [60_000, 16])
def test_a_list_keeps_order_and_every_refusal(reader: MeterReader, meter: Peer, block_octets: int) -> None:
    """GET with list mixes refused attributes, block transfer where it is long. gurux loses its place here."""
    reader.association_view()
    meter.block_octets = block_octets
    wanted = [(SERIAL, 2), (SERIAL, 9), (EMPTY, 3), (VOLTAGE, 2), (SERIAL, 8), (RELAY, 3)] * 3
    answers = reader.read_many(wanted)
    raws = [answer.raw if isinstance(answer, Value) else answer for answer in answers]
    undefined = DataAccessResult.OBJECT_UNDEFINED
    assert raws == ["MF001", undefined, [], 23000, undefined, 1] * 3
    assert any(request[1] == 3 for request in meter.requests)


def test_one_by_one_without_multiple_references(meter: Peer) -> None:
    meter.answer_aarq = build_aare(conformance=bytes.fromhex("001014"))
    with MeterReader("127.0.0.1", meter.port, client=16, password=None) as reader:
        assert [type(answer) for answer in reader.read_many([(SERIAL, 2), (SERIAL, 9)])] == [Value, DataAccessResult]
    assert not any(request[:2] == b"\xc0\x03" for request in meter.requests)


def test_write(reader: MeterReader, meter: Peer) -> None:
    value = Data(Tag.OCTET_STRING, bytes(12))
    reader.write(CLOCK, 2, value)
    assert meter.values[8, parse_obis(CLOCK), 2] == encode(value)
    with pytest.raises(WriteRefused) as refused:
        reader.write(SERIAL, 5, Data(Tag.UNSIGNED, 1))
    assert "has no attribute 5 for this client; it has 2 (" in str(refused.value)
    assert refused.value.result is DataAccessResult.READ_WRITE_DENIED


def test_a_long_write_goes_by_blocks(meter: Peer) -> None:
    """SET with first datablock and datablocks (Green Book 9.3.7), sized by the meter's PDU."""
    blocks = []

    def answer(request: bytes) -> bytes | None:
        if request[0] != 0xC1:
            return None
        first = request[1] == 2
        at = 13 if first else 3
        last, number = request[at], request[at + 1 : at + 5]
        blocks.append(request[at + 6 :])
        return b"\xc5" + (b"\x03" if last else b"\x02") + request[2:3] + (b"\x00" if last else b"") + number

    meter.answer_aarq, meter.instead = build_aare(conformance=bytes.fromhex("00181d"), max_pdu=64), answer
    text = "a long consumer message " * 5
    with MeterReader("127.0.0.1", meter.port, client=48, password=b"secret") as reader:
        reader.write(SERIAL, 2, Data(Tag.VISIBLE_STRING, text.encode()))
    assert len(blocks) > 2
    assert b"".join(blocks) == encode(Data(Tag.VISIBLE_STRING, text.encode()))


def test_act(reader: MeterReader, meter: Peer) -> None:
    assert reader.act(RELAY, 1) is None
    assert meter.requests[-1][3:] == b"\x00\x46" + parse_obis(RELAY) + b"\x01\x01\x0f\x00"
    with pytest.raises(ActionRefused) as refused:
        reader.act(RELAY, 2)
    assert refused.value.result is ActionResult.READ_WRITE_DENIED


def test_everything_readable_is_read(reader: MeterReader) -> None:
    readings = {reading.entry.obis: reading.attributes for reading in read_everything(reader)}
    assert sorted(readings[CLOCK]) == [1, 2]
    assert sorted(readings[VOLTAGE]) == [2]
    rows = readings[BLOCK][2]
    assert isinstance(rows, Value)
    assert len(rows.raw) == ROW_COUNT


# ----------------------------------------------------------------------------------------------------- broken answers


@pytest.mark.parametrize(
    ("octets", "failure", "told"),
    [
        (b"\xd8\x01\x02", ServiceRefused, "exception-response"),
        (b"\xd8\x01\x05", ServiceRefused, "Ciphering failed; are the keys"),
        (b"\x0e\x01\x06\x01", ServiceRefused, "confirmed-service-error"),
        (b"\xc4\x01\xc2\x00\x06\x00\x00", BrokenAnswer, "not one value"),
        (b"\xc4\x01\xc2\x00\x11\x01\x02", BrokenAnswer, "not one value"),
        (b"\xc4\x01\xc2\x00\x01\x02\x11\x01", BrokenAnswer, "not one value"),
        (b"\xc4\x01\xc2\x00\x63\x01", BrokenAnswer, "gurux cannot parse"),
        (b"\xc4\x01\xc2\x00" + b"\x01\x01" * 17 + b"\x00", BrokenAnswer, "nested deeper than 16"),
        (b"\xc4\x01\xc2\x00" + b"\x02\x01" * 2000 + b"\x00", BrokenAnswer, "nested deeper than 16"),
        (b"\xc4\x01\xc2\x01\x4d", BrokenAnswer, "77 is no data-access-result"),
        (b"\x99", BrokenAnswer, "gurux cannot parse"),
        (b"", ConnectionBroken, "closed the connection"),
    ],
)
def test_answers_that_are_wrong(meter: Peer, octets: bytes, failure: type[Exception], told: str) -> None:
    """C2 is the invoke-id-and-priority of the reader's first request."""
    with MeterReader("127.0.0.1", meter.port, client=16, password=None) as reader:
        meter.instead = lambda request: octets if request[0] == 0xC0 else None
        with pytest.raises(failure, match=told):
            reader.association_view()


def test_a_list_that_is_cut_off(reader: MeterReader, meter: Peer) -> None:
    reader.association_view()
    meter.instead = lambda request: b"\xc4\x03" + request[2:3] + b"\x02\x00\x11\x05\x00"
    with pytest.raises(BrokenAnswer, match="cut off"):
        reader.read_many([(SERIAL, 2), (SERIAL, 3)])


def test_a_peer_that_does_not_speak_the_wrapper() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        reader = MeterReader("127.0.0.1", listener.getsockname()[1], client=16, password=None, timeout_s=30)
        with pytest.raises(BrokenAnswer, match="does not speak the DLMS wrapper"):
            _connect_while(reader, listener)


def _connect_while(reader: MeterReader, listener: socket.socket) -> None:
    def greet() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(b"220 mail ready\r\n")
            connection.recv(1024)

    thread = threading.Thread(target=greet)
    thread.start()
    try:
        reader.connect()
    finally:
        reader.close()
        thread.join(timeout=30)


def test_gurux_says_nothing_on_the_users_stdout(reader: MeterReader, capsys: pytest.CaptureFixture[str]) -> None:
    """Such as `Invalid StoC`, of a meter whose proof was spoilt on the way."""
    for name in ("GXDLMSClient", "GXDLMS", "GXDLMSChippering"):
        vars(sys.modules[f"gurux_dlms.{name}"]).get("print", print)("something")
    assert capsys.readouterr().out == ""
