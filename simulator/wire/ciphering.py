# SPDX-License-Identifier: MIT
"""Protected APDUs of security suite 0: their envelopes, and AES-GCM-128 on what is inside (Green Book 9.2.7, 9.5).

Bytes and keys in, bytes out. Keeps no counter and judges no policy; never shows a key.
"""

from __future__ import annotations

import hmac
import struct
from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from simulator.wire.axdr import Malformed, encode_length, encode_string, take, take_string
from simulator.wire.fields import filled

SUITE_MASK, AUTHENTICATED, ENCRYPTED, BROADCAST, COMPRESSED = 0x0F, 0x10, 0x20, 0x40, 0x80
PROTECTED = AUTHENTICATED | ENCRYPTED
KEY_OCTETS = 16
TITLE_OCTETS = 8
TAG_OCTETS = 12
MAX_COUNTER = 0xFFFF_FFFF

GENERAL_GLO, GENERAL_DED = 0xDB, 0xDC
GLO_INITIATE_REQUEST, GLO_INITIATE_RESPONSE = 0x21, 0x28
# The tag of a service-specific envelope says what is inside; requests and responses by their plain tags.
GLO_OF: Mapping[int, int] = {0xC0: 0xC8, 0xC1: 0xC9, 0xC2: 0xCA, 0xC3: 0xCB, 0xC4: 0xCC, 0xC5: 0xCD, 0xC7: 0xCF}
DED_OF: Mapping[int, int] = {0xC0: 0xD0, 0xC1: 0xD1, 0xC2: 0xD2, 0xC3: 0xD3, 0xC4: 0xD4, 0xC5: 0xD5, 0xC7: 0xD7}
PLAIN_OF: Mapping[int, int] = {
    GLO_INITIATE_REQUEST: 0x01,
    GLO_INITIATE_RESPONSE: 0x08,
    **{envelope: plain for table in (GLO_OF, DED_OF) for plain, envelope in table.items()},
}
DEDICATED_TAGS = frozenset({GENERAL_DED, *DED_OF.values()})
REQUEST_TAGS = frozenset({GENERAL_GLO, GENERAL_DED, 0xC8, 0xC9, 0xCB, 0xD0, 0xD1, 0xD3})

_new = tuple.__new__  # a NamedTuple's constructor without its Python frame
_HIGHEST_OF_VERSION_0 = 3  # security_policy as a number
_HEADER = struct.Struct(">BI")  # security control, invocation counter
_WITH_HEAD = struct.Struct(">BBBI")  # tag and length before them
_TAG_OCTETS_LEFT_OUT = 4  # of the 16 of AES-GCM
_OCTETS = tuple(bytes((octet,)) for octet in range(256))
_SHORT_HEAD = 2 + _HEADER.size  # tag and a length of one octet before it
_LONGEST_HEAD = 4 + _HEADER.size + TAG_OCTETS  # envelope tag and length, header, authentication tag


class Envelope(NamedTuple):
    """A protected APDU taken apart, its text still protected."""

    tag: int
    title: bytes | None  # the originator's, in a general envelope that carries one
    control: int
    counter: int
    text: bytes


