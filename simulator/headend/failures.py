# SPDX-License-Identifier: GPL-2.0-only
"""What can go wrong when a meter is read, each in words that say what is wrong and what to do.

A refusal by the meter carries its code; nothing here prints or retries.
"""

from __future__ import annotations

from simulator.errors import MeterfleetError
from simulator.wire.codes import ActionResult, DataAccessResult

ANOTHER_METER = "ANOTHER_METER"


class HeadEndError(MeterfleetError):
    """Reading a meter failed. `came`: octets of a long answer that had come before."""

    came: bytes = b""


class NotReachable(HeadEndError):
    """No connection to the meter."""


class NoAnswer(HeadEndError):
    """The meter kept silent."""


class ConnectionBroken(HeadEndError):
    """There was a connection, and the meter or the network has ended it."""


class BrokenAnswer(HeadEndError):
    """The meter's bytes are not what the standard says."""


class ServiceRefused(HeadEndError):
    """The meter answered a request with an exception-response or a confirmed-service-error."""


class UnknownObject(HeadEndError):
    """The association view has no such object, so nothing was asked."""


class AnotherMeter(HeadEndError):
    """It answers, and is not the one that the inventory has at that place."""


class AssociationRefused(HeadEndError):
    """The meter rejected the AARQ: result 1 permanent, 2 transient; diagnostic as in the AARE (Green Book 9.4.2)."""

    def __init__(self, result: int, diagnostic: int, reason: str) -> None:
        self.result, self.diagnostic = result, diagnostic
        kind = {1: "permanently", 2: "for now"}.get(result, f"with result {result}")
        super().__init__(f"the meter rejected the association {kind}: {reason}")


class Refused(HeadEndError):
    """The meter refused one attribute or method; `result` says why."""

    def __init__(self, result: DataAccessResult | ActionResult, what: str, *, hint: str = "") -> None:
        """`hint`: what may be behind a denial, besides missing rights."""
        self.result = result
        words = hint if hint and result.name == "READ_WRITE_DENIED" else _WORDS.get(result.name, in_words(result))
        super().__init__(f"{what}: {words} ({in_words(result)}, {int(result)})")


class ReadRefused(Refused):
    """A GET was answered by a data-access-result."""


class WriteRefused(Refused):
    """A SET was answered by a data-access-result other than success."""


class ActionRefused(Refused):
    """An ACTION was answered by an action-result other than success."""


_TRANSIENT = frozenset(
    {"TEMPORARY_FAILURE", "HARDWARE_FAULT", "LONG_GET_ABORTED", "NO_LONG_GET_IN_PROGRESS", "DATA_BLOCK_UNAVAILABLE"}
)


def is_transient(result: DataAccessResult | ActionResult) -> bool:
    """Whether the meter may give another time what it refuses now; if not, it has it not, or not for this client."""
    return result.name in _TRANSIENT


def kind_of(error: MeterfleetError) -> str:
    """As hes.event_logs names it."""
    kinds = {AssociationRefused: "ASSOCIATION_REFUSED", NoAnswer: "TIMEOUT", NotReachable: "CONNECTION_FAILED",
             ConnectionBroken: "CONNECTION_FAILED", BrokenAnswer: "UNDECODABLE",
             AnotherMeter: ANOTHER_METER}  # fmt: skip
    return next((words for kind, words in kinds.items() if isinstance(error, kind)), "READ_FAILED")


def in_words(result: DataAccessResult | ActionResult) -> str:
    return result.name.lower().replace("_", "-")


_WORDS = {
    "READ_WRITE_DENIED": "this client may not do that; use one with more rights (--client)",
    "OBJECT_UNDEFINED": "the meter has no such object, or hides it from this client",
    "OBJECT_CLASS_INCONSISTENT": "the object is of another class",
    "OBJECT_UNAVAILABLE": "the meter has the object, but not now",
    "TYPE_UNMATCHED": "the meter expects another type or another selection",
    "SCOPE_OF_ACCESS_VIOLATED": "this client's rights do not reach that far",
    "TEMPORARY_FAILURE": "the meter cannot answer at the moment; try again",
    "DATA_BLOCK_UNAVAILABLE": "a block of a long answer is missing; read again, perhaps with a larger --pdu",
}

# Acse-service-user and -provider diagnostics, InitiateError (Green Book 9.4.2 and 9.5).
USER_DIAGNOSTICS = {
    1: "no reason given",
    2: "it does not support this application context (LN, not ciphered)",
    3: "it does not know the calling AP title",
    11: "it does not know this authentication mechanism",
    12: "it needs an authentication mechanism, so a password",
    13: "authentication failed; is the password right?",
    14: "it needs authentication; give a password",
}
PROVIDER_DIAGNOSTICS = {1: "no reason given", 2: "no common ACSE version"}
INITIATE_ERRORS = {
    1: "the DLMS version is too low",
    2: "none of the proposed services is allowed to this client (incompatible conformance)",
    3: "the proposed PDU size is too small",
    4: "refused by the VDE handler; does the meter serve this client?",
}
