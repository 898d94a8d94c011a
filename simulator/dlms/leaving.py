# SPDX-License-Identifier: MIT
"""How an association is left, and what is refused in it (Green Book 9.4.5, 9.4.2).

It answers and decides; who keeps the associations forgets the one that was released.
"""

from __future__ import annotations

from simulator.dlms.association import Association
from simulator.dlms.legality import ENVELOPES, NOT_ASSOCIATED, TABLE, UNKNOWN, State
from simulator.wire import acse, initiate
from simulator.wire.refusal import PDU_TOO_LONG, SERVICE_NOT_ALLOWED, Refusal

TOO_LONG = Refusal(SERVICE_NOT_ALLOWED, PDU_TOO_LONG)
_RELEASED = b"\x00"  # release-response-reason normal


def release(association: Association | None, rlrq: acse.Rlrq) -> bytes | Refusal:
    """The RLRE, or a Refusal: the association stays. A release of nothing is granted too: the client has what it wants,
    and would wait for a word (9.4.5)."""
    told = None
    if association is not None:
        association.take_form(None)
        information = rlrq.user_information
        if association.shield is not None and information is not None and association.shield.strict:
            revealed = association.shield.reveal(information)
            if isinstance(revealed, Refusal):
                return revealed
            association.take_form(revealed.form)
        if information is not None:
            told = association.covered(_parting(association))
    return acse.encode_rlre(acse.Rlre(_RELEASED, told))


def _parting(association: Association) -> bytes:
    """The InitiateResponse once more, where the RLRQ came with user-information of its own (Green Book 9.4.2)."""
    response = initiate.InitiateResponse(
        quality_of_service=None,
        version=initiate.DLMS_VERSION,
        conformance=association.conformance,
        max_pdu=association.receive_limit,
        vaa_name=initiate.VAA_NAME_LN,
    )
    return initiate.encode_response(response)


def refuse(association: Association | None, apdu: bytes) -> Refusal:
    """What is not legal now, by the table; it ends a transfer that is under way."""
    if association is None and apdu[:1] and apdu[0] in ENVELOPES:
        return NOT_ASSOCIATED
    if association is None or association.trial is not None:
        verdict = TABLE[State.CLOSED].get(apdu[:2], UNKNOWN)
        return verdict if isinstance(verdict, Refusal) else UNKNOWN
    association.transfer = None
    association.blocks.is_current = False
    return TOO_LONG if len(apdu) > association.receive_limit else UNKNOWN
