# SPDX-License-Identifier: GPL-2.0-only
"""A client's keys, and gurux made to use them: suite 0, authenticated and encrypted; answers are authenticated here.

Keys are never shown; gurux's own remarks on each ciphered frame are silenced, for stdout is the user's.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import Any

from gurux_dlms.enums import Security
from gurux_dlms.GXCiphering import GXCiphering

from simulator.errors import UserError
from simulator.headend.failures import BrokenAnswer
from simulator.wire import ciphering
from simulator.wire.axdr import Malformed
from simulator.wire.ciphering import PROTECTED, TITLE_OCTETS, Key

TITLE = b"MFLHES01"  # the system title of a head-end is free; it must be the same for all that a counter covers
_KEY_OCTETS = 16
_CHECKING = "checks_tags"  # on a gurux cipher: what comes in is opened here
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
    GXCiphering.decrypt = staticmethod(_opened)
    cipher = protocol.ciphering
    setattr(cipher, _CHECKING, True)
    cipher.systemTitle = TITLE  # HLS with GMAC or SHA-256 needs it in plain associations too
    if keys is not None:
        cipher.security = Security(keys.security)
        cipher.blockCipherKey, cipher.authenticationKey = bytearray(keys.ek), bytearray(keys.ak)
        cipher.dedicatedKey = bytearray(keys.dedicated) if keys.dedicated else None


_gurux_decrypt = GXCiphering.decrypt


def _opened(settings: Any, how: Any, data: Any) -> Any:
    """An answer's plain text, in place of gurux's: that takes any authentication tag of a text that is encrypted too.

    Here all ways meet: the AARE's user-information, HDLC segments, blocks, each kind of envelope. Clients that this
    module has not prepared keep gurux's.
    """
    if not hasattr(settings.cipher, _CHECKING):
        return _gurux_decrypt(settings, how, data)
    plain, control = _authentic(bytes(data.remaining()), how)
    how.security = Security(control)
    return bytearray(plain)


def _authentic(apdu: bytes, how: Any) -> tuple[bytes, int]:
    try:
        _, title, control, counter, text = ciphering.decode(apdu)
    except Malformed as error:
        raise BrokenAnswer(f"the ciphered answer is broken: {error}") from error
    if control & ~PROTECTED or not control & PROTECTED:
        raise BrokenAnswer(f"the ciphered answer's security control {control:#04x} is not of suite 0, unicast")
    title = title or bytes(how.systemTitle or b"")
    if len(title) != TITLE_OCTETS:
        raise BrokenAnswer("the answer is ciphered, but the meter has not told its system title")
    plain = Key(bytes(how.blockCipherKey), bytes(how.authenticationKey)).reveal(control, title, counter, text)
    if plain is None:
        raise BrokenAnswer(
            "the answer's authentication tag is wrong: it was changed on its way, or other keys are used"
        )
    return plain, control


def counter_object(client: int) -> str:
    """Where the public client reads the last invocation counter of a client (IS 15959: 16 is 1, 32 is 2 ...)."""
    return f"0.0.43.1.{client // 16}.255"


def silence() -> None:
    """gurux prints what it deciphers, and which tags, proofs and objects are wrong."""
    for name in _TALKATIVE:
        vars(sys.modules[f"gurux_dlms.{name}"])["print"] = _silent


def _silent(*_: object, **__: object) -> None:
    return None
