# SPDX-License-Identifier: MIT
"""A-XDR Data: known octets, every value round-trips, every broken octet string is Malformed (Green Book 9.5)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import data

from simulator.errors import PeerError
from simulator.wire.axdr import (
    MAX_DEPTH,
    Data,
    Malformed,
    decode,
    decode_length,
    decode_whole,
    encode,
    encode_length,
    sequence_of,
)
from simulator.wire.codes import Tag

KNOWN = {
    "00": Data(Tag.NULL, None),
    "0301": Data(Tag.BOOLEAN, True),
    "0404a0": Data(Tag.BIT_STRING, (4, b"\xa0")),
    "05ffffffff": Data(Tag.DOUBLE_LONG, -1),
    "0600000102": Data(Tag.DOUBLE_LONG_UNSIGNED, 258),
    "09060100010800ff": Data(Tag.OCTET_STRING, bytes.fromhex("0100010800ff")),
    "0a03414243": Data(Tag.VISIBLE_STRING, b"ABC"),
    "0c02c3a9": Data(Tag.UTF8_STRING, "é".encode()),
    "0d12": Data(Tag.BCD, 0x12),
    "0ffd": Data(Tag.INTEGER, -3),
    "10feb6": Data(Tag.LONG, -330),
    "11ff": Data(Tag.UNSIGNED, 255),
    "12ffff": Data(Tag.LONG_UNSIGNED, 65535),
    "13120400010002": Data(Tag.COMPACT_ARRAY, (b"\x12", b"\x00\x01\x00\x02")),
    "148000000000000000": Data(Tag.LONG64, -(1 << 63)),
    "15ffffffffffffffff": Data(Tag.LONG64_UNSIGNED, (1 << 64) - 1),
    "161e": Data(Tag.ENUM, 30),
    "173f800000": Data(Tag.FLOAT32, 1.0),
    "183ff0000000000000": Data(Tag.FLOAT64, 1.0),
    "1907e9060107111e00ff014a00": Data(Tag.DATE_TIME, bytes.fromhex("07e9060107111e00ff014a00")),
    "1a07e9060107": Data(Tag.DATE, bytes.fromhex("07e9060107")),
    "1b111e0000": Data(Tag.TIME, bytes.fromhex("111e0000")),
    "ff": Data(Tag.DONT_CARE, None),
    "0100": Data(Tag.ARRAY, ()),
    "02020f00161e": Data(Tag.STRUCTURE, (Data(Tag.INTEGER, 0), Data(Tag.ENUM, 30))),
}


@pytest.mark.parametrize(("octets", "value"), KNOWN.items())
def test_known_octets(octets: str, value: Data) -> None:
    assert decode_whole(bytes.fromhex(octets)) == value
    assert encode(value).hex() == octets


def test_event_status_word_of_128_bits_needs_the_long_length() -> None:
    """Seen on meters: 04 81 80 and 16 octets."""
    word = Data(Tag.BIT_STRING, (128, bytes.fromhex("80000000000000000000140000000000")))
    assert encode(word).hex() == "04818080000000000000000000140000000000"
    assert decode_whole(encode(word)) == word


@given(data)
def test_every_value_round_trips(value: Data) -> None:
    octets = encode(value)
    assert decode(b"\x16\x01" + octets + b"tail", 2) == (value, 2 + len(octets))


@given(data, st.integers(min_value=1))
def test_a_value_cut_anywhere_is_malformed(value: Data, cut: int) -> None:
    octets = encode(value)
    with pytest.raises(Malformed):
        decode_whole(octets[: cut % len(octets)])


@given(st.binary(max_size=200))
def test_any_octets_decode_or_are_malformed(octets: bytes) -> None:
    try:
        value, end = decode(octets)
    except PeerError:
        return
    assert 0 < end <= len(octets)
    assert decode_whole(encode(value)) == value or "nan" in repr(value)


@pytest.mark.parametrize(
    ("octets", "why"),
    [
        ("", "nothing there"),
        ("07", "no Data has tag 7"),
        ("0b00", "no Data has tag 11"),
        ("0904414243", "string beyond the buffer"),
        ("09ff", "127 length octets"),
        ("098500000000010000", "five length octets"),
        ("0980", "the indefinite form"),
        ("0184ffffffff00", "four milliard elements in an octet"),
        ("010500", "more elements than octets"),
        ("0409ff", "bits beyond the buffer"),
        ("1300", "compact array without contents"),
        ("13130000", "compact array of compact arrays"),
        ("1301ffff", "an array description without its type"),
        ("1900", "a date-time cut off"),
        ("0000", "an octet too many"),
    ],
)
def test_broken_octets_are_malformed(octets: str, why: str) -> None:
    with pytest.raises(Malformed):
        decode_whole(bytes.fromhex(octets))


def test_nesting_ends_at_the_limit() -> None:
    fits = b"\x02\x01" * MAX_DEPTH + b"\x00"
    assert encode(decode_whole(fits)) == fits
    with pytest.raises(Malformed, match="deeper"):
        decode_whole(b"\x02\x01" + fits)
    for endless in (b"\x01\x01" * 100_000, b"\x13" + b"\x02\x01" * 100_000, b"\x13" + b"\x01\x00\x01" * 100_000):
        with pytest.raises(Malformed):
            decode_whole(endless)


def test_a_very_large_array_is_decoded_whole() -> None:
    octets = sequence_of([b"\x02\x02\x11\x01\x11\x02"] * 100_000)
    assert len(decode_whole(octets).value) == 100_000  # were it quadratic, the suite's time-out would end it


@pytest.mark.parametrize(
    ("length", "octets"),
    [
        (0, "00"),
        (127, "7f"),
        (128, "8180"),
        (255, "81ff"),
        (256, "820100"),
        (65536, "83010000"),
        (1 << 24, "8401000000"),
    ],
)
def test_lengths(length: int, octets: str) -> None:
    assert encode_length(length).hex() == octets
    assert decode_length(bytes.fromhex(octets), 0) == (length, len(octets) // 2)


def test_encoded_parts_are_joined_unread() -> None:
    parts = [encode(Data(Tag.UNSIGNED, 1)), encode(Data(Tag.NULL, None))]
    assert sequence_of(parts, Tag.STRUCTURE).hex() == "0202110100"
    assert sequence_of([]).hex() == "0100"


def test_a_tag_that_does_not_exist_is_our_own_mistake() -> None:
    with pytest.raises(ValueError, match="tag 7"):
        encode(Data(7, 1.0))
