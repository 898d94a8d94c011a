# SPDX-License-Identifier: MIT
"""AARQ, AARE, RLRQ and RLRE in BER (Green Book 9.4.2 and 9.5, ISO/IEC 8650-1).

Every optional field may be there or not; fields that nobody asked for are stepped over. Nothing here decides
whether an association is granted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, TypeVar

from simulator.wire.axdr import Malformed, encode_string, take, take_string

AARQ, AARE, RLRQ, RLRE = 0x60, 0x61, 0x62, 0x63
CONTEXT_NAME = bytes.fromhex("608574050801")  # 2.16.756.5.8.1.n
MECHANISM_NAME = bytes.fromhex("608574050802")  # 2.16.756.5.8.2.n
# Bit string "authentication functional unit": 7 unused bits, bit 0 set.
AUTHENTICATION_UNIT = b"\x07\x80"

_OID, _INTEGER, _OCTETS, _CHARSTRING = 0x06, 0x02, 0x04, 0x80
_IMPLICIT = None


class Aarq(NamedTuple):
    """Contents of the fields, without their BER tags and lengths; None: the field is absent."""

    context_name: bytes | None = None
    protocol_version: bytes | None = None  # a bit string: unused bits, bits
    called_ap_title: bytes | None = None
    called_ae_qualifier: bytes | None = None
    called_ap_invocation_id: bytes | None = None
    called_ae_invocation_id: bytes | None = None
    calling_ap_title: bytes | None = None
    calling_ae_qualifier: bytes | None = None
    calling_ap_invocation_id: bytes | None = None
    calling_ae_invocation_id: bytes | None = None
    requirements: bytes | None = None  # a bit string
    mechanism_name: bytes | None = None
    authentication_value: bytes | None = None
    implementation_information: bytes | None = None
    user_information: bytes | None = None


class Aare(NamedTuple):
    context_name: bytes
    result: bytes  # association-result, one octet
    diagnostic: bytes  # result-source-diagnostic, see `diagnostic_of`
    protocol_version: bytes | None = None
    responding_ap_title: bytes | None = None
    responding_ae_qualifier: bytes | None = None
    responding_ap_invocation_id: bytes | None = None
    responding_ae_invocation_id: bytes | None = None
    requirements: bytes | None = None
    mechanism_name: bytes | None = None
    authentication_value: bytes | None = None
    implementation_information: bytes | None = None
    user_information: bytes | None = None


class Rlrq(NamedTuple):
    reason: bytes | None = None
    user_information: bytes | None = None


class Rlre(NamedTuple):
    reason: bytes | None = None
    user_information: bytes | None = None


Fields = Mapping[int, tuple[str, int | None]]
"""BER tag -> (name, tag of the one value inside), in the order of transmission."""

_AARQ_FIELDS: Fields = {
    0x80: ("protocol_version", _IMPLICIT),
    0xA1: ("context_name", _OID),
    0xA2: ("called_ap_title", _OCTETS),
    0xA3: ("called_ae_qualifier", _OCTETS),
    0xA4: ("called_ap_invocation_id", _INTEGER),
    0xA5: ("called_ae_invocation_id", _INTEGER),
    0xA6: ("calling_ap_title", _OCTETS),
    0xA7: ("calling_ae_qualifier", _OCTETS),
    0xA8: ("calling_ap_invocation_id", _INTEGER),
    0xA9: ("calling_ae_invocation_id", _INTEGER),
    0x8A: ("requirements", _IMPLICIT),
    0x8B: ("mechanism_name", _IMPLICIT),
    0xAC: ("authentication_value", _CHARSTRING),
    0x9D: ("implementation_information", _IMPLICIT),
    0xBE: ("user_information", _OCTETS),
}
_AARE_FIELDS: Fields = {
    0x80: ("protocol_version", _IMPLICIT),
    0xA1: ("context_name", _OID),
    0xA2: ("result", _INTEGER),
    0xA3: ("diagnostic", _IMPLICIT),
    0xA4: ("responding_ap_title", _OCTETS),
    0xA5: ("responding_ae_qualifier", _OCTETS),
    0xA6: ("responding_ap_invocation_id", _INTEGER),
    0xA7: ("responding_ae_invocation_id", _INTEGER),
    0x88: ("requirements", _IMPLICIT),
    0x89: ("mechanism_name", _IMPLICIT),
    0xAA: ("authentication_value", _CHARSTRING),
    0x9D: ("implementation_information", _IMPLICIT),
    0xBE: ("user_information", _OCTETS),
}
_RELEASE_FIELDS: Fields = {0x80: ("reason", _IMPLICIT), 0xBE: ("user_information", _OCTETS)}

Noun = TypeVar("Noun", Aarq, Aare, Rlrq, Rlre)


def diagnostic_of(code: int, *, provider: bool = False) -> bytes:
    """result-source-diagnostic: [1] the service user's view or [2] the provider's, an integer inside."""
    return bytes((0xA2 if provider else 0xA1, 3, _INTEGER, 1, code))


def decode_aarq(apdu: bytes) -> Aarq:
    return _decode(apdu, AARQ, _AARQ_FIELDS, Aarq)


def decode_aare(apdu: bytes) -> Aare:
    return _decode(apdu, AARE, _AARE_FIELDS, Aare)


def decode_rlrq(apdu: bytes) -> Rlrq:
    return _decode(apdu, RLRQ, _RELEASE_FIELDS, Rlrq)


def decode_rlre(apdu: bytes) -> Rlre:
    return _decode(apdu, RLRE, _RELEASE_FIELDS, Rlre)


def encode_aarq(noun: Aarq) -> bytes:
    return _encode(AARQ, _AARQ_FIELDS, noun)


def encode_aare(noun: Aare) -> bytes:
    return _encode(AARE, _AARE_FIELDS, noun)


def encode_rlrq(noun: Rlrq) -> bytes:
    return _encode(RLRQ, _RELEASE_FIELDS, noun)


def encode_rlre(noun: Rlre) -> bytes:
    return _encode(RLRE, _RELEASE_FIELDS, noun)


def _decode(apdu: bytes, tag: int, fields: Fields, noun: type[Noun]) -> Noun:
    if apdu[:1] != bytes((tag,)):
        raise Malformed(f"no ACSE APDU with tag {tag:#x}")
    contents, end = take_string(apdu, 1)
    if end != len(apdu):
        raise Malformed(f"{len(apdu) - end} octets too many")
    found = {}
    offset = 0
    while offset < len(contents):
        octets, offset = take(contents, offset, 1)
        value, offset = take_string(contents, offset)
        name, inner = fields.get(octets[0], ("", _IMPLICIT))
        if name:
            found[name] = value if inner is _IMPLICIT else _inside(value)
    try:
        return noun(**found)
    except TypeError as error:
        raise Malformed("a mandatory field is missing") from error


def _inside(field: bytes) -> bytes:
    """The one value in an explicitly tagged field. Its own tag may differ: clients vary on qualifiers and values."""
    value, end = take_string(field, 1)
    if end != len(field):
        raise Malformed("a field is longer than its value")
    return value


def _encode(tag: int, fields: Fields, noun: Aarq | Aare | Rlrq | Rlre) -> bytes:
    out = b""
    for field, (name, inner) in fields.items():
        value = getattr(noun, name)
        if value is not None:
            contents = value if inner is _IMPLICIT else bytes((inner,)) + encode_string(value)
            out += bytes((field,)) + encode_string(contents)
    return bytes((tag,)) + encode_string(out)
