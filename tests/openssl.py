# SPDX-License-Identifier: GPL-2.0-only
"""OpenSSL's AES-GCM in place of Gurux's own, which is written in Python as its copying of buffers is.

For tests of many octets. What is ciphered, and under which nonce and additional data, is still Gurux's decision; and
that its own cipher agrees, the other tests on ciphering prove.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import GCM
from gurux_dlms import GXByteBuffer, GXDLMSChipperingStream

_TAG_OCTETS = 12


class Stream(GXDLMSChipperingStream):  # type: ignore[misc]
    """Gurux deciphers with `encrypting`, too: counter mode is its own inverse."""

    def __init__(
        self, security: int, encrypting: bool, key: bytes, associated: bytes, nonce: bytes, tag: bytes | None
    ) -> None:
        assert encrypting
        self._cipher = Cipher(AES(bytes(key)), GCM(bytes(nonce))).encryptor()
        self._cipher.authenticate_additional_data(bytes(associated))
        self._text, self.tag = b"", tag

    def write(self, octets: bytes) -> None:
        self._text += self._cipher.update(bytes(octets))

    def flushFinalBlock(self) -> bytearray:  # noqa: N802
        self._cipher.finalize()
        self.tag = bytearray(self._cipher.tag[:_TAG_OCTETS])
        return bytearray(self._text)


@contextmanager
def openssl() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys.modules["gurux_dlms.GXDLMSChippering"], "GXDLMSChipperingStream", Stream)
        patch.setattr(GXByteBuffer, "get", _copy)
        yield


def _copy(source: Any, target: bytearray) -> None:
    end = source.position + len(target)
    if source.size < end:
        raise ValueError("get")
    target[:] = source._data[source.position : end]
    source.position = end