class Key:
    """A block cipher key with its authentication key: one cipher object for as long as they last."""

    __slots__ = ("_authentication_key", "_gcm")

    def __init__(self, encryption_key: bytes, authentication_key: bytes) -> None:
        self._gcm = AESGCM(encryption_key)
        self._authentication_key = authentication_key

    def protect(self, control: int, title: bytes, counter: int, plain: bytes) -> bytes:
        """The text of an envelope: encrypted, with its tag, or both, as the security control says."""
        nonce = title + counter.to_bytes(4, "big")
        if control & PROTECTED == ENCRYPTED:
            return self._gcm.encrypt(nonce, plain, None)[: len(plain)]
        associated = _OCTETS[control] + self._authentication_key
        if control & ENCRYPTED:
            return self._gcm.encrypt(nonce, plain, associated)[:-_TAG_OCTETS_LEFT_OUT]
        return plain + self._gcm.encrypt(nonce, b"", associated + plain)[:TAG_OCTETS]

    def reveal(self, control: int, title: bytes, counter: int, text: bytes) -> bytes | None:
        """The plain text of an envelope; None if the tag is not right. Encryption alone has none that could be wrong.

        Counter mode runs the same way in both directions, so protecting once more deciphers and gives the tag to
        compare: the cipher object needs no second one for tags of 12 octets.
        """
        if not control & AUTHENTICATED:
            return self.protect(control, title, counter, text)
        size = len(text) - TAG_OCTETS
        if size < 0:
            return None
        body = text[:size]
        plain = self.protect(ENCRYPTED, title, counter, body) if control & ENCRYPTED else body
        return plain if hmac.compare_digest(text, self.protect(control, title, counter, plain)) else None


def decode(apdu: bytes) -> Envelope:
    if len(apdu) > _SHORT_HEAD and apdu[0] in PLAIN_OF and apdu[1] == len(apdu) - 2 < 0x80:
        # Most requests look like this: no title, a length of one octet.
        control, counter = _HEADER.unpack_from(apdu, 2)
        return _new(Envelope, (apdu[0], None, control, counter, apdu[_SHORT_HEAD:]))
    tag, offset = take(apdu, 0, 1)
    title = None
    if tag[0] in (GENERAL_GLO, GENERAL_DED):
        octets, offset = take_string(apdu, offset)
        if len(octets) not in (0, TITLE_OCTETS):
            raise Malformed("a system title has eight octets")
        title = octets or None
    elif tag[0] not in PLAIN_OF:
        raise Malformed(f"no envelope with tag {tag[0]:#x}")
    contents, offset = take_string(apdu, offset)
    header, start = take(contents, 0, _HEADER.size)
    control, counter = _HEADER.unpack(header)
    return filled(apdu, offset, Envelope(tag[0], title, control, counter, contents[start:]))


def encode(envelope: Envelope) -> bytes:
    """A general envelope without a title carries an empty one."""
    tag, title, control, counter, text = envelope
    size = _HEADER.size + len(text)
    if size < 0x80 and tag in PLAIN_OF:
        return _WITH_HEAD.pack(tag, size, control, counter) + text
    head = bytes((tag,)) + encode_string(title or b"") if tag in (GENERAL_GLO, GENERAL_DED) else bytes((tag,))
    return head + encode_length(size) + _HEADER.pack(control, counter) + text


@cache
def required(policy: int, answer: bool = False) -> int:
    """The protection that a security policy demands, as bits of the security control (Blue Book 4.4.7)."""
    if policy <= _HIGHEST_OF_VERSION_0:
        return (policy & 1 and AUTHENTICATED) | (policy & 2 and ENCRYPTED)
    bits = policy >> (5 if answer else 2)  # 2 authenticated request, 3 encrypted request; 5 and 6 of the response
    return (bits & 1 and AUTHENTICATED) | (bits & 2 and ENCRYPTED)


@cache
def overhead(tag: int) -> int:
    """How many octets an envelope adds at most to its APDU."""
    return _LONGEST_HEAD + (1 + TITLE_OCTETS if tag in (GENERAL_GLO, GENERAL_DED) else 0)


def wrap(master_key: bytes, key: bytes) -> bytes:
    """A key in its AES key wrap (RFC 3394), as global_key_transfer brings it."""
    return aes_key_wrap(master_key, key)


def unwrap(master_key: bytes, wrapped: bytes) -> bytes | None:
    """A key out of its AES key wrap (RFC 3394); None if it was wrapped with another master key, or changed since."""
    try:
        return aes_key_unwrap(master_key, wrapped)
    except (InvalidUnwrap, ValueError):
        return None
