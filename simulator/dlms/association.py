# SPDX-License-Identifier: MIT
"""One client's association with one logical device: what was agreed, and what is under way in it.

Holds state for the services; decides nothing about opening and sends nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from simulator.dlms.legality import TABLE, State
from simulator.dlms.limits import Limits
from simulator.dlms.opening import Negotiated
from simulator.dlms.transfer import Receiving, Sending
from simulator.ports import LogicalDevice
from simulator.wire import refusal
from simulator.wire.acse import Aarq
from simulator.wire.codes import DataAccessResult
from simulator.wire.refusal import Refusal

# An APDU of a wrapper or HDLC stack never exceeds this, whatever a client that says "no limit" could take.
_LONGEST_APDU = 0xFFFF
_TOO_LONG_TO_ANSWER = refusal.encode(Refusal(refusal.SERVICE_NOT_ALLOWED, refusal.OTHER_REASON))

Encoder = Callable[["Association", int, Sequence[Any]], bytes]
"""(association, invoke-id-and-priority, one answer per item) -> APDU."""


class Pending(NamedTuple):
    """How the answers to the request in the driver's hands become an APDU."""

    encode: Encoder
    invoke: int
    refused: tuple[int, ...]  # items that the driver never saw, by their place in the request


class Association:
    __slots__ = (
        "aarq",
        "client",
        "conformance",
        "device",
        "legal",
        "limits",
        "pending",
        "receive_limit",
        "send_limit",
        "server",
        "transfer",
    )

    def __init__(self, addresses: tuple[int, int], device: LogicalDevice, agreed: Negotiated, limits: Limits) -> None:
        self.client, self.server = addresses
        self.device = device
        self.conformance = agreed.conformance
        self.legal = legal_services(agreed.conformance)
        self.send_limit = min(agreed.client_max_pdu or _LONGEST_APDU, limits.max_sent)
        self.receive_limit = agreed.server_max_pdu or _LONGEST_APDU
        self.limits = limits
        self.aarq: Aarq | None = None  # titles and qualifiers of the client
        self.pending: Pending | None = None
        self.transfer: Sending | Receiving | None = None

    def answer(self, answers: Sequence[Any]) -> bytes:
        """The APDU for what the driver says of the pending request; empty if an unconfirmed one wants none."""
        if self.pending is None:
            raise ValueError("no request is pending")
        encode, invoke, refused = self.pending
        self.pending = None
        if refused:
            answers = list(answers)
            for place in refused:  # ascending, so that each lands where its item stood
                answers.insert(place, DataAccessResult.TYPE_UNMATCHED)
        return encode(self, invoke, answers)

    def fitting(self, apdu: bytes) -> bytes:
        """The APDU if the client can take it. If it must not be sent in blocks, no service has a code for that."""
        return apdu if len(apdu) <= self.send_limit else _TOO_LONG_TO_ANSWER


@lru_cache(maxsize=256)
def legal_services(conformance: int) -> frozenset[bytes]:
    """The services of the table that are legal with these negotiated bits."""
    table = TABLE[State.OPEN]
    return frozenset(service for service, bits in table.items() if isinstance(bits, int) and not bits & ~conformance)
