# SPDX-License-Identifier: GPL-2.0-only
"""Whose system title is whose, and which keys might cover what it sends.

It opens no file and no database, and never shows a key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from simulator.errors import UserError

_KEY_OCTETS = 16


@dataclass(frozen=True, slots=True)
class KeyPair:
    ek: bytes = field(repr=False)
    ak: bytes = field(repr=False)  # empty: what is only encrypted can be read, tags cannot be checked

    def __post_init__(self) -> None:
        if len(self.ek) != _KEY_OCTETS or len(self.ak) not in (0, _KEY_OCTETS):
            raise UserError(f"a key has {_KEY_OCTETS} octets, not {len(self.ak if len(self.ek) == 16 else self.ek)}")


@dataclass(frozen=True, slots=True)
class Owner:
    """A meter that is known: its serial number, and its keys in the order in which they are tried."""

    serial: str
    keys: Sequence[KeyPair] = ()


_NOBODY = Owner("")


@dataclass(frozen=True, slots=True)
class KeyBook:
    """`everyone`: keys that are tried after a meter's own, and for titles that nobody knows."""

    owners: Mapping[bytes, Owner] = field(default_factory=dict)
    everyone: Sequence[KeyPair] = ()

    def owner(self, title: bytes) -> Owner:
        return self.owners.get(title, _NOBODY)

    def keys(self, title: bytes) -> Sequence[KeyPair]:
        return (*self.owner(title).keys, *self.everyone)


EMPTY = KeyBook()
