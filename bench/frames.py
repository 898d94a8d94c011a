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
from simulator.wire.apdu_get import GetNext, GetNormal, GetResponseBlock, decode_response, encode_request
from simulator.wire.axdr import Data
from simulator.wire.codes import Conformance, Tag
from simulator.wire.selection import CaptureObject, RangeDescriptor

READER = 32  # the client with a password
_METER = 1
_INVOKE = 0xC1
_CLOCK = CaptureObject(8, parse_obis("0.0.1.0.0.255"), 2, 0)
_CONFORMANCE = int(Conformance.GET | Conformance.SELECTIVE_ACCESS | Conformance.BLOCK_TRANSFER_WITH_GET)

ENERGY = encode_request(GetNormal(_INVOKE, (attribute_key(3, parse_obis("1.0.1.8.0.255"), 2), None)))
CLOCK = encode_request(GetNormal(_INVOKE, (attribute_key(8, _CLOCK.logical_name, 2), None)))
MAKER = encode_request(GetNormal(_INVOKE, (attribute_key(1, parse_obis("0.0.96.1.1.255"), 2), None)))
RELEASE = acse.encode_rlrq(acse.Rlrq(b"\x00"))


def associate(password: str, max_pdu: int) -> bytes:
    """An AARQ with a low-level password (Green Book 9.4.2)."""
    proposal = initiate.InitiateRequest(None, True, None, initiate.DLMS_VERSION, _CONFORMANCE, max_pdu)
    return acse.encode_aarq(
        acse.Aarq(
            context_name=acse.CONTEXT_NAME + b"\x01",
            requirements=acse.AUTHENTICATION_UNIT,
            mechanism_name=acse.MECHANISM_NAME + b"\x01",
            authentication_value=password.encode(),
            user_information=initiate.encode_request(proposal),
        )
    )


def block_load(first_s: int, last_s: int, utc_offset_minutes: int) -> bytes:
    """A read of the block load profile by range, both ends inclusive, in meter-local seconds."""
    start, end = (Data(Tag.OCTET_STRING, stamp(at_s, utc_offset_minutes)) for at_s in (first_s, last_s))
    target = attribute_key(7, parse_obis("1.0.99.1.0.255"), 2), RangeDescriptor(_CLOCK, start, end, ())
    return encode_request(GetNormal(_INVOKE, target))


class Talk:
    """One connection to a meter, a request at a time."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._file = connection.makefile("rb")

    def associate(self, password: str, *, max_pdu: int = 0xFFFF) -> Exchange:
        exchange, answer = self._exchange(associate(password, max_pdu))
        if acse.decode_aare(answer).result != b"\x00":
            raise SystemExit("the meter did not open an association")
        return exchange

    def get(self, request: bytes) -> tuple[tuple[Exchange, ...], bytes]:
        """All exchanges until the last block is here, and the value."""
        exchange, answer = self._exchange(request)
        exchanges, value = [exchange], b""
        while isinstance(response := decode_response(answer), GetResponseBlock) and not response.last:
            value += _octets(response.result)
            exchange, answer = self._exchange(encode_request(GetNext(_INVOKE, response.number)))
            exchanges.append(exchange)
        assert not hasattr(response, "results")
        return tuple(exchanges), value + _octets(response.result)

    def release(self) -> Exchange:
        return self._exchange(RELEASE)[0]

    def _exchange(self, apdu: bytes) -> tuple[Exchange, bytes]:
        frame = wrapper.encode(READER, _METER, apdu)
        self._connection.sendall(frame)
        header = self._file.read(wrapper.HEADER_OCTETS)
        answer = self._file.read(int.from_bytes(header[6:], "big"))
        if not answer:
            raise SystemExit("the meter closed the connection")
        return Exchange(frame, len(header) + len(answer)), answer


@contextmanager
def talk(host: str, port: int) -> Iterator[Talk]:
    with socket.create_connection((host, port), timeout=30) as connection:
        yield Talk(connection)


def _octets(result: bytes | int) -> bytes:
    if not isinstance(result, bytes):
        raise SystemExit(f"the meter refused a GET: data-access-result {result}")
    return result
