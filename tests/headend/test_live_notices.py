# SPDX-License-Identifier: GPL-2.0-only
"""EventNotification from a fleet to gurux, on open associations of the model that offers it: ciphered, over the wrapper
and HDLC, between a request and its answer; and what becomes of it in our own head-end."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gurux_dlms import GXByteBuffer, GXReplyData
from gurux_dlms.enums import Command, Conformance
from gurux_dlms.GXDLMSTranslator import GXDLMSTranslator
from live import EVERYTHING, Spawned, free_port, spawned
from secure import SecureJudge, login_of

from simulator.headend.ciphering import Keys
from simulator.headend.notifications import Notification
from simulator.headend.reader import MeterReader
from simulator.headend.way import Way
from simulator.wire import hdlc
from simulator.wire.codes import Conformance as Services
from simulator.wire.hdlc import Address, Control, Frame

UTILITY, MAGNET, MAGNET_GONE = 48, 201, 202
WORD, CLOCK, BLOCK = "0.0.94.91.18.255", "0.0.1.0.0.255", "1.0.99.1.0.255"
MAGNET_BIT = 81
TOLD = EVERYTHING | Conformance.EVENT_NOTIFICATION
OFFERED = sum(bit for bit in Services if "READ" not in bit.name and "WRITE" not in bit.name)


@pytest.fixture(scope="module")
def fleet(postgres_home: Path) -> Iterator[Spawned]:
    options = ("--model", "every-class", "--history", "2d", "--start", "2025-06-10T10:20:30+05:30", "--speed", "0")
    with spawned(
        postgres_home, 2, *options, "--seed", "96", "--listen", f"hdlc,address=127.96.0.1,port={free_port()}"
    ) as running:
        yield running


def listener(fleet: Spawned, **changes: Any) -> SecureJudge:
    entry = fleet.ready["meters"][0]
    return SecureJudge(fleet.meters[0], login_of(entry, UTILITY, **{"conformance": TOLD, **changes}))


def keys_of(fleet: Spawned) -> tuple[Keys, bytes]:
    login = login_of(fleet.ready["meters"][0], UTILITY)
    return Keys(login.ek, login.ak), login.secret


@pytest.fixture
def magnet(fleet: Spawned) -> Iterator[Any]:
    """Makes meter 1 notice a magnet, which is gone again after the test."""
    yield lambda: fleet.inject(1, MAGNET)
    fleet.inject(1, MAGNET_GONE)


def bits(value: bytes) -> set[int]:
    number = int.from_bytes(value[-16:], "big")
    return {bit for bit in range(128) if number >> (127 - bit) & 1}


@pytest.mark.parametrize(("dedicated", "tag"), [(None, 0xCA), (bytes(range(32, 48)), 0xD2)])
def test_gurux_gets_an_alert_that_nobody_has_asked_for(
    fleet: Spawned, magnet: Any, dedicated: bytes | None, tag: int
) -> None:
    """At once, ciphered as the association is, with the instant and the attribute; its translator reads the same."""
    with listener(fleet, dedicated=dedicated) as judge:
        assert MAGNET_BIT not in bits(judge.get(1, WORD).octets)
        magnet()
        frame = judge.wire.receive_frame()
        reply, notice = GXReplyData(), GXReplyData()
        assert not judge.protocol.getData(GXByteBuffer(frame), reply, notice)
        assert (frame[8], notice.command) == (tag, Command.EVENT_NOTIFICATION)
        plain = b"\xc2" + bytes(notice.data.array())
        xml = GXDLMSTranslator().pduToXml(GXByteBuffer(plain))
        assert '<Time Value="07E9060A020A141E00FEB600"' in xml
        assert '<InstanceId Value="00005E5B12FF"' in xml
        word = judge.get(1, WORD).octets
        assert plain.endswith(word)
        assert MAGNET_BIT in bits(word)


def test_who_has_not_negotiated_it_hears_nothing(fleet: Spawned, magnet: Any) -> None:
    with listener(fleet, conformance=EVERYTHING) as judge:
        magnet()
        assert judge.get(8, CLOCK).result == 0  # the next frame is the answer to this


def test_hdlc_gives_it_to_a_client_that_polls(fleet: Spawned, magnet: Any) -> None:
    """In a UI frame, triggered by an empty one (Green Book 9.3.12); gurux takes it for a notification."""
    keys, secret = keys_of(fleet)
    (port,) = (one["port"] for one in fleet.ready["meters"][0]["places"] if one["framing"] == "hdlc")
    reader = MeterReader(
        "127.96.0.1", port, client=UTILITY, password=secret, mechanism=2, keys=keys, way=Way(hdlc=True),
        conformance=OFFERED,
    )  # fmt: skip
    with reader:
        magnet()
        session: Any = reader._session
        session._link.send(hdlc.encode_command(Frame(Address(1), UTILITY, Control.UI | hdlc.POLL_FINAL)))
        frame = session._link.receive()
        taken = hdlc.decode_from_server(frame[1:-1])
        assert taken is not None
        assert taken.control == Control.UI | hdlc.POLL_FINAL
        notice = GXReplyData()
        assert not session.protocol.getData(GXByteBuffer(frame), GXReplyData(), notice)
        assert notice.command == Command.EVENT_NOTIFICATION
        assert isinstance(reader.read(CLOCK).value, dt.datetime)


def test_a_link_with_faults_takes_it_as_it_takes_answers(fleet: Spawned, magnet: Any) -> None:
    """A fault that comes while the association is open: it arrives twice."""
    try:
        with listener(fleet) as judge:
            fleet.order("link", meters="1", faults=["duplicate: 1"])
            magnet()
            first, second = judge.wire.receive_frame(), judge.wire.receive_frame()
            assert (first[8], second) == (0xCA, first)
    finally:
        fleet.order("link", meters="1", clear=True)


@pytest.mark.parametrize("what", [(CLOCK,), (BLOCK,)])
def test_our_reader_puts_it_aside(fleet: Spawned, magnet: Any, what: tuple[str]) -> None:
    """Between a request and its answer, or before them."""
    heard: list[Notification] = []
    keys, secret = keys_of(fleet)
    meter = fleet.meters[0]
    with MeterReader(
        meter.host, meter.port, client=UTILITY, password=secret, mechanism=2, keys=keys, heard=heard.append
    ) as reader:
        before = [reader.read(obis) for obis in what]
        magnet()
        assert [type(reader.read(obis).value) for obis in what] == [type(value.value) for value in before]
    (note,) = heard
    assert MAGNET_BIT in {bit.bit for bit in note.alerts}
    assert (note.problem, note.items[0].label.obis if note.items[0].label else "") == ("", WORD)
    assert note.received.opened.control == 0x30
