# SPDX-License-Identifier: MIT
"""The judgement on an AARQ: what is negotiated, or why not, and the AARE that says so (Green Book 9.4.4, 9.4.5).

A pure function of the AARQ and the meter's rules for the client; it keeps no state and never raises.
"""

from __future__ import annotations

import hmac
from typing import NamedTuple

from simulator.errors import PeerError
from simulator.ports import AssociationRules
from simulator.wire import initiate
from simulator.wire.acse import AUTHENTICATION_UNIT, CONTEXT_NAME, MECHANISM_NAME, Aare, Aarq, diagnostic_of
from simulator.wire.ciphering import GENERAL_GLO, TITLE_OCTETS, overhead
from simulator.wire.codes import Conformance as Bit
from simulator.wire.initiate import ConfirmedServiceError, InitiateRequest, InitiateResponse
from simulator.wire.proofs import GMAC, LONGEST_CHALLENGE, SHA256, SHORTEST_CHALLENGE
from simulator.wire.proofs import MECHANISMS as HLS

# What this engine can do; a rule that promises more is not believed.
SERVED_CONFORMANCE = (
    Bit.GET
    | Bit.SET
    | Bit.ACTION
    | Bit.SELECTIVE_ACCESS
    | Bit.MULTIPLE_REFERENCES
    | Bit.BLOCK_TRANSFER_WITH_GET
    | Bit.BLOCK_TRANSFER_WITH_SET
    | Bit.BLOCK_TRANSFER_WITH_ACTION
    | Bit.ATTRIBUTE_0_SUPPORTED_WITH_GET
    | Bit.ATTRIBUTE_0_SUPPORTED_WITH_SET
    | Bit.DATA_NOTIFICATION
    | Bit.EVENT_NOTIFICATION
    | Bit.GENERAL_PROTECTION
    | Bit.GENERAL_BLOCK_TRANSFER
    | Bit.ACCESS
)
PLAIN, CIPHERED = 1, 3  # application contexts with logical names
SERVED_CONTEXTS = frozenset({PLAIN, CIPHERED})
MIN_PDU = 12  # octets; below that not even a block of two octets fits (Green Book 9.4.6.3)
MIN_CIPHERED_PDU = MIN_PDU + overhead(GENERAL_GLO)

_ACCEPTED, _REJECTED, _REJECTED_FOR_NOW = b"\x00", b"\x01", b"\x02"
_NONE, _LLS = 0, 1
# acse-service-user diagnostics
_NULL, _NO_REASON, _CONTEXT_NOT_SUPPORTED, _TITLE_NOT_RECOGNISED = range(4)
_MECHANISM_NOT_RECOGNISED, _MECHANISM_REQUIRED = 11, 12
_AUTHENTICATION_FAILURE, _AUTHENTICATION_REQUIRED = 13, 14
_NO_COMMON_ACSE_VERSION = 2  # of the acse-service-provider
# initiate errors
_OTHER, _VERSION_TOO_LOW, _INCOMPATIBLE_CONFORMANCE, _PDU_TOO_SHORT, _REFUSED_BY_VDE = range(5)


class Negotiated(NamedTuple):
    conformance: int
    client_max_pdu: int  # octets; 0: no limit
    server_max_pdu: int


class Offer(NamedTuple):
    """What the judgement needs beside the AARQ and the rules."""

    information: bytes | None  # the AARQ's user-information, deciphered if it was ciphered
    ciphered: bool = False
    must_cipher: bool = False  # the security policy wants it
    title: bytes = b""  # the meter's system title
    challenge: bytes = b""  # the meter's, for HLS


class Verdict(NamedTuple):
    aare: Aare
    agreed: Negotiated | None  # None: it is a rejection
    request: InitiateRequest | None
    wants_answer: bool = True  # response-allowed FALSE asks for an unconfirmed association (Green Book 9.3.2)
    wrong_secret: bool = False


def judge(aarq: Aarq, rules: AssociationRules | None, offer: Offer) -> Verdict:
    """The AARE and what was agreed. An HLS client that may go on to pass 3 is agreed with."""
    request = _initiate_of(offer.information)
    error = _initiate_error(request, rules, offer)
    diagnostic = _diagnose(aarq, rules)
    accepted = error is None and diagnostic is None
    if request is None or rules is None or (error is not None and diagnostic is None):
        user_information = initiate.encode_error(ConfirmedServiceError(_OTHER if error is None else error))
    else:
        user_information = initiate.encode_response(_response(request, rules))
    aare = Aare(
        context_name=_context_shown(aarq, rules),
        result=_ACCEPTED if accepted else _REJECTED_FOR_NOW if rules and rules.locked else _REJECTED,
        diagnostic=diagnostic or diagnostic_of(_NULL if accepted else _NO_REASON),
        user_information=user_information,
    )
    if not accepted or request is None or rules is None:
        return Verdict(aare, None, request, wrong_secret=diagnostic == diagnostic_of(_AUTHENTICATION_FAILURE))
    negotiated = Negotiated(_common(request, rules), request.max_pdu, rules.max_pdu)
    return Verdict(_completed(aare, aarq, rules, offer), negotiated, request, request.response_allowed)


