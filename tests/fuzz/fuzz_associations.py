# SPDX-License-Identifier: MIT
"""What must hold whatever octets reach a session over the wrapper: streams, APDUs, AARQs, blocks.

Each target takes the fuzzer's octets and raises only if the engine is wrong: an exception, an answer that is none,
more memory than its limits say, or a session that cannot go on.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from dlms_bench import (
    ENERGY,
    ENERGY_VALUE,
    EVERYTHING,
    HIGH,
    METER,
    PASSWORD,
    PUBLIC,
    READER,
    SETTER,
    Bench,
    diagnosis,
    get,
)
from fuzz_pieces import head, pieces

from simulator.dlms.limits import Limits
from simulator.errors import PeerError
from simulator.wire import acse, gbt, wrapper
from simulator.wire.axdr import encode_string
from simulator.wire.codes import Conformance
from simulator.wire.gbt import GeneralBlock

LIMITS = Limits(max_frame=2_000, max_pending=4_000, max_assembled=500, max_items=4)
# What one association may hold beside the framing's buffer: a request that comes in blocks.
HELD = LIMITS.max_pending + LIMITS.max_frame
PDU = 64
READ = "c401c100" + ENERGY_VALUE
_OWN_BLOCKS = int(
    Conformance.BLOCK_TRANSFER_WITH_GET | Conformance.BLOCK_TRANSFER_WITH_SET | Conformance.BLOCK_TRANSFER_WITH_ACTION
)
_GENERAL_BLOCKS = int(Conformance.GENERAL_BLOCK_TRANSFER)
_ACCESS = int(Conformance.ACCESS)
_ANSWERS = {0x0E, 0x61, 0x63, 0xC4, 0xC5, 0xC7, 0xD8, 0xDA, 0xE0}


def opened(conformance: int = EVERYTHING | _ACCESS) -> Bench:
    bench = Bench(limits=LIMITS, conformance=EVERYTHING | _ACCESS | _GENERAL_BLOCKS)
    assert diagnosis(bench.open(conformance=conformance, max_pdu=PDU)) == (0, "user", 0)
    return bench


def assert_usable(bench: Bench) -> None:
    """The client reads on, or opens its association once more and then reads."""
    if bench.send(get(ENERGY)) != READ:
        assert diagnosis(bench.open(max_pdu=PDU)) == (0, "user", 0)
        assert bench.send(get(ENERGY)) == READ


def stream(data: bytes) -> None:
    """Octets as they come over TCP: answered alike, in whatever portions they come."""
    portions = pieces(data[: LIMITS.max_pending])
    whole, portioned = opened(), opened()
    assert whole.feed(b"".join(portions)) == [frame for portion in portions for frame in portioned.feed(portion)]
    assert whole.session.closing == portioned.session.closing
    for bench in (whole, portioned):
        buffered = bench.session._framing.buffered
        assert buffered <= HELD
        if not bench.session.closing and not buffered:
            assert_usable(bench)


def apdus(data: bytes) -> None:
    """One well-formed answer to each APDU; silence is for unconfirmed services, blocks that others follow, and AARQs
    that allow no response."""
    bench = opened()
    for apdu in pieces(data):
        if len(apdu) > LIMITS.max_frame:
            continue
        frames = bench.feed(wrapper.encode(PUBLIC, METER, apdu))
        assert len(frames) == 1 or _wants_no_answer(apdu)
        for frame in frames:
            assert frame[:8] == wrapper.encode(METER, PUBLIC, frame[8:])[:8]
            assert frame[8] in _ANSWERS
        for association in bench.session._associations.values():
            assert association.transfer is None or len(getattr(association.transfer, "_data", b"")) <= 4_096
    assert_usable(bench)


def _wants_no_answer(apdu: bytes) -> bool:
    if apdu[:1] == b"\xd9":
        return len(apdu) > 1 and not apdu[1] & 0x40
    return apdu[:1] in (b"\x60", b"\xe0") or (apdu[:1] in (b"\xc1", b"\xc3") and len(apdu) > 2 and not apdu[2] & 0x40)


def blocks(data: bytes) -> None:
    """General blocks in any order, and APDUs between them; nobody is sent more than its window."""
    bench = opened(EVERYTHING & ~_OWN_BLOCKS | _GENERAL_BLOCKS)
    number = 0
    for piece in pieces(data):
        (control, step, acknowledged), rest = head(piece, 3)
        number = (number + (step if step < 0x80 else step - 0x100)) % (gbt.MAX_NUMBER + 1)
        flags = bool(control & 0x80), bool(control & 0x40)
        block = gbt.encode(GeneralBlock(*flags, control & gbt.MAX_WINDOW, number, acknowledged, rest))
        plain = acknowledged == 0xFF and rest[:1] != b"\x60"  # an AARQ might agree on longer ones
        frames = bench.feed(wrapper.encode(PUBLIC, METER, rest if plain else block))
        answers = _split(b"".join(frames))
        assert len(answers) <= gbt.MAX_WINDOW
        assert all(len(apdu) <= PDU for apdu in answers)
        for association in bench.session._associations.values():
            incoming = association.blocks.incoming
            assert incoming is None or len(incoming.apdu()) <= LIMITS.max_assembled
    assert_usable(bench)


def _split(answer: bytes) -> list[bytes]:
    splitter = wrapper.Splitter(max_frame=65_535, max_pending=1 << 20)
    splitter.feed(answer)
    return [frame[2] for frame in iter(splitter.next, None)]


_CLIENTS = PUBLIC, READER, SETTER, HIGH


def openings(data: bytes) -> None:
    """An AARQ of fields as they come, in right lengths; who is granted an association has the right to it."""
    (how,), rest = head(data, 1)
    client = _CLIENTS[how & 3]
    fields = b"".join(piece[:1] + encode_string(piece[1:]) for piece in pieces(rest) if piece)
    apdu = rest if how & 0x80 else b"\x60" + encode_string(fields)
    if len(apdu) > LIMITS.max_frame:
        return
    bench = Bench(limits=LIMITS)
    meter = bench.meter
    meter.clients[client] = replace(meter.clients[client], contexts=frozenset({1, 3}))
    bench.session._random_octets = partial(bytes.ljust, b"challenge")
    answers = [frame[8:] for frame in bench.feed(wrapper.encode(client, METER, apdu))]
    assert len(answers) <= 1
    assert len(meter.logins) <= 1
    noun = _decoded(apdu)
    for answer in answers:
        if answer[0] == 0x61 and diagnosis(answer.hex())[0] == 0:
            assert noun is not None
            assert client == PUBLIC or noun.authentication_value is not None
            assert client not in (READER, SETTER) or noun.authentication_value == PASSWORD
            assert (diagnosis(answer.hex())[2] == 14) == (client == HIGH)
    assert diagnosis(bench.open(max_pdu=PDU)) == (0, "user", 0) or client == PUBLIC


def _decoded(apdu: bytes) -> acse.Aarq | None:
    """What is decoded is the same when it is written and read once more."""
    try:
        noun = acse.decode_aarq(apdu)
    except PeerError:
        return None
    assert acse.decode_aarq(acse.encode_aarq(noun)) == noun
    return noun
