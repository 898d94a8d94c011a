# SPDX-License-Identifier: MIT
"""The exception-response APDU: the answer to what cannot be answered by its own service (Green Book 9.5)."""

from __future__ import annotations

from typing import NamedTuple

from simulator.wire.axdr import Malformed, take
from simulator.wire.fields import filled

SERVICE_NOT_ALLOWED, SERVICE_UNKNOWN = 1, 2  # state-error
OPERATION_NOT_POSSIBLE, SERVICE_NOT_SUPPORTED, OTHER_REASON, PDU_TOO_LONG = 1, 2, 3, 4  # service-error
DECIPHERING_ERROR, INVOCATION_COUNTER_ERROR = 5, 6


class Refusal(NamedTuple):
    """exception-response: why a whole APDU was refused."""

    state_error: int
    service_error: int
    expected_counter: int | None = None  # only with INVOCATION_COUNTER_ERROR


def encode(refusal: Refusal) -> bytes:
    head = bytes((0xD8, refusal.state_error, refusal.service_error))
    return head if refusal.expected_counter is None else head + refusal.expected_counter.to_bytes(4, "big")


def decode(apdu: bytes) -> Refusal:
    head, offset = take(apdu, 0, 3)
    if head[0] != 0xD8:
        raise Malformed("no exception-response")
    counter = None
    if head[2] == INVOCATION_COUNTER_ERROR:
        octets, offset = take(apdu, offset, 4)
        counter = int.from_bytes(octets, "big")
    return filled(apdu, offset, Refusal(head[1], head[2], counter))
