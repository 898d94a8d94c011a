# SPDX-License-Identifier: MIT
"""What an association's ciphering lets through: envelopes opened, counters and policy checked, answers covered.

It refuses by the standard's codes and then changes nothing (Green Book 9.2.7, 9.4.2.3). It reads no service.
"""

from __future__ import annotations

from typing import NamedTuple

from simulator.ports import Protection
from simulator.wire import refusal
from simulator.wire.ciphering import (
    AUTHENTICATED,
    BROADCAST,
    COMPRESSED,
    DED_OF,
    DEDICATED_TAGS,
    GENERAL_DED,
    GENERAL_GLO,
    GLO_INITIATE_REQUEST,
    GLO_INITIATE_RESPONSE,
    GLO_OF,
    MAX_COUNTER,
    PLAIN_OF,
    PROTECTED,
    SUITE_MASK,
    Envelope,
    Key,
    decode,
    encode,
    required,
)
from simulator.wire.refusal import Refusal

UNDECIPHERABLE = Refusal(refusal.SERVICE_NOT_ALLOWED, refusal.DECIPHERING_ERROR)
UNDER_PROTECTED = Refusal(refusal.SERVICE_NOT_ALLOWED, refusal.OPERATION_NOT_POSSIBLE)
_SUITE = 0
_GLO_GET = 0xC8  # stands for all service-specific envelopes under the global key
_new = tuple.__new__  # a NamedTuple's constructor without its Python frame
_PLAIN_REQUESTS = frozenset({0x01, 0xC0, 0xC1, 0xC3, 0xD9})
_ANSWER_TAGS = {GLO_INITIATE_REQUEST: GLO_INITIATE_RESPONSE}


class Form(NamedTuple):
    """How a request was protected. Its answer goes under the same key, even if the request has changed the key."""

    tag: int  # of the envelope
    control: int
    key: Key


class Revealed(NamedTuple):
    apdu: bytes
    form: Form


class Shield:
    """A dedicated key, which the client gives in its InitiateRequest, is good for this association only."""

    __slots__ = (
        "_dedicated", "_dedicated_lowest", "_dedicated_octets", "_own_title", "_title", "lowest_before", "protection",
        "strict",
    )  # fmt: skip

    def __init__(self, protection: Protection, client_title: bytes | None, *, strict: bool = False) -> None:
        self.protection = protection
        self.strict = strict  # the association was opened by a ciphered APDU: nothing plain any more
        self.lowest_before = protection.lowest()  # before the APDU in hand, for the counter of a GMAC proof in it
        self._title, self._own_title = client_title, protection.title
        self._dedicated: Key | None = None
        self._dedicated_octets = b""
        self._dedicated_lowest = 0

    def use_dedicated(self, key: bytes) -> None:
        self._dedicated, self._dedicated_octets = self.protection.dedicated(key), key

    def change(self, protection: Protection) -> None:
        """The device has another stand-in before it: what is ciphered under either key goes through that."""
        self.protection = protection
        if self._dedicated is not None:
            self.use_dedicated(self._dedicated_octets)

    def admits_plain(self) -> bool:
        return not self.strict and not required(self.protection.policy)

    def reveal(self, apdu: bytes) -> Revealed | Refusal:
        """What is in an envelope, its counter taken; or the refusal, and nothing has changed. Raises PeerError."""
        envelope = decode(apdu)
        tag, _, control, counter, text = envelope
        if control & PROTECTED != PROTECTED and required(self.protection.policy) & ~control:
            return UNDER_PROTECTED  # more than both there is none
        key, lowest = self._key_and_lowest(tag, control)
        title = self._title_of(envelope)
        if key is None or title is None or control & (SUITE_MASK | COMPRESSED) != _SUITE or not control & PROTECTED:
            return UNDECIPHERABLE
        if counter < lowest:
            expected = min(lowest, MAX_COUNTER)
            return Refusal(refusal.SERVICE_NOT_ALLOWED, refusal.INVOCATION_COUNTER_ERROR, expected)
        plain = key.reveal(control, title, counter, text)
        if plain is None or not _is_what_it_says(tag, control, plain):
            return UNDECIPHERABLE
        self._accept(envelope, lowest)
        answer_key = self.protection.key() if control & BROADCAST else key
        return _new(Revealed, (plain, _new(Form, (tag, control, answer_key))))

    def cover(self, apdu: bytes, form: Form) -> bytes:
        """An answer in the form of its request, with more protection if the policy wants more of answers."""
        control = form.control & PROTECTED
        if control != PROTECTED:
            control |= required(self.protection.policy, True)
        title, counter = self._own_title, self.protection.next_counter()
        tag = form.tag
        if tag not in (GENERAL_GLO, GENERAL_DED):
            table = DED_OF if tag in DEDICATED_TAGS else GLO_OF
            tag = _ANSWER_TAGS.get(tag) or table[apdu[0]]
        return encode(_new(Envelope, (tag, title, control, counter, form.key.protect(control, title, counter, apdu))))

    def unasked(self, latest: Form | None) -> Form | None:
        """For what the meter says by itself: the form of the client's latest APDU, but the keys of now. None: plain."""
        control = latest.control & PROTECTED if latest is not None else required(self.protection.policy, True)
        tag = latest.tag if latest is not None else _GLO_GET
        if tag in DEDICATED_TAGS and self._dedicated is not None:
            return Form(tag, control, self._dedicated)
        return Form(tag if tag == GENERAL_GLO else _GLO_GET, control, self.protection.key()) if control else None

    def _key_and_lowest(self, tag: int, control: int) -> tuple[Key | None, int]:
        broadcast = bool(control & BROADCAST)
        if tag in DEDICATED_TAGS:
            return None if broadcast else self._dedicated, self._dedicated_lowest
        return self.protection.key(broadcast=broadcast), self.protection.lowest(broadcast=broadcast)

    def _title_of(self, envelope: Envelope) -> bytes | None:
        """The originator is the one that opened the association; an envelope that names another is not its."""
        if self._title is None or envelope.title in (None, self._title):
            return self._title or envelope.title
        return None

    def _accept(self, envelope: Envelope, lowest: int) -> None:
        if envelope.tag in DEDICATED_TAGS:
            self._dedicated_lowest = envelope.counter + 1
            return
        broadcast = bool(envelope.control & BROADCAST)
        self.lowest_before = self.protection.lowest() if broadcast else lowest
        self.protection.accept(envelope.counter, broadcast=broadcast)


def _is_what_it_says(tag: int, control: int, plain: bytes) -> bool:
    """Encryption without a tag reveals something under any key; only its first octet can tell."""
    if tag in PLAIN_OF:
        return bool(plain) and plain[0] == PLAIN_OF[tag]
    return bool(control & AUTHENTICATED) or (bool(plain) and plain[0] in _PLAIN_REQUESTS)
