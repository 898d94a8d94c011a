# SPDX-License-Identifier: MIT
"""A-XDR Data to nouns and back (IEC 61334-6, Green Book 9.5).

Whatever bytes arrive, decoding ends in linear time with a Data or a Malformed; it never reads past the buffer,
never recurses deeper than MAX_DEPTH and never believes a count that the buffer cannot hold.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any, NamedTuple, cast

from simulator.errors import PeerError
from simulator.wire.codes import Tag

MAX_DEPTH = 16


class Malformed(PeerError):
    """The bytes are not what their type says."""


class Data(NamedTuple):
    """One COSEM value.

    The value's shape by tag: array and structure a tuple of Data; numbers int or float; boolean bool; every kind of
    string, date and time bytes; bit-string (bit count, octets); compact-array (type description, contents), both as
    on the wire; null and dont-care None.
    """

    tag: int
    value: Any


_NUMBERS = {
    int(tag): struct.Struct(">" + code)
    for tag, code in (
        (Tag.DOUBLE_LONG, "i"),
        (Tag.DOUBLE_LONG_UNSIGNED, "I"),
        (Tag.BCD, "b"),
        (Tag.INTEGER, "b"),
        (Tag.LONG, "h"),
        (Tag.UNSIGNED, "B"),
        (Tag.LONG_UNSIGNED, "H"),
        (Tag.LONG64, "q"),
        (Tag.LONG64_UNSIGNED, "Q"),
        (Tag.ENUM, "B"),
        (Tag.FLOAT32, "f"),
        (Tag.FLOAT64, "d"),
        (Tag.DELTA_INTEGER, "b"),
        (Tag.DELTA_LONG, "h"),
        (Tag.DELTA_DOUBLE_LONG, "i"),
        (Tag.DELTA_UNSIGNED, "B"),
        (Tag.DELTA_LONG_UNSIGNED, "H"),
        (Tag.DELTA_DOUBLE_LONG_UNSIGNED, "I"),
    )
}
_FIXED_OCTETS = {int(Tag.DATE_TIME): 12, int(Tag.DATE): 5, int(Tag.TIME): 4}
# Plain integers: an IntEnum member costs an attribute look-up on each use.
_NULL, _ARRAY, _STRUCTURE, _BOOLEAN, _BIT_STRING = 0, 1, 2, 3, 4
_COMPACT_ARRAY, _DONT_CARE = 19, 255
_STRINGS = frozenset({9, 10, 12})
_DESCRIBED_BY_TAG = frozenset({_NULL, _BOOLEAN, _BIT_STRING, _DONT_CARE, *_STRINGS, *_NUMBERS, *_FIXED_OCTETS})


def encode_length(length: int) -> bytes:
    if length < 0x80:
        return bytes((length,))
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((0x80 | len(octets),)) + octets


def decode_length(buffer: bytes, offset: int) -> tuple[int, int]:
    """The length at an offset and where its contents begin. More than four length octets are refused."""
    if offset >= len(buffer):
        raise Malformed("a length is missing")
    first = buffer[offset]
    offset += 1
    if first < 0x80:
        return first, offset
    end = offset + (first & 0x7F)
    if not offset < end <= min(offset + 4, len(buffer)):
        raise Malformed("a length is longer than four octets, or cut off")
    return int.from_bytes(buffer[offset:end], "big"), end


def take(buffer: bytes, offset: int, count: int) -> tuple[bytes, int]:
    """Exactly `count` octets and where the next begins; a slice alone would come back short without a word."""
    end = offset + count
    if end > len(buffer):
        raise Malformed(f"{count} octets announced, {len(buffer) - offset} there")
    return buffer[offset:end], end


def take_string(buffer: bytes, offset: int) -> tuple[bytes, int]:
    """The octets of a length-prefixed string and where the next value begins."""
    length, offset = decode_length(buffer, offset)
    return take(buffer, offset, length)


def encode_string(octets: bytes) -> bytes:
    return encode_length(len(octets)) + octets


def sequence_of(items: Sequence[bytes], tag: int = _ARRAY) -> bytes:
    """Already encoded values joined to an array or a structure."""
    return bytes((tag,)) + encode_length(len(items)) + b"".join(items)


def encode(data: Data) -> bytes:
    """Raises ValueError for a tag that does not exist: that is our mistake, not a peer's."""
    tag, value = data
    number = _NUMBERS.get(tag)
    if number is not None:
        return bytes((tag,)) + number.pack(value)
    if tag in (_ARRAY, _STRUCTURE):
        return sequence_of([encode(item) for item in value], tag)
    return bytes((tag,)) + _encode_other(tag, value)


