# SPDX-License-Identifier: MIT
"""What an association's user-information carries: InitiateRequest, InitiateResponse, ConfirmedServiceError.

A-XDR, save that the conformance block keeps its BER tag and length (Green Book 9.5). Judges nothing.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from simulator.wire.axdr import Malformed, encode_string, take, take_string
from simulator.wire.fields import filled

DLMS_VERSION = 6
VAA_NAME_LN = 0x0007  # the dummy base name that LN referencing answers with (Green Book 9.4.4.2)
_CONFORMANCE_TAG = b"\x5f\x1f\x04\x00"  # [APPLICATION 31], 4 octets, no unused bits
_OLD_CONFORMANCE_TAG = b"\x5f\x04\x00"  # the same in the short form of early implementations
_TAIL = struct.Struct(">HH")
# Service error "initiate" of a confirmed service error about the initiate service.
_INITIATE_ERROR = b"\x0e\x01\x06"


class InitiateRequest(NamedTuple):
    dedicated_key: bytes | None
    response_allowed: bool
    quality_of_service: int | None
    version: int
    conformance: int
    max_pdu: int  # the largest APDU that the client receives, octets; 0: it says no limit


class InitiateResponse(NamedTuple):
    quality_of_service: int | None
    version: int
    conformance: int
    max_pdu: int
    vaa_name: int


class ConfirmedServiceError(NamedTuple):
    """Of the initiate service: the one that LN referencing has left (others became exception-responses)."""

    reason: int  # 0 other, 1 DLMS version too low, 2 incompatible conformance, 3 PDU size too short, 4 refused


def decode_request(octets: bytes) -> InitiateRequest:
    tag, offset = take(octets, 0, 1)
    if tag != b"\x01":
        raise Malformed("no InitiateRequest")
    present, offset = take(octets, offset, 1)
    key = None
    if present != b"\x00":
        key, offset = take_string(octets, offset)
    allowed, offset = _take_optional(octets, offset)
    quality, offset = _take_optional(octets, offset)
    version, offset = take(octets, offset, 1)
    conformance, offset = _take_conformance(octets, offset)
    tail, offset = take(octets, offset, 2)
    allowed_or_default = allowed is None or allowed != 0
    request = InitiateRequest(key, allowed_or_default, quality, version[0], conformance, int.from_bytes(tail, "big"))
    return filled(octets, offset, request)


def encode_request(request: InitiateRequest) -> bytes:
    key = b"\x00" if request.dedicated_key is None else b"\x01" + encode_string(request.dedicated_key)
    allowed = b"\x00" if request.response_allowed else b"\x01\x00"
    head = b"\x01" + key + allowed + _encode_optional(request.quality_of_service) + bytes((request.version,))
    return head + _encode_conformance(request.conformance) + request.max_pdu.to_bytes(2, "big")


def decode_response(octets: bytes) -> InitiateResponse:
    tag, offset = take(octets, 0, 1)
    if tag != b"\x08":
        raise Malformed("no InitiateResponse")
    quality, offset = _take_optional(octets, offset)
    version, offset = take(octets, offset, 1)
    conformance, offset = _take_conformance(octets, offset)
    tail, offset = take(octets, offset, _TAIL.size)
    max_pdu, vaa_name = _TAIL.unpack(tail)
    return filled(octets, offset, InitiateResponse(quality, version[0], conformance, max_pdu, vaa_name))


def encode_response(response: InitiateResponse) -> bytes:
    head = b"\x08" + _encode_optional(response.quality_of_service) + bytes((response.version,))
    return head + _encode_conformance(response.conformance) + _TAIL.pack(response.max_pdu, response.vaa_name)


def decode_error(octets: bytes) -> ConfirmedServiceError:
    if octets[:3] != _INITIATE_ERROR or len(octets) != 4:
        raise Malformed("no confirmed service error of the initiate service")
    return ConfirmedServiceError(octets[3])


def encode_error(error: ConfirmedServiceError) -> bytes:
    return _INITIATE_ERROR + bytes((error.reason,))


def _take_optional(octets: bytes, offset: int) -> tuple[int | None, int]:
    """An optional or defaulted octet: a usage flag, then the octet if the flag is set."""
    present, offset = take(octets, offset, 1)
    if present == b"\x00":
        return None, offset
    value, offset = take(octets, offset, 1)
    return value[0], offset


def _encode_optional(value: int | None) -> bytes:
    return b"\x00" if value is None else bytes((1, value))


def _take_conformance(octets: bytes, offset: int) -> tuple[int, int]:
    for tag in (_CONFORMANCE_TAG, _OLD_CONFORMANCE_TAG):
        if octets.startswith(tag, offset):
            bits, end = take(octets, offset + len(tag), 3)
            return int.from_bytes(bits, "big"), end
    raise Malformed("no conformance block")


def _encode_conformance(conformance: int) -> bytes:
    return _CONFORMANCE_TAG + conformance.to_bytes(3, "big")
