# SPDX-License-Identifier: MIT
"""The ACCESS service: a list of reads, writes and methods in one request (Green Book 9.3.5, 9.4.6.7)."""

from __future__ import annotations

from collections.abc import Sequence

from simulator.dlms.association import Association, Pending
from simulator.ports import Access, ActAnswer, ActItem, Answer, GetItem, SetItem
from simulator.wire import apdu_access
from simulator.wire.apdu_access import (
    ACTION,
    BREAK_ON_ERROR,
    CONFIRMED,
    GET,
    AccessRequest,
    Done,
    Specification,
    decode_request,
)
from simulator.wire.axdr import Data
from simulator.wire.codes import ActionResult, Conformance, DataAccessResult, Tag
from simulator.wire.refusal import OTHER_REASON, SERVICE_NOT_ALLOWED, Refusal

TAG = apdu_access.TAG


def serve(association: Association, apdu: bytes) -> Access | bytes | Refusal:
    """One selection that was not negotiated spoils its own access only, so it goes to the driver as what it is not."""
    association.transfer = None
    request = decode_request(apdu)
    if len(request.specifications) > association.limits.max_items:
        return Refusal(SERVICE_NOT_ALLOWED, OTHER_REASON)
    barred = _barred(association, request.specifications)
    pairs = zip(request.specifications, request.data, strict=True)
    items = tuple(_item(*pair) for place, pair in enumerate(pairs) if place not in barred)

    def answer(association: Association, _: int, answers: Sequence[Answer]) -> bytes:
        return _answer(association, request, answers)

    association.pending = Pending(answer, request.invoke, barred)
    if not items:
        return association.answer(())
    return Access(association.client, items, bool(request.invoke & BREAK_ON_ERROR))


def _barred(association: Association, specifications: Sequence[Specification]) -> tuple[int, ...]:
    if association.conformance & Conformance.SELECTIVE_ACCESS:
        return ()
    return tuple(place for place, one in enumerate(specifications) if one.selection is not None)


def _item(specification: Specification, value: Data) -> GetItem | SetItem | ActItem:
    kind, target, selection = specification
    if kind == GET:
        return GetItem(target, selection)
    if kind == ACTION:
        return ActItem(target, None if value.tag == Tag.NULL else value)
    return SetItem(target, selection, value)


def _answer(association: Association, request: AccessRequest, answers: Sequence[Answer]) -> bytes:
    if not request.invoke & CONFIRMED:
        return b""
    done = [_done(one.kind, answer) for one, answer in zip(request.specifications, answers, strict=True)]
    apdu = apdu_access.encode_response(request, done)
    # ACCESS has no blocks of its own, only the general ones.
    return apdu if association.conformance & Conformance.GENERAL_BLOCK_TRANSFER else association.fitting(apdu)


def _done(kind: int, answer: Answer) -> Done:
    if isinstance(answer, ActAnswer):
        return Done(kind, answer.result, answer.data if isinstance(answer.data, bytes) else None)
    if isinstance(answer, bytes):
        return Done(kind, DataAccessResult.SUCCESS, answer)
    assert isinstance(answer, DataAccessResult | ActionResult)
    return Done(kind, answer, None)
