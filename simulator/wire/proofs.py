# SPDX-License-Identifier: MIT
"""What each side returns for the other's challenge in HLS passes 3 and 4 (Green Book 9.2.7.4, table "HLS").

Pure functions; the challenges, titles and secrets are the caller's.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB

from simulator.wire.axdr import Malformed, take
from simulator.wire.ciphering import AUTHENTICATED, TAG_OCTETS, Key

AES_ECB, MD5, SHA1, GMAC, SHA256 = 2, 3, 4, 5, 6
MECHANISMS = frozenset({AES_ECB, MD5, SHA1, GMAC, SHA256})
SHORTEST_CHALLENGE, LONGEST_CHALLENGE = 8, 64
_BLOCK = 16
_COUNTER_END = 5  # of a GMAC proof: security control, invocation counter, tag


class Exchange(NamedTuple):
    """A challenge and its answer, seen from the side that answers."""

    challenge: bytes  # the one that is answered
    own_challenge: bytes  # the one that the answering side has given
    title: bytes  # system title of the side that answers
    other_title: bytes


def prove(mechanism: int, secret: bytes, exchange: Exchange) -> bytes:
    """f(challenge) of the mechanisms that need no counter."""
    challenge, own_challenge, title, other_title = exchange
    if mechanism == AES_ECB:
        return _aes_ecb(secret, challenge)
    if mechanism == MD5:
        return hashlib.md5(challenge + secret, usedforsecurity=False).digest()
    if mechanism == SHA1:
        return hashlib.sha1(challenge + secret, usedforsecurity=False).digest()
    assert mechanism == SHA256
    return hashlib.sha256(secret + title + other_title + challenge + own_challenge).digest()


def prove_gmac(key: Key, control: int, counter: int, exchange: Exchange) -> bytes:
    """f(challenge) of mechanism 5: security control, invocation counter and the tag over the challenge."""
    tag = key.protect(control | AUTHENTICATED, exchange.title, counter, exchange.challenge)[-TAG_OCTETS:]
    return bytes((control | AUTHENTICATED,)) + counter.to_bytes(4, "big") + tag


def counter_of(proof: bytes) -> int:
    """The invocation counter that a GMAC proof was made with."""
    head, _ = take(proof, 0, _COUNTER_END)
    if len(proof) != _COUNTER_END + TAG_OCTETS:
        raise Malformed("a GMAC proof has 17 octets")
    return int.from_bytes(head[1:], "big")


def _aes_ecb(secret: bytes, challenge: bytes) -> bytes:
    """Mechanism 2 as the meters after IS 15959 have it: AES-128 of the challenge, zeros up to a whole block."""
    blocks = challenge.ljust(-(-len(challenge) // _BLOCK) * _BLOCK, b"\0")
    encryptor = Cipher(AES(secret[:_BLOCK].ljust(_BLOCK, b"\0")), ECB()).encryptor()
    return encryptor.update(blocks) + encryptor.finalize()
