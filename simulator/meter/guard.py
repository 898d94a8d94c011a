# SPDX-License-Identifier: MIT
"""One client's security context in one meter: the keys, policy and counters that an association ciphers with.

Made when a client needs it; whatever lasts is in the cohort's vault and overrides.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from simulator.cosem.model import Model, Setting
from simulator.meter.identity import key_of
from simulator.meter.vault import BROADCAST, MARGIN, METER
from simulator.values import attribute_key, parse_obis
from simulator.wire.axdr import Data, decode_whole, encode
from simulator.wire.ciphering import TITLE_OCTETS, Key
from simulator.wire.codes import Tag

if TYPE_CHECKING:
    from simulator.meter.cohort import Cohort

SECURITY_SETUP = 64
POLICY, CLIENT_TITLE = 2, 4  # attributes (Blue Book 4.4.7)


class Guard:
    """Keeps the promises of `ports.Protection`."""

    __slots__ = (
        "_client",
        "_cohort",
        "_common",
        "_default_policy",
        "_keys",
        "_keys_version",
        "_policy",
        "_row",
        "_sent",
        "_used",
    )

    def __init__(self, cohort: Cohort, row: int, client: int) -> None:
        self._cohort, self._row, self._client = cohort, row, client
        key = setup_key(cohort.model, client, POLICY)
        self._policy = row, key or b""
        self._default_policy = _default(cohort.model, key) if key else None
        series = cohort.vault.series  # each one lasts as long as its vault
        self._sent, self._used, self._common = series(row, METER), series(row, client), series(row, client, BROADCAST)
        self._keys: dict[bool, Key] = {}  # good for as long as the vault keeps the same ones
        self._keys_version = -1

    @property
    def title(self) -> bytes:
        return self._cohort.identities[self._row].system_title

    @property
    def client_title(self) -> bytes | None:
        key = setup_key(self._cohort.model, self._client, CLIENT_TITLE)
        if key is None:
            return None
        written = self._cohort.overrides.get((self._row, key))
        title = _default(self._cohort.model, key) if written is None else _decoded(written)
        return title if isinstance(title, bytes) and len(title) == TITLE_OCTETS else None

    @property
    def policy(self) -> int:
        written = self._cohort.overrides.get(self._policy)
        policy = self._default_policy if written is None else _decoded(written)
        return policy if isinstance(policy, int) else 0

    def key(self, *, broadcast: bool = False) -> Key:
        version = self._cohort.vault.version
        if self._keys_version != version:
            self._keys_version, self._keys = version, {}
        found = self._keys.get(broadcast)
        if found is None:
            found = self._keys[broadcast] = _cipher(self._key("bk" if broadcast else "ek"), self._key("ak"))
        return found

    def dedicated(self, key: bytes) -> Key:
        self._cohort.vault.tell(self._row, self._client, key)
        return Key(key, self._key("ak"))

    def lowest(self, *, broadcast: bool = False) -> int:
        return self._common.next if broadcast else self._used.next

    def accept(self, counter: int, *, broadcast: bool = False) -> None:
        (self._common if broadcast else self._used).take(counter)

    def next_counter(self) -> int:
        counter = self._sent.next
        self._sent.take(counter)
        return counter

    def is_reserved(self) -> bool:
        sent, used, common = self._sent, self._used, self._common
        return sent.next + MARGIN <= sent.safe and used.next <= used.safe and common.next <= common.safe

    def heard(self, client_title: bytes) -> None:
        key = setup_key(self._cohort.model, self._client, CLIENT_TITLE)
        if key is not None:
            self._cohort.overrides[self._row, key] = encode(Data(Tag.OCTET_STRING, client_title))

    def _key(self, name: str) -> bytes:
        cohort = self._cohort
        return key_of(cohort.identities[self._row], cohort.vault.given(self._row), self._client, name)


@lru_cache(maxsize=4096)
def _cipher(encryption_key: bytes, authentication_key: bytes) -> Key:
    return Key(encryption_key, authentication_key)


@lru_cache(maxsize=1024)
def _decoded(written: bytes) -> object:
    return decode_whole(written).value


@lru_cache(maxsize=256)
def setup_key(model: Model, client: int, index: int) -> bytes | None:
    """The nine octets of an attribute of a client's security setup; None if it has no such object."""
    name = model.spec.clients[client].security_setup
    if name is None or parse_obis(name) not in model.class_of:
        return None
    return attribute_key(SECURITY_SETUP, parse_obis(name), index)


@lru_cache(maxsize=256)
def _default(model: Model, key: bytes) -> object:
    for entry in model.objects:
        for attribute in entry.attributes:
            if attribute.key == key and isinstance(attribute.source, Setting):
                return decode_whole(attribute.source.default).value
    return None
