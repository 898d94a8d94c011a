# SPDX-License-Identifier: MIT
"""The SET service: its APDUs to requests, answers to its APDUs (Green Book 9.3.7, 9.4.6.4). Writes no value itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from simulator.dlms.association import Association, Encoder, Pending
from simulator.dlms.service_get import refused
from simulator.dlms.transfer import Receiving
from simulator.ports import Set, SetItem
from simulator.wire.apdu_set import (
    SetBlock,
    SetFirstBlock,
    SetNormal,
    SetResponseBlock,
    SetResponseLastBlock,
    SetResponseLastBlockWithList,
    SetResponseNormal,
    SetResponseWithList,
    SetWithList,
    SetWithListFirstBlock,
    decode_request,
    encode_response,
)
from simulator.wire.axdr import Data
from simulator.wire.codes import DataAccessResult
from simulator.wire.fields import Block, Target
from simulator.wire.refusal import OTHER_REASON, SERVICE_NOT_ALLOWED, Refusal

TAG = 0xC1
_CONFIRMED = 0x40  # service-class bit of invoke-id-and-priority


def serve(association: Association, apdu: bytes) -> Set | bytes | Refusal:
    """Whatever is not the next step of a transfer ends it (Green Book 9.4.6.4)."""
    transfer, association.transfer = association.transfer, None
    request = decode_request(apdu)
    if isinstance(request, SetNormal):
        return _ask(association, _answer_one, request.invoke, (request.target,), (request.value,))
    if isinstance(request, SetBlock):
        if not isinstance(transfer, Receiving) or transfer.service != TAG:
            return _abort(request.invoke, DataAccessResult.NO_LONG_SET_IN_PROGRESS, request.block)
        return _receive(association, request.invoke, transfer, request.block)
    if isinstance(request, SetFirstBlock):
        return _begin(association, request, (request.target,), listed=False)
    if len(request.targets) > association.limits.max_items:
        return Refusal(SERVICE_NOT_ALLOWED, OTHER_REASON)
    if isinstance(request, SetWithList):
        return _ask(association, _answer_list, request.invoke, request.targets, request.values)
    return _begin(association, request, request.targets, listed=True)


def _begin(
    association: Association,
    request: SetFirstBlock | SetWithListFirstBlock,
    targets: tuple[Target, ...],
    *,
    listed: bool,
) -> Set | bytes:
    transfer = Receiving(TAG, targets, listed=listed, max_octets=association.limits.max_assembled)
    return _receive(association, request.invoke, transfer, request.block)


def _receive(association: Association, invoke: int, transfer: Receiving, block: Block) -> Set | bytes:
    result = transfer.add(block)
    if result:
        return _abort(invoke, result, block)
    if not block.last:
        association.transfer = transfer
        return encode_response(SetResponseBlock(invoke, block.number))
    values = transfer.values()
    if values is None:
        return _abort(invoke, DataAccessResult.LONG_SET_ABORTED, block)
    targets = cast("tuple[Target, ...]", transfer.targets)
    return _ask(association, _last_block(block.number, listed=transfer.listed), invoke, targets, values)


def _abort(invoke: int, result: DataAccessResult, block: Block) -> bytes:
    """One result even for a list: not one of its items was looked at."""
    return encode_response(SetResponseLastBlock(invoke, result, block.number))


def _ask(
    association: Association, answer: Encoder, invoke: int, targets: Sequence[Target], values: Sequence[Data]
) -> Set | bytes:
    barred = refused(association, targets)
    association.pending = Pending(answer, invoke, barred)
    items = tuple(
        SetItem(attribute, selection, value)
        for place, ((attribute, selection), value) in enumerate(zip(targets, values, strict=True))
        if place not in barred
    )
    return Set(association.client, items) if items or not barred else association.answer(())


def _answer_one(association: Association, invoke: int, answers: Sequence[DataAccessResult]) -> bytes:
    return encode_response(SetResponseNormal(invoke, answers[0])) if invoke & _CONFIRMED else b""


def _answer_list(association: Association, invoke: int, answers: Sequence[DataAccessResult]) -> bytes:
    if not invoke & _CONFIRMED:
        return b""
    return association.fitting(encode_response(SetResponseWithList(invoke, bytes(answers))))


def _last_block(number: int, *, listed: bool) -> Encoder:
    """A transfer's last block is always answered: block transfer exists only confirmed."""

    def answer(association: Association, invoke: int, answers: Sequence[DataAccessResult]) -> bytes:
        if listed:
            return association.fitting(encode_response(SetResponseLastBlockWithList(invoke, bytes(answers), number)))
        return encode_response(SetResponseLastBlock(invoke, answers[0], number))

    return answer
