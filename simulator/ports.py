# SPDX-License-Identifier: MIT
"""Every promise between the protocol engine (dlms/) and the meters (meter/). A newcomer reads this file first.

The engine knows associations and services; the meters know values. They meet in `LogicalDevice`: the engine turns
bytes into `Get`, `Set` and `Act` requests, whoever drives it (fleet/) asks the device, and gives the answers back.
A refusal is a returned code. An answer that needs the store is an awaitable; everything else is answered at once.
"""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from simulator.wire.axdr import Data
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


Request = Get | Set | Act

GetAnswer = bytes | DataAccessResult
"""The attribute's value as A-XDR encoded Data, or why there is none."""


class ActAnswer(NamedTuple):
    result: ActionResult
    data: bytes | DataAccessResult | None = None  # return parameters, A-XDR encoded; None: the method returns nothing


Answer = GetAnswer | DataAccessResult | ActAnswer


@dataclass(frozen=True, slots=True)
class AssociationRules:
    """What one client of one meter may negotiate (Blue Book 4.4.4, Association LN)."""

    client: int  # service access point of the client: 16 public, 32 meter reader, 48 utility setting ...
    mechanism: int  # authentication mechanism id: 0 none, 1 LLS, 2..7 HLS
    contexts: frozenset[int]  # application context ids: 1 LN plain, 3 LN ciphered
    conformance: int  # 24 bits, the first bit of the block is the most significant
    max_pdu: int  # the largest APDU that the meter receives, octets
    secret: bytes = b""  # LLS password or HLS secret; never logged


class LogicalDevice(Protocol):
    """One meter's logical device, as associations see it."""

    def rules(self, client: int) -> AssociationRules | None:
        """The rules for a client, or None if the meter does not know that client."""

    def get(self, client: int, item: GetItem) -> GetAnswer | Awaitable[GetAnswer]: ...

    def set(self, client: int, item: SetItem) -> DataAccessResult | Awaitable[DataAccessResult]: ...

    def act(self, client: int, item: ActItem) -> ActAnswer | Awaitable[ActAnswer]: ...
