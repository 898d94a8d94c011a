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
from simulator.wire.acse import CONTEXT_NAME, MECHANISM_NAME, Aare, Aarq, diagnostic_of, encode_aare
from simulator.wire.codes import Conformance as Bit
from simulator.wire.initiate import ConfirmedServiceError, InitiateRequest, InitiateResponse

# What this engine can do; a rule that promises more is not believed. Push needs no service of the client's.
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
)
SERVED_CONTEXTS = frozenset({1})  # logical names, no ciphering
MIN_PDU = 12  # octets; below that not even a block of two octets fits (Green Book 9.4.6.3)

_ACCEPTED, _REJECTED = b"\x00", b"\x01"
_NONE, _LLS = 0, 1
# acse-service-user diagnostics
_NULL, _NO_REASON, _CONTEXT_NOT_SUPPORTED = 0, 1, 2
_MECHANISM_NOT_RECOGNISED, _MECHANISM_REQUIRED = 11, 12
_AUTHENTICATION_FAILURE, _AUTHENTICATION_REQUIRED = 13, 14
_NO_COMMON_ACSE_VERSION = 2  # of the acse-service-provider
# initiate errors
_OTHER, _VERSION_TOO_LOW, _INCOMPATIBLE_CONFORMANCE, _PDU_TOO_SHORT, _REFUSED_BY_VDE = range(5)


class Negotiated(NamedTuple):
    conformance: int
    client_max_pdu: int  # octets; 0: no limit
    server_max_pdu: int


def judge(aarq: Aarq, rules: AssociationRules | None) -> tuple[bytes, Negotiated | None]:
    """The AARE to send (empty if the client wants none), and what was agreed, or None if it is a rejection."""
    request = _initiate_of(aarq)
    error = _initiate_error(request, rules)
    diagnostic = _diagnose(aarq, rules)
    accepted = error is None and diagnostic is None
    if request is None or rules is None or (error is not None and diagnostic is None):
        user_information = initiate.encode_error(ConfirmedServiceError(_OTHER if error is None else error))
    else:
        user_information = initiate.encode_response(_response(request, rules))
    aare = Aare(
        context_name=_context_shown(aarq, rules),
        result=_ACCEPTED if accepted else _REJECTED,
        diagnostic=diagnostic or diagnostic_of(_NULL if accepted else _NO_REASON),
        user_information=user_information,
    )
    if not accepted or request is None or rules is None:
        return encode_aare(aare), None
    negotiated = Negotiated(_common(request, rules), request.max_pdu, rules.max_pdu)
    # response-allowed FALSE asks for an unconfirmed association: it is opened without a word (Green Book 9.3.2).
    return (encode_aare(aare) if request.response_allowed else b""), negotiated


def _initiate_of(aarq: Aarq) -> InitiateRequest | None:
    try:
        return initiate.decode_request(aarq.user_information or b"")
    except PeerError:
        return None


def _common(request: InitiateRequest, rules: AssociationRules) -> int:
    return request.conformance & rules.conformance & SERVED_CONFORMANCE


def _response(request: InitiateRequest, rules: AssociationRules) -> InitiateResponse:
    """The dedicated key of a request in this plain context is ignored: there is nothing to decipher with it."""
    return InitiateResponse(
        quality_of_service=request.quality_of_service,
        version=initiate.DLMS_VERSION,
        conformance=_common(request, rules),
        max_pdu=rules.max_pdu,
        vaa_name=initiate.VAA_NAME_LN,
    )


def _initiate_error(request: InitiateRequest | None, rules: AssociationRules | None) -> int | None:
    # No diagnostic of ACSE says "I do not know this client": to the wrapper a client is an address, not a title.
    if rules is None:
        return _REFUSED_BY_VDE
    if request is None:
        return _OTHER
    if request.version != initiate.DLMS_VERSION:
        return _VERSION_TOO_LOW
    if 0 < request.max_pdu < MIN_PDU:
        return _PDU_TOO_SHORT
    return None if _common(request, rules) else _INCOMPATIBLE_CONFORMANCE


def _context_shown(aarq: Aarq, rules: AssociationRules | None) -> bytes:
    """The context in use, or for a proposal that is refused one that would do."""
    allowed = SERVED_CONTEXTS if rules is None else rules.contexts & SERVED_CONTEXTS
    if _context_of(aarq) in allowed and aarq.context_name is not None:
        return aarq.context_name
    return CONTEXT_NAME + bytes((min(allowed, default=1),))


def _context_of(aarq: Aarq) -> int | None:
    return _last_arc(aarq.context_name, CONTEXT_NAME)


def _last_arc(name: bytes | None, arcs: bytes) -> int | None:
    return name[-1] if name is not None and len(name) == 7 and name[:6] == arcs else None


def _diagnose(aarq: Aarq, rules: AssociationRules | None) -> bytes | None:
    """The ACSE's reason to reject, or None."""
    version = aarq.protocol_version
    if version is not None and (len(version) < 2 or not version[1] & 0x80):  # version1 is bit 0
        return diagnostic_of(_NO_COMMON_ACSE_VERSION, provider=True)
    if rules is None:
        return None
    if _context_of(aarq) not in rules.contexts & SERVED_CONTEXTS:
        return diagnostic_of(_CONTEXT_NOT_SUPPORTED)
    code = _authenticate(aarq, rules)
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
    return _begin_hls()


def _begin_hls() -> int:
    """HLS (mechanisms 2 to 7) has its challenges here; as long as there are none, no such client gets in."""
    return _MECHANISM_NOT_RECOGNISED
