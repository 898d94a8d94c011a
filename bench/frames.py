# SPDX-License-Identifier: MIT
"""The APDUs of the load, pre-built. It sends nothing."""

from __future__ import annotations

from simulator.cosem.stamps import stamp
from simulator.values import attribute_key, parse_obis
from simulator.wire import acse, gbt, initiate
from simulator.wire.apdu_get import GetNext, GetNormal, encode_request
from simulator.wire.axdr import Data
from simulator.wire.codes import Conformance, Tag
from simulator.wire.gbt import GeneralBlock
from simulator.wire.selection import CaptureObject, RangeDescriptor

LONGEST_PDU = 0xFFFF
INDIAN_PDU = 1024  # what a meter after IS 15959 takes
UTC_OFFSET_MINUTES = 330  # of the meters' model
_INVOKE = 0xC1
_CLOCK = CaptureObject(8, parse_obis("0.0.1.0.0.255"), 2, 0)
BY_SERVICE = int(Conformance.GET | Conformance.SELECTIVE_ACCESS | Conformance.BLOCK_TRANSFER_WITH_GET)
ACTIONS = int(Conformance.ACTION)  # which HLS needs
BY_GENERAL_BLOCKS = int(
    Conformance.GET | Conformance.ACTION | Conformance.SELECTIVE_ACCESS | Conformance.GENERAL_BLOCK_TRANSFER
)

ENERGY = encode_request(GetNormal(_INVOKE, (attribute_key(3, parse_obis("1.0.1.8.0.255"), 2), None)))
CLOCK = encode_request(GetNormal(_INVOKE, (attribute_key(8, _CLOCK.logical_name, 2), None)))
MAKER = encode_request(GetNormal(_INVOKE, (attribute_key(1, parse_obis("0.0.96.1.1.255"), 2), None)))
RELEASE = acse.encode_rlrq(acse.Rlrq(b"\x00"))


def proposal(max_pdu: int, conformance: int = BY_SERVICE) -> bytes:
    """An InitiateRequest."""
    return initiate.encode_request(
        initiate.InitiateRequest(None, True, None, initiate.DLMS_VERSION, conformance, max_pdu)
    )


def associate(password: str, max_pdu: int) -> bytes:
    """An AARQ that carries a low-level password (Green Book 9.4.2)."""
    aarq = acse.Aarq(
        context_name=acse.CONTEXT_NAME + b"\x01",
        requirements=acse.AUTHENTICATION_UNIT,
        mechanism_name=acse.MECHANISM_NAME + b"\x01",
        authentication_value=password.encode(),
        user_information=proposal(max_pdu),
    )
    return acse.encode_aarq(aarq)


def block_load(first_s: int, last_s: int) -> bytes:
    """A read of the block load profile by range, both ends inclusive, in meter-local seconds."""
    start, end = (Data(Tag.OCTET_STRING, stamp(at_s, UTC_OFFSET_MINUTES)) for at_s in (first_s, last_s))
    target = attribute_key(7, parse_obis("1.0.99.1.0.255"), 2), RangeDescriptor(_CLOCK, start, end, ())
    return encode_request(GetNormal(_INVOKE, target))


def next_block(number: int) -> bytes:
    return encode_request(GetNext(_INVOKE, number))


def all_further_blocks() -> bytes:
    """The first general block has come; the client takes as many at once as can be (Green Book 9.4.6.13)."""
    return gbt.encode(GeneralBlock(True, False, gbt.MAX_WINDOW, 1, 1, b""))