def _encode_other(tag: int, value: Any) -> bytes:
    if tag in _STRINGS:
        return encode_string(value)
    if tag in (_NULL, _DONT_CARE):
        return b""
    if tag == _BOOLEAN:
        return b"\x01" if value else b"\x00"
    if tag == _BIT_STRING:
        return encode_length(value[0]) + cast(bytes, value[1])
    if tag in _FIXED_OCTETS and len(value) == _FIXED_OCTETS[tag]:
        return cast(bytes, value)
    if tag == _COMPACT_ARRAY:
        return cast(bytes, value[0]) + encode_string(value[1])
    raise ValueError(f"no Data has tag {tag} and value {value!r}")


def decode_whole(buffer: bytes) -> Data:
    """The one Data that fills the buffer."""
    data, end = decode(buffer)
    if end != len(buffer):
        raise Malformed(f"{len(buffer) - end} octets too many")
    return data


def decode(buffer: bytes, offset: int = 0, depth: int = 0) -> tuple[Data, int]:
    """One Data and where it ends. `depth` counts the arrays and structures around it."""
    if offset >= len(buffer):
        raise Malformed("a value is missing")
    tag = buffer[offset]
    offset += 1
    number = _NUMBERS.get(tag)
    if number is not None:
        end = offset + number.size
        if end > len(buffer):
            raise Malformed("a number is cut off")
        return Data(tag, number.unpack_from(buffer, offset)[0]), end
    if tag in _STRINGS:
        octets, end = take_string(buffer, offset)
        return Data(tag, octets), end
    if tag in (_ARRAY, _STRUCTURE):
        return _decode_sequence(buffer, offset, tag, depth + 1)
    return _decode_other(buffer, offset, tag)


def _decode_sequence(buffer: bytes, offset: int, tag: int, depth: int) -> tuple[Data, int]:
    if depth > MAX_DEPTH:
        raise Malformed(f"nested deeper than {MAX_DEPTH}")
    count, offset = decode_count(buffer, offset)
    items = []
    for _ in range(count):
        item, offset = decode(buffer, offset, depth)
        items.append(item)
    return Data(tag, tuple(items)), offset


def decode_count(buffer: bytes, offset: int) -> tuple[int, int]:
    """A number of elements. Each takes an octet at least, so a count beyond the buffer is a lie."""
    count, offset = decode_length(buffer, offset)
    if count > len(buffer) - offset:
        raise Malformed(f"{count} elements announced in {len(buffer) - offset} octets")
    return count, offset


def _decode_other(buffer: bytes, offset: int, tag: int) -> tuple[Data, int]:
    if tag in (_NULL, _DONT_CARE):
        return Data(tag, None), offset
    if tag == _BOOLEAN:
        octets, end = take(buffer, offset, 1)
        return Data(tag, octets != b"\x00"), end
    if tag == _BIT_STRING:
        bits, offset = decode_length(buffer, offset)
        octets, end = take(buffer, offset, (bits + 7) // 8)
        return Data(tag, (bits, octets)), end
    if tag in _FIXED_OCTETS:
        octets, end = take(buffer, offset, _FIXED_OCTETS[tag])
        return Data(tag, octets), end
    if tag == _COMPACT_ARRAY:
        described = _end_of_description(buffer, offset, 0)
        contents, end = take_string(buffer, described)
        return Data(tag, (buffer[offset:described], contents)), end
    raise Malformed(f"no Data has tag {tag}")


def _end_of_description(buffer: bytes, offset: int, depth: int) -> int:
    """Where a compact-array's TypeDescription ends: array ::= count (2 octets) and one type, structure ::= types."""
    if depth > MAX_DEPTH:
        raise Malformed(f"a type description nested deeper than {MAX_DEPTH}")
    octets, offset = take(buffer, offset, 1)
    tag = octets[0]
    if tag in _DESCRIBED_BY_TAG:
        return offset
    if tag == _ARRAY:
        return _end_of_description(buffer, take(buffer, offset, 2)[1], depth + 1)
    if tag != _STRUCTURE:
        raise Malformed(f"no type description has tag {tag}")
    count, offset = decode_count(buffer, offset)
    for _ in range(count):
        offset = _end_of_description(buffer, offset, depth + 1)
    return offset
