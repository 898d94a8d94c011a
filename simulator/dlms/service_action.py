# SPDX-License-Identifier: MIT
"""The ACTION service: its APDUs to requests, answers to its APDUs (Green Book 9.3.8, 9.4.6.5). Runs no method."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from simulator.dlms.association import Association, Encoder, Pending
from simulator.dlms.transfer import Receiving, Sending
from simulator.ports import Act, ActAnswer, ActItem
from simulator.wire.apdu_action import (
    ActionBlock,
    ActionFirstBlock,
    ActionNext,
    ActionNormal,
    ActionResponseBlock,
    ActionResponseNext,
    ActionResponseNormal,
    ActionResponseWithList,
    ActionWithList,
    Outcome,
    decode_request,
    encode_outcomes,
    encode_response,
)
from simulator.wire.axdr import Data
from simulator.wire.codes import ActionResult, Conformance, DataAccessResult
from simulator.wire.fields import Block
from simulator.wire.refusal import OTHER_REASON, SERVICE_NOT_ALLOWED, Refusal

TAG = 0xC3
_BLOCK_HEAD = 8  # tag, choice, invoke-id, last-block, block-number
_BLOCKS = int(Conformance.BLOCK_TRANSFER_WITH_ACTION)
_CONFIRMED = 0x40  # service-class bit of invoke-id-and-priority

Transfer = Sending | Receiving | None


def serve(association: Association, apdu: bytes) -> Act | bytes | Refusal:
    """Whatever is not the next step of a transfer ends it (Green Book 9.4.6.5)."""
    transfer, association.transfer = association.transfer, None
    request = decode_request(apdu)
    if isinstance(request, ActionNormal):
        return _ask(association, _answer_one, request.invoke, (request.method,), (request.parameter,))
    if isinstance(request, ActionNext):
        return _next(association, request, transfer)
    if isinstance(request, ActionBlock):
        if not isinstance(transfer, Receiving) or transfer.service != TAG:
            return _abort(request.invoke, ActionResult.NO_LONG_ACTION_IN_PROGRESS)
        return _receive(association, request.invoke, transfer, request.block)
    methods = (request.method,) if isinstance(request, ActionFirstBlock) else request.methods
    if len(methods) > association.limits.max_items:
        return Refusal(SERVICE_NOT_ALLOWED, OTHER_REASON)
    if isinstance(request, ActionWithList):
        return _ask(association, _answer_list, request.invoke, methods, request.parameters)
    listed = not isinstance(request, ActionFirstBlock)
    new = Receiving(TAG, methods, listed=listed, max_octets=association.limits.max_assembled)
    return _receive(association, request.invoke, new, request.block)


def _receive(association: Association, invoke: int, transfer: Receiving, block: Block) -> Act | bytes:
    if transfer.add(block) != DataAccessResult.SUCCESS:
        return _abort(invoke, ActionResult.LONG_ACTION_ABORTED)
    if not block.last:
        association.transfer = transfer
        return encode_response(ActionResponseNext(invoke, block.number))
    values = transfer.values()
    if values is None:
        return _abort(invoke, ActionResult.LONG_ACTION_ABORTED)
    answer = _tell_list if transfer.listed else _tell_one  # block transfer exists only confirmed
    return _ask(association, answer, invoke, cast("tuple[bytes, ...]", transfer.targets), values)


def _abort(invoke: int, result: ActionResult) -> bytes:
    return encode_response(ActionResponseNormal(invoke, Outcome(result, None)))


def _ask(
    association: Association, answer: Encoder, invoke: int, methods: Sequence[bytes], parameters: Sequence[Data | None]
) -> Act:
    association.pending = Pending(answer, invoke, ())
    return Act(association.client, tuple(map(ActItem, methods, parameters)))


def _next(association: Association, request: ActionNext, transfer: Transfer) -> bytes:
    invoke, number = request
    if not isinstance(transfer, Sending) or transfer.service != TAG:
        return _abort(invoke, ActionResult.NO_LONG_ACTION_IN_PROGRESS)
    if transfer.number != number:
        return _abort(invoke, ActionResult.LONG_ACTION_ABORTED)
    return _block(association, invoke, transfer)


def _block(association: Association, invoke: int, transfer: Sending) -> bytes:
    block = transfer.load(association.send_limit - _BLOCK_HEAD)
    if not block.last:
        association.transfer = transfer
    return encode_response(ActionResponseBlock(invoke, block))


def _answer_one(association: Association, invoke: int, answers: Sequence[ActAnswer]) -> bytes:
    return _tell_one(association, invoke, answers) if invoke & _CONFIRMED else b""


def _answer_list(association: Association, invoke: int, answers: Sequence[ActAnswer]) -> bytes:
    return _tell_list(association, invoke, answers) if invoke & _CONFIRMED else b""


def _tell_one(association: Association, invoke: int, answers: Sequence[ActAnswer]) -> bytes:
    """Blocks carry the return parameters alone, which says success; a method that failed has none worth a transfer."""
    result, data = answers[0]
    apdu = encode_response(ActionResponseNormal(invoke, Outcome(result, data)))
    if len(apdu) <= association.send_limit:
        return apdu
    if result == ActionResult.SUCCESS and isinstance(data, bytes) and association.conformance & _BLOCKS:
        return _block(association, invoke, Sending(TAG, data))
    # The method has been executed, so its result stands; what it returned cannot be had.
    return encode_response(ActionResponseNormal(invoke, Outcome(result, DataAccessResult.OTHER_REASON)))


def _tell_list(association: Association, invoke: int, answers: Sequence[ActAnswer]) -> bytes:
    outcomes = tuple(Outcome(*answer) for answer in answers)
    apdu = encode_response(ActionResponseWithList(invoke, outcomes))
    if len(apdu) <= association.send_limit:
        return apdu
    if association.conformance & _BLOCKS:
        return _block(association, invoke, Sending(TAG, encode_outcomes(outcomes)))
    short = tuple(outcome._replace(data=None) for outcome in outcomes)
    return association.fitting(encode_response(ActionResponseWithList(invoke, short)))
