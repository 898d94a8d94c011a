# SPDX-License-Identifier: MIT
"""GET-Request and GET-Response APDUs, all choices (Green Book 9.5). Bytes to nouns and back, nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from simulator.wire.axdr import Malformed, encode_string
from simulator.wire.fields import (
    LAST_AND_NUMBER,
    Result,
    Target,
    encode_list,
    encode_result,
    encode_target,
    filled,
    take,
    take_list,
    take_number,
    take_result,
    take_string,
    take_target,
)

# One prefix per invoke-id-and-priority, so that the commonest answer of all is one concatenation.
_NORMAL_DATA = tuple(bytes((0xC4, 1, invoke, 0)) for invoke in range(256))


class GetNormal(NamedTuple):
    invoke: int
    target: Target


class GetNext(NamedTuple):
    invoke: int
    number: int  # of the block that the client received last


class GetWithList(NamedTuple):
    invoke: int
    targets: tuple[Target, ...]


class GetResponseNormal(NamedTuple):
    invoke: int
    result: Result


class GetResponseBlock(NamedTuple):
    invoke: int
    last: bool
    number: int
    result: Result  # bytes: raw-data, a piece of the encoded answer


class GetResponseWithList(NamedTuple):
    invoke: int
    results: tuple[Result, ...]


GetRequest = GetNormal | GetNext | GetWithList
GetResponse = GetResponseNormal | GetResponseBlock | GetResponseWithList


def decode_request(apdu: bytes) -> GetRequest:
    head, offset = take(apdu, 0, 3)
    tag, choice, invoke = head
    if (tag, choice) == (0xC0, 1):
        target, offset = take_target(apdu, offset)
        return filled(apdu, offset, GetNormal(invoke, target))
    if (tag, choice) == (0xC0, 2):
        number, offset = take_number(apdu, offset)
        return filled(apdu, offset, GetNext(invoke, number))
    if (tag, choice) == (0xC0, 3):
        targets, offset = take_list(apdu, offset, take_target)
        return filled(apdu, offset, GetWithList(invoke, tuple(targets)))
    raise Malformed("no GET-Request of this choice")


def encode_request(request: GetRequest) -> bytes:
    if isinstance(request, GetNormal):
        return bytes((0xC0, 1, request.invoke)) + encode_target(request.target)
    if isinstance(request, GetNext):
        return bytes((0xC0, 2, request.invoke)) + request.number.to_bytes(4, "big")
    return bytes((0xC0, 3, request.invoke)) + encode_list(map(encode_target, request.targets))


def encode_response(response: GetResponse) -> bytes:
    if isinstance(response, GetResponseNormal):
        return encode_normal(response.invoke, response.result)
    if isinstance(response, GetResponseBlock):
        head = bytes((0xC4, 2, response.invoke)) + LAST_AND_NUMBER.pack(response.last, response.number)
        if isinstance(response.result, bytes):
            return head + b"\x00" + encode_string(response.result)
        return head + encode_result(response.result)
    return bytes((0xC4, 3, response.invoke)) + encode_results(response.results)


def encode_normal(invoke: int, result: Result) -> bytes:
    if isinstance(result, bytes):
        return _NORMAL_DATA[invoke] + result
    return bytes((0xC4, 1, invoke, 1, result))


def encode_results(results: Sequence[Result]) -> bytes:
    """SEQUENCE OF Get-Data-Result; what does not fit in one APDU is cut into the raw-data of blocks."""
    return encode_list(map(encode_result, results))


def decode_response(apdu: bytes) -> GetResponse:
    head, offset = take(apdu, 0, 3)
    tag, choice, invoke = head
    if (tag, choice) == (0xC4, 1):
        result, offset = take_result(apdu, offset)
        return filled(apdu, offset, GetResponseNormal(invoke, result))
    if (tag, choice) == (0xC4, 2):
        return _decode_block(apdu, offset, invoke)
    if (tag, choice) == (0xC4, 3):
        results, offset = take_list(apdu, offset, take_result)
        return filled(apdu, offset, GetResponseWithList(invoke, tuple(results)))
    raise Malformed("no GET-Response of this choice")


def _decode_block(apdu: bytes, offset: int, invoke: int) -> GetResponseBlock:
    octets, offset = take(apdu, offset, LAST_AND_NUMBER.size)
    last, number = LAST_AND_NUMBER.unpack(octets)
    result: Result
    if apdu[offset : offset + 1] == b"\x00":
        result, offset = take_string(apdu, offset + 1)
    else:
        result, offset = take_result(apdu, offset)
    return filled(apdu, offset, GetResponseBlock(invoke, bool(last), number, result))
