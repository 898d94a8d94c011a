# SPDX-License-Identifier: MIT
"""Whatever bytes come, a session answers or is silent: it never raises, hangs or grows (bad input)."""

from __future__ import annotations

from dlms_bench import ENERGY, METER, NAME, PROFILE, PUBLIC, RELAY_OFF, TELL_ALL, Bench, aarq, associated, get, get_list
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.dlms.limits import Limits
from simulator.wire import wrapper
from simulator.wire.apdu_set import SetBlock, encode_request
from simulator.wire.fields import Block

LIMITS = Limits(max_frame=2_000, max_pending=4_000, max_assembled=500, max_items=4)
# What one association may hold beside the framing's buffer: a request that comes in blocks.
HELD = LIMITS.max_pending + LIMITS.max_frame

GOOD = [
    aarq(),
    aarq(max_pdu=64),
    b"\x62\x00",
    *(
        bytes.fromhex(apdu)
        for apdu in (
            get(ENERGY),
            get(PROFILE),
            get(PROFILE, selection="01 02 0204 0600000001 0600000000 120001 120000"),
            get_list(ENERGY, PROFILE),
            "c002c100000001",
            f"c101c1{NAME.hex()}000903414243",
            f"c102c1{NAME.hex()}00 00 00000001 03 090341",
            "c103c1 01 00000002 02 4243",
            "c103c1 00 00000002 02 4243",
            f"c104c1 01 {NAME.hex()}00 01 0903414243",
            f"c105c1 01 {NAME.hex()}00 00 00000001 02 0109",
            f"c301c1{RELAY_OFF.hex()}010f00",
            "c302c100000001",
            f"c303c1 01 {TELL_ALL.hex()} 01 00",
            f"c304c1{RELAY_OFF.hex()} 00 00000001 01 0f",
            "c306c1 01 00000002 01 00",
        )
    ),
]


def spoil(apdu: bytes, place: int, octet: int) -> bytes:
    place %= len(apdu)
    return apdu[:place] + bytes((octet,)) + apdu[place + 1 :]


good = st.sampled_from(GOOD)
apdus = st.one_of(
    good,
    st.builds(spoil, good, st.integers(min_value=0), st.integers(0, 255)),
    st.builds(lambda apdu, end: apdu[: end % len(apdu)], good, st.integers(min_value=0)),
    st.builds(lambda apdu, tail: apdu + tail, good, st.binary(max_size=5)),
    st.builds(
        lambda head, rest: bytes(head) + rest,
        st.tuples(st.sampled_from([0xC0, 0xC1, 0xC3]), st.integers(0, 7)),
        st.binary(max_size=80),
    ),
    st.binary(max_size=60),
)
frames = st.builds(wrapper.encode, st.sampled_from([PUBLIC, 32]), st.sampled_from([METER, METER, 2, 77]), apdus)
streams = st.one_of(
    st.lists(frames, max_size=12).map(b"".join),
    st.lists(st.one_of(frames, st.binary(max_size=20)), max_size=6).map(b"".join),
    st.binary(max_size=200),
)


def dripped(bench: Bench, stream: bytes) -> list[bytes]:
    found = []
    for octet in stream:
        found += bench.feed(bytes((octet,)))
        assert bench.session._framing.buffered <= HELD
    return found


@given(streams)
@settings(max_examples=300)
def test_any_stream_whole_or_dripped_is_answered_alike(stream: bytes) -> None:
    whole, drop_by_drop = associated(limits=LIMITS, client_pdu=64), associated(limits=LIMITS, client_pdu=64)
    assert whole.feed(stream) == dripped(drop_by_drop, stream)
    assert whole.session.closing == drop_by_drop.session.closing
    assert whole.session._framing.buffered <= HELD


@given(st.lists(apdus, max_size=15))
@settings(max_examples=300)
def test_every_apdu_to_a_known_address_gets_one_well_formed_answer(sent: list[bytes]) -> None:
    """Silence is for unconfirmed services and for an AARQ that allows no response."""
    bench = associated(limits=LIMITS, client_pdu=64)
    for apdu in sent:
        frames = bench.feed(wrapper.encode(PUBLIC, METER, apdu))
        unconfirmed = apdu[:1] in (b"\xc1", b"\xc3") and len(apdu) > 2 and not apdu[2] & 0x40
        assert len(frames) == 1 or unconfirmed or apdu[:1] == b"\x60"
        for frame in frames:
            assert frame[:8] == wrapper.encode(METER, PUBLIC, frame[8:])[:8]
            assert frame[8] in (0xC4, 0xC5, 0xC7, 0xD8, 0x61, 0x63)


@given(st.lists(st.binary(min_size=1, max_size=400), min_size=1, max_size=40))
def test_blocks_without_end_do_not_grow(pieces: list[bytes]) -> None:
    bench = associated(limits=LIMITS)
    bench.send(f"c102c1{NAME.hex()}00 00 00000001 00")
    for number, piece in enumerate(pieces, start=2):
        bench.send(encode_request(SetBlock(0xC1, Block(False, number, piece))))
        transfer = next(iter(bench.session._associations.values())).transfer
        assert transfer is None or len(transfer._data) <= LIMITS.max_assembled  # type: ignore[union-attr]
