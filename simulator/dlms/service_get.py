# SPDX-License-Identifier: MIT
"""The GET service: its APDUs to requests, answers to its APDUs (Green Book 9.3.6, 9.4.6.3). Reads no value itself."""

from __future__ import annotations

from collections.abc import Sequence

from simulator.dlms.association import Association, Encoder, Pending
from simulator.dlms.transfer import Receiving, Sending
from simulator.ports import Get, GetAnswer, GetItem
from simulator.wire.apdu_get import (
    GetNext,
    GetNormal,
    GetResponseBlock,
    GetResponseWithList,
    decode_request,
    encode_normal,
    encode_response,
    encode_results,
)
from simulator.wire.codes import Conformance, DataAccessResult
from simulator.wire.fields import Result, Target
from simulator.wire.refusal import OTHER_REASON, SERVICE_NOT_ALLOWED, Refusal

TAG = 0xC0
_new = tuple.__new__
_PLAIN_OCTETS = 13  # get-request-normal without selection: tag, choice, invoke-id, attribute, no access-selection
_NORMAL_HEAD = 4  # tag, choice, invoke-id, data
_BLOCK_HEAD = 9  # tag, choice, invoke-id, last-block, block-number, raw-data
_BLOCKS = int(Conformance.BLOCK_TRANSFER_WITH_GET)
_SELECTIVE = int(Conformance.SELECTIVE_ACCESS)


def serve(association: Association, apdu: bytes) -> Get | bytes | Refusal:
    """Whatever is not the next step of a transfer ends it (Green Book 9.4.6.3)."""
    transfer, association.transfer = association.transfer, None
    if len(apdu) == _PLAIN_OCTETS and apdu[1] == 1 and not apdu[12]:
        # Four requests of five look like this: no decoder, no selection, one item; tuple.__new__ is a NamedTuple's
        # constructor without its Python frame.
        association.pending = _new(Pending, (_answer_one, apdu[2], ()))
        return _new(Get, (association.client, (_new(GetItem, (apdu[3:12], None)),)))
    request = decode_request(apdu)
    if isinstance(request, GetNext):
        return _next(association, request, transfer)
    if isinstance(request, GetNormal):
        return _ask(association, _answer_one, request.invoke, (request.target,))
    if len(request.targets) > association.limits.max_items:
        return Refusal(SERVICE_NOT_ALLOWED, OTHER_REASON)
    return _ask(association, _answer_list, request.invoke, request.targets)


def refused(association: Association, targets: Sequence[Target]) -> tuple[int, ...]:
    """The places of targets with a selection that the client has not negotiated to make."""
    if association.conformance & _SELECTIVE:
        return ()
    return tuple(place for place, (_, selection) in enumerate(targets) if selection is not None)


def _ask(association: Association, answer: Encoder, invoke: int, targets: Sequence[Target]) -> Get | bytes:
    barred = refused(association, targets)
    association.pending = Pending(answer, invoke, barred)
    items = tuple(GetItem(*target) for place, target in enumerate(targets) if place not in barred)
    return Get(association.client, items) if items or not barred else association.answer(())


def _next(association: Association, request: GetNext, transfer: Sending | Receiving | None) -> bytes:
    invoke, number = request
    if not isinstance(transfer, Sending) or transfer.service != TAG:
        result = DataAccessResult.NO_LONG_GET_IN_PROGRESS
    elif transfer.number != number:
        result = DataAccessResult.DATA_BLOCK_NUMBER_INVALID
    else:
        return _block(association, invoke, transfer)
    return encode_response(GetResponseBlock(invoke, True, number, result))


def _block(association: Association, invoke: int, transfer: Sending) -> bytes:
    last, number, piece = transfer.load(association.send_limit - _BLOCK_HEAD)
    if not last:
        association.transfer = transfer
    return encode_response(GetResponseBlock(invoke, last, number, piece))


def _answer_one(association: Association, invoke: int, answers: Sequence[GetAnswer]) -> bytes:
    result: Result = answers[0]
    if isinstance(result, bytes) and len(result) > association.send_limit - _NORMAL_HEAD:
        if association.conformance & _BLOCKS:
            return _block(association, invoke, Sending(TAG, result))
        # 14 to 19 speak of transfers, which this client has not negotiated.
        result = DataAccessResult.OTHER_REASON
    return encode_normal(invoke, result)


def _answer_list(association: Association, invoke: int, answers: Sequence[GetAnswer]) -> bytes:
    apdu = encode_response(GetResponseWithList(invoke, tuple(answers)))
    if len(apdu) <= association.send_limit:
        return apdu
    if association.conformance & _BLOCKS:
        return _block(association, invoke, Sending(TAG, encode_results(answers)))
    # The same again without values: the client learns that it must ask for less at a time.
    short = tuple(DataAccessResult.OTHER_REASON if isinstance(answer, bytes) else answer for answer in answers)
    return association.fitting(encode_response(GetResponseWithList(invoke, short)))
