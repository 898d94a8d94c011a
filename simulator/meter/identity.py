# SPDX-License-Identifier: MIT
"""Who each meter is: serial, logical device name, system title and keys, each a pure function of seed and number.

Nothing here is stored or logged; secrets are derived when an association or an inventory needs them.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

_NUMBER_DIGITS = 7
_LLS = 1
MAX_METERS = 10**_NUMBER_DIGITS - 1
MAX_GENERATION = 999  # a series has three digits at least


def _derive(seed: int, serial: str, purpose: str, size: int) -> bytes:
    key = (seed % (1 << 64)).to_bytes(8, "big")
    return hashlib.blake2b(serial.encode(), key=key, person=purpose.encode(), digest_size=size).digest()


def serial_of(seed: int, index: int, generation: int = 0, *, series: str = "") -> str:
    """A series of digits, by default three from the seed, so that fleets differ; then the meter's number from 1.

    Each meter that takes another one's place is of the next series, so that no number comes twice.
    """
    series = series or f"{int.from_bytes(_derive(seed, '', 'serial', 4), 'big') % 1000:03d}"
    later = (int(series) + generation) % 10 ** len(series)
    return f"{later:0{len(series)}d}{index + 1:0{_NUMBER_DIGITS}d}"


def index_of(serial: str) -> int:
    """The number of the meter's place in its fleet, from 0; -1 or less if it is no serial number."""
    return int(serial[-_NUMBER_DIGITS:]) - 1 if serial.isdecimal() else -1


Given = Mapping[tuple[int, str], bytes]
"""Keys and secrets of a meter that do not follow from the seed, by client (0: all) and name."""


class Delivered(NamedTuple):
    """What a key file says of a meter."""

    title: bytes = b""
    keys: Given = MappingProxyType({})  # never logged

    def __repr__(self) -> str:
        return f"Delivered(title={self.title.hex()})"


class Identity(NamedTuple):
    """What a meter says of itself."""

    seed: int
    flag: str  # three letters of the manufacturer
    serial: str
    title: bytes = b""  # a system title from a key file

    def successor(self, generation: int) -> Identity:
        """The meter that is so many meters later in the place of this one."""
        if not generation:
            return self
        series = self.serial[:-_NUMBER_DIGITS]
        return Identity(self.seed, self.flag, serial_of(self.seed, index_of(self.serial), generation, series=series))

    @property
    def id(self) -> uuid.UUID:
        return uuid.UUID(bytes=_derive(self.seed, self.serial, "id", 16), version=5)  # name-based

    @property
    def device_id(self) -> str:
        return self.flag + self.serial

    @property
    def logical_device_name(self) -> str:
        """16 characters (Blue Book 6.2.39): the flag, then the serial, zeros between."""
        return self.flag + self.serial.rjust(13, "0")

    @property
    def system_title(self) -> bytes:
        """8 octets (Green Book 4.3.4): the flag, then 5 octets of the serial number."""
        return self.title or self.flag.encode() + int(self.serial).to_bytes(5, "big")

    @property
    def imei(self) -> str:
        return f"{int.from_bytes(_derive(self.seed, self.serial, 'imei', 8), 'big') % 10**15:015d}"

    @property
    def iccid(self) -> str:
        return f"8991{int.from_bytes(_derive(self.seed, self.serial, 'iccid', 8), 'big') % 10**15:015d}"

    def password(self, client: int) -> str:
        """The LLS password of a client: 16 lower-case hexadecimal characters."""
        return _derive(self.seed, self.serial, f"lls{client}", 8).hex()

    def key(self, name: str) -> bytes:
        """A 16-octet key or HLS secret: `hls48`, `ek`, `bk`, `ak`, `master`."""
        return _derive(self.seed, self.serial, name, 16)


def key_of(identity: Identity, given: Given, client: int, name: str) -> bytes:
    """A client's `ek`, `bk`, `ak` or `master`."""
    return given.get((client, name)) or given.get((0, name)) or identity.key(name)


def secret_of(identity: Identity, given: Given, client: int, mechanism: int) -> bytes:
    """A client's LLS password or HLS secret; empty if it has none."""
    if mechanism == 0:
        return b""
    derived = identity.password(client).encode() if mechanism == _LLS else identity.key(f"hls{client}")
    return given.get((client, "secret"), derived)
