# SPDX-License-Identifier: MIT
"""What GET, SET and ACTION APDUs are made of: targets, blocks, results, lists of values (Green Book 9.5).

Each `take_` reads one field and says where the next begins, or raises Malformed. None knows which APDU it is in.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeVar

from simulator.wire.axdr import Data, Malformed, decode, decode_count, encode, encode_length, encode_string
from simulator.wire.axdr import take as take
from simulator.wire.axdr import take_string as take_string
from simulator.wire.selection import Selection
from simulator.wire.selective import decode_optional, encode_optional

DESCRIPTOR_OCTETS = 9  # class id, logical name, index: of an attribute or a method
LAST_AND_NUMBER = struct.Struct(">BI")
_DATA, _DATA_ACCESS_RESULT = 0, 1

Item = TypeVar("Item")
Target = tuple[bytes, Selection | None]
Result = bytes | int
"""Get-Data-Result: A-XDR encoded Data, or a data-access-result."""


class Block(NamedTuple):
    """DataBlock-SA: a piece of a long SET, ACTION or ACTION answer."""

    last: bool
    number: int
    data: bytes


def filled(apdu: bytes, offset: int, noun: Item) -> Item:
    """An APDU ends where its last field ends: whatever follows makes all of it doubtful."""
    if offset != len(apdu):
        raise Malformed(f"{len(apdu) - offset} octets too many")
    return noun


def take_list(apdu: bytes, offset: int, take_item: Callable[[bytes, int], tuple[Item, int]]) -> tuple[list[Item], int]:
    """SEQUENCE OF whatever `take_item` takes."""
    count, offset = decode_count(apdu, offset)
    items = []
    for _ in range(count):
        item, offset = take_item(apdu, offset)
        items.append(item)
    return items, offset


def encode_list(items: Iterable[bytes]) -> bytes:
    parts = list(items)
    return encode_length(len(parts)) + b"".join(parts)


def take_descriptor(apdu: bytes, offset: int) -> tuple[bytes, int]:
    return take(apdu, offset, DESCRIPTOR_OCTETS)


def take_number(apdu: bytes, offset: int) -> tuple[int, int]:
    octets, offset = take(apdu, offset, 4)
    return int.from_bytes(octets, "big"), offset


def take_target(apdu: bytes, offset: int) -> tuple[Target, int]:
    """A cosem-attribute-descriptor and its optional access-selection."""
    attribute, offset = take(apdu, offset, DESCRIPTOR_OCTETS)
    selection, offset = decode_optional(apdu, offset, attribute)
    return (attribute, selection), offset


def encode_target(target: Target) -> bytes:
    return target[0] + encode_optional(target[1])


def take_values(apdu: bytes, offset: int, count: int) -> tuple[tuple[Data, ...], int]:
    """SEQUENCE OF Data, one for each of `count` attributes or methods."""
    values, offset = take_list(apdu, offset, decode)
    if len(values) != count:
        raise Malformed(f"{len(values)} values for {count} descriptors")
    return tuple(values), offset


def encode_values(values: Sequence[Data]) -> bytes:
    return encode_list(encode(value) for value in values)


def take_block(apdu: bytes, offset: int) -> tuple[Block, int]:
    octets, offset = take(apdu, offset, LAST_AND_NUMBER.size)
    last, number = LAST_AND_NUMBER.unpack(octets)
    data, offset = take_string(apdu, offset)
    return Block(bool(last), number, data), offset


def encode_block(block: Block) -> bytes:
    return LAST_AND_NUMBER.pack(block.last, block.number) + encode_string(block.data)


def take_result(apdu: bytes, offset: int) -> tuple[Result, int]:
    choice, offset = take(apdu, offset, 1)
    if choice[0] == _DATA:
        end = decode(apdu, offset)[1]
        return apdu[offset:end], end
    if choice[0] != _DATA_ACCESS_RESULT:
        raise Malformed(f"no Get-Data-Result of choice {choice[0]}")
    code, offset = take(apdu, offset, 1)
    return code[0], offset


def encode_result(result: Result) -> bytes:
    return b"\x00" + result if isinstance(result, bytes) else bytes((_DATA_ACCESS_RESULT, result))
