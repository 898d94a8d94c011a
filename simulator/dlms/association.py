# SPDX-License-Identifier: MIT
"""One client's association with one logical device: what was agreed, and what is under way in it.

Holds state for the services; decides nothing about opening and sends nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from simulator.dlms.blocks import Blocks
from simulator.dlms.hls import Trial
from simulator.dlms.legality import TABLE, State
from simulator.dlms.limits import Limits
from simulator.dlms.opening import Negotiated
from simulator.dlms.shield import Form, Shield
from simulator.dlms.transfer import Receiving, Sending
from simulator.ports import LogicalDevice
from simulator.wire import gbt, refusal
from simulator.wire.acse import Aarq
from simulator.wire.ciphering import overhead
from simulator.wire.codes import Conformance, DataAccessResult
from simulator.wire.refusal import Refusal

# An APDU of a wrapper or HDLC stack never exceeds this, whatever a client that says "no limit" could take.
_LONGEST_APDU = 0xFFFF
_LONGEST_BY_BLOCKS = 1 << 22
# Of the two kinds the service's own is preferred: more clients are good at it.
_BLOCKS_OF_BOTH_KINDS = int(Conformance.GENERAL_BLOCK_TRANSFER | Conformance.BLOCK_TRANSFER_WITH_GET)
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
        "_agreed_limit",
        "_only_general_blocks",
        "aarq",
        "blocks",
        "by_blocks",
        "client",
        "client_limit",
        "conformance",
        "device",
        "form",
        "legal",
        "limits",
        "pending",
        "receive_limit",
        "send_limit",
        "server",
        "services",
        "shield",
        "transfer",
        "trial",
    )

    def __init__(
        self,
        addresses: tuple[int, int],
        device: LogicalDevice,
        agreed: Negotiated,
        limits: Limits,
        *,
        shield: Shield | None = None,
        trial: Trial | None = None,
    ) -> None:
        self.client, self.server = addresses
        self.device = device
        self.conformance = agreed.conformance
        self.shield, self.trial = shield, trial
        self.settle(State.OPEN if trial is None else State.AUTHENTICATING)
        self.form: Form | None = None  # how the request under way was ciphered, and its answer will be
        self.client_limit = self._agreed_limit = min(agreed.client_max_pdu or _LONGEST_APDU, limits.max_sent)
        self._only_general_blocks = self.conformance & _BLOCKS_OF_BOTH_KINDS == Conformance.GENERAL_BLOCK_TRANSFER
        self.blocks = Blocks(max_apdu=self.client_limit, max_octets=limits.max_assembled)
        self.by_blocks = False  # the request under way came by general block transfer: so will its answer
        self.take_form(None)
        self.receive_limit = agreed.server_max_pdu or _LONGEST_APDU
        self.limits = limits
        self.aarq: Aarq | None = None  # titles and qualifiers of the client
        self.pending: Pending | None = None
        self.transfer: Sending | Receiving | None = None

    @property
    def is_busy(self) -> bool:
        """In a block transfer, which nothing else may come into."""
        return self.transfer is not None or self.blocks.is_under_way

    def settle(self, state: State) -> None:
        """What is legal from now on: inside ciphered APDUs, and as it comes if the association does not cipher."""
        self.services = legal_services(self.conformance, state)
        self.legal = self.services if self.shield is None else frozenset()

    def takes_block(self, apdu: bytes) -> bool:
        """Whether this is a general block, and of a client that may send some."""
        negotiated = self.conformance & Conformance.GENERAL_BLOCK_TRANSFER and self.trial is None
        return bool(negotiated) and apdu[:1] == bytes((gbt.TAG,)) and len(apdu) <= self.receive_limit

    def rest_on(self, device: LogicalDevice) -> None:
        """Another device in place of the one so far."""
        self.device = device
        if self.shield is not None:
            self.shield.change(device.protection(self.client))

    def limit(self, another: Callable[[int], int]) -> None:
        """Answers are as long as that, whatever was agreed, which is told."""
        self.client_limit = self.blocks.max_apdu = min(another(self._agreed_limit), self.limits.max_sent)
        self.take_form(self.form)

    def take_form(self, form: Form | None) -> None:
        """Where general block transfer carries the answer, a service need not cut it up."""
        self.form = form
        limit = _LONGEST_BY_BLOCKS if self.by_blocks or self._only_general_blocks else self.client_limit
        self.send_limit = limit - (0 if form is None else overhead(form.tag))

    def parts(self, apdu: bytes) -> list[bytes]:
        """An answer as it goes out: whole, or its first general blocks."""
        by_blocks, self.by_blocks = self.by_blocks, False
        self.take_form(self.form)
        general = self.conformance & Conformance.GENERAL_BLOCK_TRANSFER
        if not apdu or not general or not (by_blocks or len(apdu) > self.client_limit):
            return [apdu] if apdu else []
        parts = self.blocks.answer(apdu)
        return [_TOO_LONG_TO_ANSWER] if parts is None else parts

    def covered(self, apdu: bytes) -> bytes:
        """An answer, ciphered as its request was."""
        return apdu if self.form is None or self.shield is None or not apdu else self.shield.cover(apdu, self.form)

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
def legal_services(conformance: int, state: State = State.OPEN) -> frozenset[bytes]:
    """The services of the table that are legal with these negotiated bits."""
    table = TABLE[state]
    return frozenset(service for service, bits in table.items() if isinstance(bits, int) and not bits & ~conformance)
