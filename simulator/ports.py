# SPDX-License-Identifier: MIT
"""Every promise between the protocol engine (dlms/) and the meters (meter/). A newcomer reads this file first.

The engine knows associations and services; the meters know values. They meet in `LogicalDevice`: the engine turns
bytes into `Get`, `Set` and `Act` requests, whoever drives it (fleet/) asks the device, and gives the answers back.
A refusal is a returned code. An answer that needs the store is an awaitable; everything else is answered at once.
"""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from simulator.wire.axdr import Data
from simulator.wire.ciphering import Key
from simulator.wire.codes import ActionResult, DataAccessResult
from simulator.wire.selection import Selection


class GetItem(NamedTuple):
    attribute: bytes  # nine octets: class id, logical name, attribute index (values.attribute_key)
    selection: Selection | None


class SetItem(NamedTuple):
    attribute: bytes
    selection: Selection | None
    value: Data


class ActItem(NamedTuple):
    method: bytes  # nine octets: class id, logical name, method index
    parameter: Data | None


class Get(NamedTuple):
    """A GET of one or more attributes (Green Book 9.3.6); one `GetAnswer` per item, in order."""

    client: int
    items: tuple[GetItem, ...]


class Set(NamedTuple):
    """A SET of one or more attributes (Green Book 9.3.7); one `DataAccessResult` per item, in order."""

    client: int
    items: tuple[SetItem, ...]


class Act(NamedTuple):
    """An ACTION on one or more methods (Green Book 9.3.8); one `ActAnswer` per item, in order."""

    client: int
    items: tuple[ActItem, ...]


class Access(NamedTuple):
    """Reads, writes and methods mixed (Green Book 9.3.5); one answer of the item's kind per item, in order."""

    client: int
    items: tuple[GetItem | SetItem | ActItem, ...]
    stop_at_failure: bool  # what follows a failure is not done: other-reason


class Reserve(NamedTuple):
    """Before a client is answered: make its invocation counters safe, so that a restart neither uses nor accepts one
    twice; one answer, False if they cannot be made so now."""

    client: int
    items: tuple[None, ...] = (None,)


Request = Get | Set | Act | Access | Reserve

GetAnswer = bytes | DataAccessResult
"""The attribute's value as A-XDR encoded Data, or why there is none."""


class ActAnswer(NamedTuple):
    result: ActionResult
    data: bytes | DataAccessResult | None = None  # return parameters, A-XDR encoded; None: the method returns nothing


Answer = GetAnswer | DataAccessResult | ActAnswer | bool


@dataclass(frozen=True, slots=True)
class AssociationRules:
    """What one client of one meter may negotiate (Blue Book 4.4.4, Association LN)."""

    client: int  # service access point of the client: 16 public, 32 meter reader, 48 utility setting ...
    mechanism: int  # authentication mechanism id: 0 none, 1 LLS, 2..7 HLS
    contexts: frozenset[int]  # application context ids: 1 LN plain, 3 LN ciphered
    conformance: int  # 24 bits, the first bit of the block is the most significant
    max_pdu: int  # the largest APDU that the meter receives, octets
    secret: bytes = field(default=b"", repr=False)  # LLS password or HLS secret; never logged
    association: bytes = b""  # logical name of the client's own association object
    challenge_octets: int = 16  # of the meter's HLS challenge, 8 to 64
    pre_established: bool = False  # open without an AARQ, for ciphered APDUs only
    locked: bool = False  # too many failed logins: for now nobody gets in


class Protection(Protocol):
    """One client's security context in one meter (Blue Book 4.4.7, Security setup).

    Keys and policy may change while an association is open. Counters: the lowest one that a client may use next is kept
    by key, and one series for all that the meter sends, because its system title makes half of each nonce.
    """

    @property
    def title(self) -> bytes:
        """The meter's system title."""

    @property
    def client_title(self) -> bytes | None:
        """The client's, where no AARQ has told it."""

    @property
    def policy(self) -> int:
        """security_policy: 0 to 3, or the bits of version 1."""

    def key(self, *, broadcast: bool = False) -> Key: ...

    def dedicated(self, key: bytes) -> Key:
        """A key that a client has made for one association, with the meter's authentication key."""

    def lowest(self, *, broadcast: bool = False) -> int:
        """The lowest invocation counter that is accepted."""

    def accept(self, counter: int, *, broadcast: bool = False) -> None:
        """A client has used this counter in an APDU that was in order."""

    def next_counter(self) -> int:
        """A counter that the meter has never sent."""

    def is_reserved(self) -> bool:
        """Whether all counters in use are safe from a restart; if not, a `Reserve` is due."""

    def heard(self, client_title: bytes) -> None:
        """A client of this title has opened an association."""


class LogicalDevice(Protocol):
    """One meter's logical device, as associations see it."""

    @property
    def is_dark(self) -> bool:
        """Without power now: it hears and says nothing."""

    @property
    def is_gone(self) -> bool:
        """Dark, or it has been since this was made: the meter that has started again knows of nothing before."""

    def rules(self, client: int) -> AssociationRules | None:
        """The rules for a client, or None if the meter does not know that client."""

    def protection(self, client: int) -> Protection:
        """The security context of a client that `rules` knows."""

    def login(self, client: int, *, granted: bool) -> None:
        """A client has proved who it is, or has failed to."""

    def reserve(self, client: int) -> Awaitable[bool]: ...

    def get(self, client: int, item: GetItem) -> GetAnswer | Awaitable[GetAnswer]: ...

    def set(self, client: int, item: SetItem) -> DataAccessResult | Awaitable[DataAccessResult]: ...

    def act(self, client: int, item: ActItem) -> ActAnswer | Awaitable[ActAnswer]: ...
