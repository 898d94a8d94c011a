# SPDX-License-Identifier: MIT
"""What must hold when meters speak unasked between whatever their peers send: over the wrapper, ciphered, in HDLC."""

from __future__ import annotations

from dlms_bench import EVERYTHING, METER, PUBLIC, Bench, aarq, diagnosis, get, octets
from fuzz_associations import ENERGY, LIMITS, PDU, READ
from fuzz_ciphered import _check_answer, _sealed
from fuzz_lines import SETTINGS, _feed
from fuzz_pieces import head, pieces
from hdlc_bench import AARQ, Line, lpdu
from security_bench import DEDICATED, Client
from test_unasked import EVENT

from simulator.dlms.session import Session
from simulator.dlms.unasked import MOST
from simulator.wire import hdlc, wrapper
from simulator.wire.codes import Conformance
from simulator.wire.hdlc import Control

_TOLD = int(EVERYTHING | Conformance.EVENT_NOTIFICATION | Conformance.GENERAL_BLOCK_TRANSFER | Conformance.ACCESS)
_SPEAK = 0x80
_SHORT = EVENT._replace(value=b"\x11\x07")  # fits into the PDU that the client receives
_TAG = 0xC2


def wrapped(data: bytes) -> None:
    """Each is sent once at most, not within a transfer, and as soon as there is none; requests are answered as ever."""
    bench = Bench(limits=LIMITS, conformance=_TOLD)
    assert diagnosis(bench.open(conformance=_TOLD, max_pdu=PDU)) == (0, "user", 0)
    owed = 0
    for piece in pieces(data):
        (kind,), apdu = head(piece, 1)
        owed += _told(bench.session, kind)
        frames = bench.feed(wrapper.encode(PUBLIC, METER, apdu)) if len(apdu) <= LIMITS.max_frame else []
        owed -= sum(frame[8] == _TAG for frame in frames)
        assert _waiting(bench.session) <= owed
        owed = _waiting(bench.session)
        assert all(association.is_busy for association in bench.session._news.waiting)
    frames = bench.feed(wrapper.encode(PUBLIC, METER, octets(get(ENERGY))))
    if not frames or frames[0][8:].hex() != READ:
        frames = bench.feed(wrapper.encode(PUBLIC, METER, aarq(max_pdu=PDU)))
    assert all(frame[8] == _TAG for frame in frames[1:])
    assert not _waiting(bench.session)


def _told(session: Session, kind: int) -> int:
    listening = session.listening if kind & _SPEAK else []
    for server in listening:
        session.notify(server, _SHORT)
    return len(listening)


def _waiting(session: Session) -> int:
    counts = [len(waiting) for waiting in session._news.waiting.values()]
    assert all(count <= MOST for count in counts)
    return sum(counts)


def ciphered(data: bytes) -> None:
    """All that is said deciphers, and no counter of the meter's comes twice."""
    (policy,), rest = head(data, 1)
    client = Client(policy=policy & 3, conformance=_TOLD)
    assert diagnosis(client.open(dedicated_key=DEDICATED, conformance=_TOLD)) == (0, "user", 0)
    client.counter = 1000
    client.bench.meter.can_reserve = not policy & 4
    seen: set[int] = set()
    for piece in pieces(rest):
        (kind,), inside = head(piece, 1)
        _told(client.bench.session, kind)
        client.guard.safe = client.guard.safe and not kind & 1
        apdu = _sealed(client, inside)
        if len(apdu) <= LIMITS.max_frame:
            for frame in client.bench.feed(wrapper.encode(PUBLIC, METER, apdu)):
                _check(frame[8:], seen)


def _check(apdu: bytes, seen: set[int]) -> None:
    """General blocks carry parts of what was ciphered; plain events are those of an association that is not."""
    if apdu[0] not in (0xE0, _TAG):
        _check_answer(apdu, seen)


def polled(data: bytes) -> None:
    """A secondary station says nothing without a poll, and one final frame for each at most."""
    line = Line(SETTINGS, conformance=_TOLD)
    line.connect()
    line.one(AARQ, lpdu(aarq(conformance=_TOLD)))
    for piece in pieces(data):
        (kind,), rest = head(piece, 1)
        _told(line.session, kind)
        assert line.session.next() is None
        _waiting(line.session)
        _feed(line, rest)
    line.now_ms += 10 * SETTINGS.inactivity_ms
    line.connect()
    assert line.one(AARQ, lpdu(aarq(conformance=_TOLD))).information.startswith(b"\xe6\xe7\x00\x61")
    assert _told(line.session, _SPEAK) == 1
    (said,) = line.send(Control.UI | hdlc.POLL_FINAL)
    assert (said.control, said.information[3]) == (Control.UI | hdlc.POLL_FINAL, _TAG)
