# SPDX-License-Identifier: GPL-2.0-only
"""Deciphers what meters push, and watches their invocation counters (Green Book 9.2.7).

By default with our own AES-GCM, because gurux's in pure Python opens some hundred APDUs a second; `gurux_reveal` is
gurux doing all of it, the judge of the other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from gurux_dlms import GXByteBuffer
from gurux_dlms.AesGcmParameter import AesGcmParameter
from gurux_dlms.GXCiphering import GXCiphering
from gurux_dlms.secure import GXDLMSSecureClient

from simulator.headend.ciphering import silence
from simulator.headend.keybook import KeyBook, KeyPair
from simulator.wire import ciphering
from simulator.wire.axdr import Malformed
from simulator.wire.ciphering import AUTHENTICATED, COMPRESSED, ENCRYPTED, GENERAL_DED, GENERAL_GLO, Envelope, Key

DATA_NOTIFICATION, EVENT_NOTIFICATION = 0x0F, 0xC2
NOTIFICATIONS = (DATA_NOTIFICATION, EVENT_NOTIFICATION)
_COUNTERS = 1_000_000  # titles and keys whose last counter is remembered
_NO_KEY = bytes(16)  # gurux wants one even where nothing is authenticated
_UNUSUAL = ciphering.SUITE_MASK | COMPRESSED | ciphering.BROADCAST
SERVICE_SPECIFIC = (0xCA, 0xD2)  # glo- and ded-event-notification: their title was said in an association

Reveal = Callable[[Envelope, KeyPair], bytes | None]
"""The plain text; None if the key is not right."""


@dataclass(frozen=True, slots=True)
class Opened:
    """What an APDU was wrapped in, and what was inside; `problem` if that cannot be told."""

    plain: bytes = b""
    title: bytes | None = None
    meter: str = ""  # the serial number of the title's owner, where it is known
    control: int = 0  # security control byte: 0x10 authenticated, 0x20 encrypted
    counter: int | None = None
    remark: str = ""  # what is wrong with the counter
    problem: str = ""
    key: KeyPair | None = None


def reveal(envelope: Envelope, pair: KeyPair) -> bytes | None:
    assert envelope.title is not None
    return Key(pair.ek, pair.ak).reveal(envelope.control, envelope.title, envelope.counter, envelope.text)


def gurux_reveal(envelope: Envelope, pair: KeyPair) -> bytes | None:
    assert envelope.title is not None
    covered = AesGcmParameter(0, bytearray(envelope.title), bytearray(pair.ek), bytearray(pair.ak or _NO_KEY))
    silence()
    try:
        return bytes(GXCiphering.decrypt(_settings(), covered, GXByteBuffer(ciphering.encode(envelope))))
    except (ValueError, IndexError):
        return None


def _settings() -> Any:
    return GXDLMSSecureClient(True).settings


class Unsealer:
    """`keys` may be exchanged for other ones at any time."""

    def __init__(self, keys: KeyBook, *, reveal: Reveal = reveal) -> None:
        self.keys, self._reveal = keys, reveal
        self._last: dict[tuple[bytes, bytes], int] = {}

    def open(self, apdu: bytes) -> Opened:
        if not apdu:
            return Opened(problem="an empty APDU")
        if apdu[0] in NOTIFICATIONS:
            return Opened(apdu)
        if apdu[0] not in (GENERAL_GLO, GENERAL_DED):
            how = " that names no system title" if apdu[0] in SERVICE_SPECIFIC else ""
            return Opened(problem=f"no notification but an APDU of tag {apdu[0]:#04x}{how}")
        try:
            return self._unseal(ciphering.decode(apdu))
        except Malformed as error:
            return Opened(problem=f"a broken envelope: {error}")

    def _unseal(self, envelope: Envelope) -> Opened:
        title = envelope.title
        if title is None:
            return Opened(problem="an envelope without a system title")
        owner = self.keys.owner(title)
        sealed = Opened(b"", title, owner.serial, envelope.control, envelope.counter)
        if problem := _unreadable(envelope):
            return replace(sealed, problem=problem)
        for pair in self.keys.keys(title):
            plain = self._reveal(envelope, pair)
            if plain and plain[0] in NOTIFICATIONS:  # what is only encrypted has no tag that could be wrong
                return replace(sealed, plain=plain, key=pair, remark=self._remark(title, pair, envelope.counter))
        known = "its keys do not fit" if self.keys.keys(title) else "nobody has told its keys"
        return replace(sealed, problem=f"meter {title.hex()} {owner.serial}".rstrip() + f": {known}")

    def _remark(self, title: bytes, pair: KeyPair, counter: int) -> str:
        """A counter must grow for as long as its key lasts."""
        last = self._last.get((title, pair.ek), -1)
        self._last[title, pair.ek] = max(counter, last)
        if len(self._last) > _COUNTERS:
            del self._last[next(iter(self._last))]
        if counter > last:
            return ""
        return "repeated" if counter == last else f"fell from {last}"


def _unreadable(envelope: Envelope) -> str:
    if envelope.tag == GENERAL_DED:
        return "covered with a dedicated key, which only its association knows"
    if envelope.control & _UNUSUAL or not envelope.control & (AUTHENTICATED | ENCRYPTED):
        return f"security control {envelope.control:#04x} is not of suite 0, unicast and uncompressed"
    return ""
