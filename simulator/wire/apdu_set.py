# SPDX-License-Identifier: MIT
"""SET-Request and SET-Response APDUs, all choices (Green Book 9.5). Bytes to nouns and back, nothing else."""

from __future__ import annotations

from typing import NamedTuple

from simulator.wire.axdr import Data, Malformed, decode, encode, encode_string
from simulator.wire.fields import (
    Block,
    Target,
    encode_block,
    encode_list,
    encode_target,
    encode_values,
    filled,
    take,
    take_block,
    take_list,
    take_number,
    take_string,
    take_target,
    take_values,
)


class SetNormal(NamedTuple):
    invoke: int
    target: Target
    value: Data


class SetFirstBlock(NamedTuple):
    invoke: int
    target: Target
    block: Block


class SetBlock(NamedTuple):
    invoke: int
    block: Block


class SetWithList(NamedTuple):
    invoke: int
    targets: tuple[Target, ...]
    values: tuple[Data, ...]


class SetWithListFirstBlock(NamedTuple):
    invoke: int
    targets: tuple[Target, ...]
    block: Block


class SetResponseNormal(NamedTuple):
    invoke: int
    result: int


class SetResponseBlock(NamedTuple):
    invoke: int
    number: int


class SetResponseLastBlock(NamedTuple):
    invoke: int
    result: int
    number: int


class SetResponseLastBlockWithList(NamedTuple):
    invoke: int
    results: bytes  # one octet each
    number: int


class SetResponseWithList(NamedTuple):
    invoke: int
    results: bytes  # one octet each


SetRequest = SetNormal | SetFirstBlock | SetBlock | SetWithList | SetWithListFirstBlock
SetResponse = (
    SetResponseNormal | SetResponseBlock | SetResponseLastBlock | SetResponseLastBlockWithList | SetResponseWithList
)


def decode_request(apdu: bytes) -> SetRequest:
    head, offset = take(apdu, 0, 3)
    tag, choice, invoke = head
    if tag != 0xC1 or not 1 <= choice <= 5:
        raise Malformed("no SET-Request of this choice")
    if choice == 3:
        block, offset = take_block(apdu, offset)
        return filled(apdu, offset, SetBlock(invoke, block))
    if choice in (4, 5):
        return _decode_list(apdu, offset, invoke, choice)
    target, offset = take_target(apdu, offset)
    if choice == 1:
        value, offset = decode(apdu, offset)
        return filled(apdu, offset, SetNormal(invoke, target, value))
    block, offset = take_block(apdu, offset)
    return filled(apdu, offset, SetFirstBlock(invoke, target, block))


def _decode_list(apdu: bytes, offset: int, invoke: int, choice: int) -> SetWithList | SetWithListFirstBlock:
    found, offset = take_list(apdu, offset, take_target)
    targets = tuple(found)
    if choice == 4:
        values, offset = take_values(apdu, offset, len(targets))
        return filled(apdu, offset, SetWithList(invoke, targets, values))
    block, offset = take_block(apdu, offset)
    return filled(apdu, offset, SetWithListFirstBlock(invoke, targets, block))


def encode_request(request: SetRequest) -> bytes:
    if isinstance(request, SetNormal):
        return bytes((0xC1, 1, request.invoke)) + encode_target(request.target) + encode(request.value)
    if isinstance(request, SetFirstBlock):
        return bytes((0xC1, 2, request.invoke)) + encode_target(request.target) + encode_block(request.block)
    if isinstance(request, SetBlock):
        return bytes((0xC1, 3, request.invoke)) + encode_block(request.block)
    targets = encode_list(map(encode_target, request.targets))
    if isinstance(request, SetWithList):
        return bytes((0xC1, 4, request.invoke)) + targets + encode_values(request.values)
    return bytes((0xC1, 5, request.invoke)) + targets + encode_block(request.block)


def encode_response(response: SetResponse) -> bytes:
    if isinstance(response, SetResponseNormal):
        return bytes((0xC5, 1, response.invoke, response.result))
    if isinstance(response, SetResponseBlock):
        return bytes((0xC5, 2, response.invoke)) + response.number.to_bytes(4, "big")
    if isinstance(response, SetResponseLastBlock):
        return bytes((0xC5, 3, response.invoke, response.result)) + response.number.to_bytes(4, "big")
    # An octet each: a SEQUENCE OF enumerated looks as an octet-string does.
    results = encode_string(response.results)
    if isinstance(response, SetResponseLastBlockWithList):
        return bytes((0xC5, 4, response.invoke)) + results + response.number.to_bytes(4, "big")
    return bytes((0xC5, 5, response.invoke)) + results


def decode_response(apdu: bytes) -> SetResponse:
    head, offset = take(apdu, 0, 3)
    tag, choice, invoke = head
    if tag != 0xC5 or not 1 <= choice <= 5:
        raise Malformed("no SET-Response of this choice")
    if choice == 2:
        number, offset = take_number(apdu, offset)
        return filled(apdu, offset, SetResponseBlock(invoke, number))
    if choice in (4, 5):
        results, offset = take_string(apdu, offset)
        if choice == 5:
            return filled(apdu, offset, SetResponseWithList(invoke, results))
        number, offset = take_number(apdu, offset)
        return filled(apdu, offset, SetResponseLastBlockWithList(invoke, results, number))
    result, offset = take(apdu, offset, 1)
    if choice == 1:
        return filled(apdu, offset, SetResponseNormal(invoke, result[0]))
    number, offset = take_number(apdu, offset)
    return filled(apdu, offset, SetResponseLastBlock(invoke, result[0], number))
