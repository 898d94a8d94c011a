# SPDX-License-Identifier: MIT
"""ACTION-Request and ACTION-Response APDUs, all choices (Green Book 9.5). Bytes to nouns and back, nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from simulator.wire.axdr import Data, Malformed, decode, encode
from simulator.wire.fields import (
    Block,
    Result,
    encode_block,
    encode_list,
    encode_result,
    encode_values,
    filled,
    take,
    take_block,
    take_descriptor,
    take_list,
    take_number,
    take_result,
    take_values,
)


class ActionNormal(NamedTuple):
    invoke: int
    method: bytes
    parameter: Data | None


class ActionNext(NamedTuple):
    invoke: int
    number: int  # of the block that the client received last


class ActionWithList(NamedTuple):
    invoke: int
    methods: tuple[bytes, ...]
    parameters: tuple[Data, ...]  # null-data for a method without


class ActionFirstBlock(NamedTuple):
    invoke: int
    method: bytes
    block: Block


class ActionWithListFirstBlock(NamedTuple):
    invoke: int
    methods: tuple[bytes, ...]
    block: Block


class ActionBlock(NamedTuple):
    invoke: int
    block: Block


class Outcome(NamedTuple):
    """Action-Response-With-Optional-Data."""

    result: int
    data: Result | None


class ActionResponseNormal(NamedTuple):
    invoke: int
    outcome: Outcome


class ActionResponseBlock(NamedTuple):
    invoke: int
    block: Block


class ActionResponseWithList(NamedTuple):
    invoke: int
    outcomes: tuple[Outcome, ...]


class ActionResponseNext(NamedTuple):
    invoke: int
    number: int  # of the block that the meter received last


ActionRequest = ActionNormal | ActionNext | ActionWithList | ActionFirstBlock | ActionWithListFirstBlock | ActionBlock
ActionResponse = ActionResponseNormal | ActionResponseBlock | ActionResponseWithList | ActionResponseNext


def decode_request(apdu: bytes) -> ActionRequest:
    head, offset = take(apdu, 0, 3)
    tag, choice, invoke = head
    if tag != 0xC3 or not 1 <= choice <= 6:
        raise Malformed("no ACTION-Request of this choice")
    if choice == 2:
        number, offset = take_number(apdu, offset)
        return filled(apdu, offset, ActionNext(invoke, number))
    if choice == 6:
        block, offset = take_block(apdu, offset)
        return filled(apdu, offset, ActionBlock(invoke, block))
    if choice in (3, 5):
        return _decode_list(apdu, offset, invoke, choice)
    method, offset = take_descriptor(apdu, offset)
    if choice == 1:
        parameter, offset = _take_parameter(apdu, offset)
        return filled(apdu, offset, ActionNormal(invoke, method, parameter))
    block, offset = take_block(apdu, offset)
    return filled(apdu, offset, ActionFirstBlock(invoke, method, block))


def _take_parameter(apdu: bytes, offset: int) -> tuple[Data | None, int]:
    present, offset = take(apdu, offset, 1)
    return decode(apdu, offset) if present != b"\x00" else (None, offset)


def _decode_list(apdu: bytes, offset: int, invoke: int, choice: int) -> ActionWithList | ActionWithListFirstBlock:
    found, offset = take_list(apdu, offset, take_descriptor)
    methods = tuple(found)
    if choice == 3:
        parameters, offset = take_values(apdu, offset, len(methods))
        return filled(apdu, offset, ActionWithList(invoke, methods, parameters))
    block, offset = take_block(apdu, offset)
    return filled(apdu, offset, ActionWithListFirstBlock(invoke, methods, block))


def encode_request(request: ActionRequest) -> bytes:
    if isinstance(request, ActionNormal):
        parameter = b"\x00" if request.parameter is None else b"\x01" + encode(request.parameter)
        return bytes((0xC3, 1, request.invoke)) + request.method + parameter
    if isinstance(request, ActionNext):
        return bytes((0xC3, 2, request.invoke)) + request.number.to_bytes(4, "big")
    if isinstance(request, ActionFirstBlock):
        return bytes((0xC3, 4, request.invoke)) + request.method + encode_block(request.block)
    if isinstance(request, ActionBlock):
        return bytes((0xC3, 6, request.invoke)) + encode_block(request.block)
    methods = encode_list(request.methods)
    if isinstance(request, ActionWithList):
        return bytes((0xC3, 3, request.invoke)) + methods + encode_values(request.parameters)
    return bytes((0xC3, 5, request.invoke)) + methods + encode_block(request.block)


def encode_response(response: ActionResponse) -> bytes:
    if isinstance(response, ActionResponseNormal):
        return bytes((0xC7, 1, response.invoke)) + _encode_outcome(response.outcome)
    if isinstance(response, ActionResponseBlock):
        return bytes((0xC7, 2, response.invoke)) + encode_block(response.block)
    if isinstance(response, ActionResponseNext):
        return bytes((0xC7, 4, response.invoke)) + response.number.to_bytes(4, "big")
    return bytes((0xC7, 3, response.invoke)) + encode_outcomes(response.outcomes)


def encode_outcomes(outcomes: Sequence[Outcome]) -> bytes:
    """SEQUENCE OF Action-Response-With-Optional-Data; what does not fit in one APDU is cut into pblocks."""
    return encode_list(map(_encode_outcome, outcomes))


def _encode_outcome(outcome: Outcome) -> bytes:
    result, data = outcome
    return bytes((result, 0)) if data is None else bytes((result, 1)) + encode_result(data)


def decode_response(apdu: bytes) -> ActionResponse:
    head, offset = take(apdu, 0, 3)
    tag, choice, invoke = head
    if tag != 0xC7 or not 1 <= choice <= 4:
        raise Malformed("no ACTION-Response of this choice")
    if choice == 1:
        outcome, offset = _take_outcome(apdu, offset)
        return filled(apdu, offset, ActionResponseNormal(invoke, outcome))
    if choice == 2:
        block, offset = take_block(apdu, offset)
        return filled(apdu, offset, ActionResponseBlock(invoke, block))
    if choice == 4:
        number, offset = take_number(apdu, offset)
        return filled(apdu, offset, ActionResponseNext(invoke, number))
    outcomes, offset = take_list(apdu, offset, _take_outcome)
    return filled(apdu, offset, ActionResponseWithList(invoke, tuple(outcomes)))


def _take_outcome(apdu: bytes, offset: int) -> tuple[Outcome, int]:
    octets, offset = take(apdu, offset, 2)
    if octets[1] == 0:
        return Outcome(octets[0], None), offset
    data, offset = take_result(apdu, offset)
    return Outcome(octets[0], data), offset
