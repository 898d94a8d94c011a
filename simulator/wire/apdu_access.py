# SPDX-License-Identifier: MIT
"""ACCESS-Request and ACCESS-Response APDUs (Green Book 9.5). Bytes to nouns and back, nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from simulator.wire.axdr import Data, Malformed, encode_string, take, take_string
from simulator.wire.fields import DESCRIPTOR_OCTETS, encode_list, filled, take_list, take_number, take_values
from simulator.wire.selection import Selection
from simulator.wire.selective import decode_optional

TAG = 0xD9
GET, SET, ACTION = 1, 2, 3
_GET_SELECTED, _SET_SELECTED = 4, 5
# Bits of long-invoke-id-and-priority.
SELF_DESCRIPTIVE, BREAK_ON_ERROR, CONFIRMED = 1 << 28, 1 << 29, 1 << 30
_NULL_DATA = b"\x00"


class Specification(NamedTuple):
    """One access of the list."""

    kind: int  # GET, SET or ACTION
    target: bytes  # attribute or method
    selection: Selection | None


class AccessRequest(NamedTuple):
    invoke: int  # long-invoke-id-and-priority
    date_time: bytes
    specifications: tuple[Specification, ...]
    data: tuple[Data, ...]  # null-data for a GET and for a method without parameters
    described: bytes  # the specifications as they came


class Done(NamedTuple):
    """What became of one access."""

    kind: int
    result: int
    data: bytes | None  # A-XDR encoded


def decode_request(apdu: bytes) -> AccessRequest:
    tag, offset = take(apdu, 0, 1)
    if tag[0] != TAG:
        raise Malformed("no ACCESS-Request")
    invoke, offset = take_number(apdu, offset)
    date_time, start = take_string(apdu, offset)
    specifications, offset = take_list(apdu, start, _take_specification)
    described = apdu[start:offset]
    data, offset = take_values(apdu, offset, len(specifications))
    return filled(apdu, offset, AccessRequest(invoke, date_time, tuple(specifications), data, described))


def _take_specification(apdu: bytes, offset: int) -> tuple[Specification, int]:
    head, offset = take(apdu, offset, 1 + DESCRIPTOR_OCTETS)
    choice, target = head[0], head[1:]
    if choice in (GET, SET, ACTION):
        return Specification(choice, target, None), offset
    if choice not in (_GET_SELECTED, _SET_SELECTED):
        raise Malformed(f"no access of choice {choice}")
    # The descriptor is mandatory here, so no octet says that it is there; the one before it stands in for that.
    selection, end = decode_optional(b"\x01" + apdu[offset:], 0, target)
    return Specification(GET if choice == _GET_SELECTED else SET, target, selection), offset + end - 1


def encode_response(request: AccessRequest, answers: Sequence[Done]) -> bytes:
    """With the specifications of a request that wants its answer self-descriptive."""
    described = b"\x01" + request.described if request.invoke & SELF_DESCRIPTIVE else b"\x00"
    values = encode_list(_NULL_DATA if answer.data is None else answer.data for answer in answers)
    results = encode_list(bytes((answer.kind, answer.result)) for answer in answers)
    head = bytes((0xDA,)) + request.invoke.to_bytes(4, "big") + encode_string(request.date_time)
    return head + described + values + results