def _completed(aare: Aare, aarq: Aarq, rules: AssociationRules, offer: Offer) -> Aare:
    """With the meter's title where the client will need it, and pass 2 of HLS."""
    if rules.mechanism in HLS:
        return aare._replace(
            diagnostic=diagnostic_of(_AUTHENTICATION_REQUIRED),
            responding_ap_title=offer.title,
            requirements=AUTHENTICATION_UNIT,
            mechanism_name=MECHANISM_NAME + bytes((rules.mechanism,)),
            authentication_value=offer.challenge,
        )
    return aare._replace(responding_ap_title=offer.title) if context_of(aarq) == CIPHERED else aare


def _initiate_of(information: bytes | None) -> InitiateRequest | None:
    try:
        return initiate.decode_request(information or b"")
    except PeerError:
        return None


def _common(request: InitiateRequest, rules: AssociationRules) -> int:
    return request.conformance & rules.conformance & SERVED_CONFORMANCE


def _response(request: InitiateRequest, rules: AssociationRules) -> InitiateResponse:
    """The dedicated key of a request that came plain is ignored: the whole line has heard it."""
    return InitiateResponse(
        quality_of_service=request.quality_of_service,
        version=initiate.DLMS_VERSION,
        conformance=_common(request, rules),
        max_pdu=rules.max_pdu,
        vaa_name=initiate.VAA_NAME_LN,
    )


def _initiate_error(request: InitiateRequest | None, rules: AssociationRules | None, offer: Offer) -> int | None:
    # No diagnostic of ACSE says "I do not know this client": to the wrapper a client is an address, not a title.
    if rules is None or (offer.must_cipher and not offer.ciphered):
        return _REFUSED_BY_VDE
    if request is None:
        return _OTHER
    if request.version != initiate.DLMS_VERSION:
        return _VERSION_TOO_LOW
    if 0 < request.max_pdu < (MIN_CIPHERED_PDU if offer.ciphered else MIN_PDU):
        return _PDU_TOO_SHORT
    return None if _common(request, rules) else _INCOMPATIBLE_CONFORMANCE


def _context_shown(aarq: Aarq, rules: AssociationRules | None) -> bytes:
    """The context in use, or for a proposal that is refused one that would do."""
    allowed = SERVED_CONTEXTS if rules is None else rules.contexts & SERVED_CONTEXTS
    if context_of(aarq) in allowed and aarq.context_name is not None:
        return aarq.context_name
    return CONTEXT_NAME + bytes((min(allowed, default=1),))


def context_of(aarq: Aarq) -> int | None:
    return _last_arc(aarq.context_name, CONTEXT_NAME)


def needs_title(context: int | None, mechanism: int) -> bool:
    return context == CIPHERED or mechanism in (GMAC, SHA256)


def title_of(aarq: Aarq) -> bytes | None:
    """The client's system title."""
    title = aarq.calling_ap_title
    return title if title is not None and len(title) == TITLE_OCTETS else None


def _last_arc(name: bytes | None, arcs: bytes) -> int | None:
    return name[-1] if name is not None and len(name) == 7 and name[:6] == arcs else None


def _diagnose(aarq: Aarq, rules: AssociationRules | None) -> bytes | None:
    """The ACSE's reason to reject, or None."""
    version = aarq.protocol_version
    if version is not None and (len(version) < 2 or not version[1] & 0x80):  # version1 is bit 0
        return diagnostic_of(_NO_COMMON_ACSE_VERSION, provider=True)
    if rules is None:
        return None
    if context_of(aarq) not in rules.contexts & SERVED_CONTEXTS:
        return diagnostic_of(_CONTEXT_NOT_SUPPORTED)
    if rules.locked or rules.pre_established:
        return diagnostic_of(_NO_REASON)
    code = _authenticate(aarq, rules)
    if code is None and needs_title(context_of(aarq), rules.mechanism) and title_of(aarq) is None:
        code = _TITLE_NOT_RECOGNISED
    return None if code is None else diagnostic_of(code)


def _authenticate(aarq: Aarq, rules: AssociationRules) -> int | None:
    if aarq.mechanism_name is None:
        if rules.mechanism == _NONE:
            return None
        offered = aarq.requirements is not None or aarq.authentication_value is not None
        return _MECHANISM_REQUIRED if offered else _AUTHENTICATION_REQUIRED
    mechanism = _last_arc(aarq.mechanism_name, MECHANISM_NAME)
    if mechanism != rules.mechanism:
        # No authentication at all is one thing, another mechanism than the client's own is another.
        return _AUTHENTICATION_REQUIRED if mechanism == _NONE else _MECHANISM_NOT_RECOGNISED
    if mechanism == _NONE:
        return None
    if mechanism == _LLS:
        password = aarq.authentication_value
        right = password is not None and hmac.compare_digest(password, rules.secret)
        return None if right else _AUTHENTICATION_FAILURE
    if mechanism not in HLS:
        return _MECHANISM_NOT_RECOGNISED
    octets = len(aarq.authentication_value or b"")
    return None if SHORTEST_CHALLENGE <= octets <= LONGEST_CHALLENGE else _AUTHENTICATION_FAILURE
