# SPDX-License-Identifier: GPL-2.0-only
"""A client's keys, and gurux made to use them: suite 0, authenticated and encrypted.

Keys are never shown; gurux's own remarks on each ciphered frame are silenced, for stdout is the user's.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import Any

from gurux_dlms.enums import Security

from simulator.errors import UserError

TITLE = b"MFLHES01"  # the system title of a head-end is free; it must be the same for all that a counter covers
_KEY_OCTETS = 16
_TALKATIVE = ("GXDLMSChippering", "GXDLMSChipperingStream", "GXDLMSClient", "GXDLMS", "_GXAPDU")


@dataclass(frozen=True, slots=True)
class Keys:
    ek: bytes = field(repr=False)  # global unicast encryption key
    ak: bytes = field(repr=False)  # authentication key
    dedicated: bytes | None = field(default=None, repr=False)
    security: int = int(Security.AUTHENTICATION_ENCRYPTION)  # of the security control byte: 0x10, 0x20 or 0x30
    counter: int | None = None  # the first one to cipher with; None: one more than the public client is shown

    def __post_init__(self) -> None:
        for key in (self.ek, self.ak, self.dedicated or self.ek):
            if len(key) != _KEY_OCTETS:
                raise UserError(f"a key has {_KEY_OCTETS} octets, not {len(key)}")


def prepare(protocol: Any, keys: Keys | None) -> None:
    """Give a gurux client its title, and keys if there are any."""
    silence()
    cipher = protocol.ciphering
    cipher.systemTitle = TITLE  # HLS with GMAC or SHA-256 needs it in plain associations too
    if keys is not None:
        cipher.security = Security(keys.security)
        cipher.blockCipherKey, cipher.authenticationKey = bytearray(keys.ek), bytearray(keys.ak)
        cipher.dedicatedKey = bytearray(keys.dedicated) if keys.dedicated else None


def counter_object(client: int) -> str:
    """Where the public client reads the last invocation counter of a client (IS 15959: 16 is 1, 32 is 2 ...)."""
    return f"0.0.43.1.{client // 16}.255"


def silence() -> None:
    """gurux prints what it deciphers, and which tags, proofs and objects are wrong."""
    for name in _TALKATIVE:
        vars(sys.modules[f"gurux_dlms.{name}"])["print"] = _silent


def _silent(*_: object, **__: object) -> None:
    return None
