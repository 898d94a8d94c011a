# SPDX-License-Identifier: MIT
"""The requests of the load, pre-built, and a first talk with a meter that learns how long its answers are.

Here everything is decoded and checked once, so that the load generator need not.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from bench.plan import Exchange
from simulator.cosem.stamps import stamp
from simulator.values import attribute_key, parse_obis
from simulator.wire import acse, initiate, wrapper
from simulator.wire.apdu_get import (
    GetNext,
    GetNormal,
    GetResponseBlock,
    GetResponseWithList,
    decode_response,
    encode_request,
)
from simulator.wire.axdr import Data
from simulator.wire.codes import Conformance, Tag
from simulator.wire.selection import CaptureObject, RangeDescriptor

READER = 32  # the client with a password
LONGEST_PDU = 0xFFFF
UTC_OFFSET_MINUTES = 330  # of the meters' model
_METER = 1
_INVOKE = 0xC1
_CLOCK = CaptureObject(8, parse_obis("0.0.1.0.0.255"), 2, 0)
_CONFORMANCE = int(Conformance.GET | Conformance.SELECTIVE_ACCESS | Conformance.BLOCK_TRANSFER_WITH_GET)

ENERGY = encode_request(GetNormal(_INVOKE, (attribute_key(3, parse_obis("1.0.1.8.0.255"), 2), None)))
CLOCK = encode_request(GetNormal(_INVOKE, (attribute_key(8, _CLOCK.logical_name, 2), None)))
MAKER = encode_request(GetNormal(_INVOKE, (attribute_key(1, parse_obis("0.0.96.1.1.255"), 2), None)))


def associate(password: str, max_pdu: int) -> bytes:
    """A frame with an AARQ that carries a low-level password (Green Book 9.4.2)."""
    proposal = initiate.InitiateRequest(None, True, None, initiate.DLMS_VERSION, _CONFORMANCE, max_pdu)
    aarq = acse.Aarq(
        context_name=acse.CONTEXT_NAME + b"\x01",
        requirements=acse.AUTHENTICATION_UNIT,
        mechanism_name=acse.MECHANISM_NAME + b"\x01",
        authentication_value=password.encode(),
        user_information=initiate.encode_request(proposal),
    )
    return _framed(acse.encode_aarq(aarq))


def block_load(first_s: int, last_s: int) -> bytes:
    """A read of the block load profile by range, both ends inclusive, in meter-local seconds."""
    start, end = (Data(Tag.OCTET_STRING, stamp(at_s, UTC_OFFSET_MINUTES)) for at_s in (first_s, last_s))
    target = attribute_key(7, parse_obis("1.0.99.1.0.255"), 2), RangeDescriptor(_CLOCK, start, end, ())
    return encode_request(GetNormal(_INVOKE, target))


class Talk:
    """One connection to a meter, a request at a time. SystemExit if the meter does not do what it should."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._stream = connection.makefile("rb")

    def associate(self, password: str, max_pdu: int) -> Exchange:
        exchange, answer = self._exchange(associate(password, max_pdu))
        if acse.decode_aare(answer).result != b"\x00":
            raise SystemExit("the meter did not open an association")
        return exchange

    def get(self, request: bytes) -> tuple[Exchange, ...]:
        """All exchanges up to the last block."""
        exchange, answer = self._exchange(_framed(request))
        exchanges = [exchange]
        while (block := _block(answer)) is not None:
            exchange, answer = self._exchange(_framed(encode_request(GetNext(_INVOKE, block))))
            exchanges.append(exchange)
        return tuple(exchanges)

    def release(self) -> Exchange:
        return self._exchange(_framed(acse.encode_rlrq(acse.Rlrq(b"\x00"))))[0]

    def _exchange(self, frame: bytes) -> tuple[Exchange, bytes]:
        self._connection.sendall(frame)
        header = self._stream.read(wrapper.HEADER_OCTETS)
        answer = self._stream.read(int.from_bytes(header[6:], "big"))
        if not answer:
            raise SystemExit("the meter closed the connection")
        return Exchange(frame, len(header) + len(answer)), answer


@contextmanager
def talk(host: str, port: int) -> Iterator[Talk]:
    with socket.create_connection((host, port), timeout=30) as connection:
        yield Talk(connection)


def _framed(apdu: bytes) -> bytes:
    return wrapper.encode(READER, _METER, apdu)


def _block(answer: bytes) -> int | None:
    """The number of a block that others follow; None: the value is complete."""
    response = decode_response(answer)
    if isinstance(response, GetResponseWithList) or not isinstance(response.result, bytes):
        raise SystemExit(f"the meter refused a GET: {response}")
    return response.number if isinstance(response, GetResponseBlock) and not response.last else None
