# SPDX-License-Identifier: MIT
"""What must hold below the associations: HDLC, the sign-on of mode E, the gateway's prefix."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import test_gateway
import test_mode_e
from dlms_bench import METER, PUBLIC, Meter, aarq, answer
from fuzz_pieces import head, pieces
from hdlc_bench import AARQ, FOUR, ONE, PHYSICAL, Line, information, lpdu

from simulator.dlms.hdlc_link import HdlcSettings
from simulator.dlms.mode_e_link import OPENING
from simulator.dlms.session import Session
from simulator.wire import hdlc
from simulator.wire.hdlc import ALL_STATION, CALLING, Address, Frame

SETTINGS = HdlcSettings(max_connections=3, max_apdu=4_000)
_ADDRESSES = (
    ONE,
    FOUR,
    Address(METER, PHYSICAL, 2),
    Address(ALL_STATION),
    Address(METER, ALL_STATION, 4),
    Address(METER, PHYSICAL + 1, 4),
    Address(METER, CALLING, 4),
    Address(77),
)
_CLIENTS = PUBLIC, 1, 127, 32
_RAW, _NUMBERED = 0x80, 0x40
_LONGEST = 2030  # information field
_ONE_ANSWER = 7 * (_LONGEST + 20)  # octets: a whole window
_PENDING = 32_768


def frames(data: bytes) -> None:
    """Frames with right check sequences, so that their insides get fuzzed, and raw octets between them."""
    line = Line(SETTINGS, PHYSICAL + 1)
    line.connect()
    for piece in pieces(data):
        _feed(line, piece)
        _assert_bounded(line)
    line.now_ms += 10 * SETTINGS.inactivity_ms
    line.connect()
    assert line.one(AARQ, lpdu(aarq())).information.startswith(b"\xe6\xe7\x00\x61")


def _feed(line: Line, piece: bytes) -> None:
    (kind,), rest = head(piece, 1)
    if kind & _RAW:
        octets = rest
    elif kind & _NUMBERED:
        octets = hdlc.encode_command(Frame(ONE, PUBLIC, _numbered(line), lpdu(rest[: _LONGEST - 3])))
    else:
        (control,), inside = head(rest, 1)
        address, client = _ADDRESSES[kind & 7], _CLIENTS[kind >> 4 & 3]
        octets = hdlc.encode_command(Frame(address, client, control, inside[:_LONGEST], bool(kind & 8)))
    told = line.feed(octets)
    said = sum(len(one.information) + 20 for one in told)
    assert said <= _ONE_ANSWER * (1 + octets.count(hdlc.FLAG))


def _numbered(line: Line) -> int:
    """The control field of the next I frame in order."""
    station = line.link._stations.get((PUBLIC, METER))
    if station is None:
        return information(0, 0)
    return information(station._expected, (station._acknowledged + station._sent) % 8)


def _assert_bounded(line: Line) -> None:
    link = line.link
    assert link._splitter.buffered <= _PENDING
    assert len(link._stations) <= SETTINGS.max_connections
    assert len(link._due) <= SETTINGS.max_connections
    for station in link._stations.values():
        assert len(station._assembled) <= SETTINGS.max_apdu + 3
        assert station._held <= 2 * SETTINGS.max_apdu


def sign_on(data: bytes) -> None:
    """Characters with pauses between them; after a long one the line begins anew."""
    bench = test_mode_e.Bench()
    for piece in pieces(data):
        (pause,), octets = head(piece, 1)
        bench.now_ms += pause * 10
        bench.session.feed(octets, bench.now_ms)
        said = b"".join(_said(bench.session))
        assert len(said) <= _ONE_ANSWER * (1 + octets.count(hdlc.FLAG) + octets.count(b"\n"))
        assert len(bench.line._line) <= 64
    bench.now_ms += 10_000_000
    bench.line.pass_time(bench.now_ms)
    assert bench.line.speed == OPENING
    assert bench.feed(b"\r\n") == b""
    bench.sign_on()


def _said(session: Session) -> Iterator[bytes]:
    while (outcome := session.next()) is not None:
        is_octets = isinstance(outcome, bytes)
        yield outcome if is_octets else session.respond(outcome, answer(cast(Meter, session.device), outcome))


def prefixes(data: bytes) -> None:
    """Behind a gateway: raw octets, or APDUs for one of its meters; each answer goes where its question came from."""
    bench = test_gateway.Bench()
    for piece in pieces(data):
        (kind, network, device), rest = head(piece, 3)
        prefix = bytes((0xE6, network, 1, 0x32))
        apdu = prefix + rest if kind & 1 else rest
        server = METER if kind & 2 else device
        answer = bench.send(apdu[:60_000], server=server)
        if kind & 1 and answer:
            assert answer.startswith(prefix.hex().replace("e6", "e7", 1))
    assert not bench.session.closing
    assert bench.send(aarq(), "e6000132").startswith("e700013261")
