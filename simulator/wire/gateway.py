# SPDX-License-Identifier: MIT
"""The prefix of an APDU that goes through a gateway: which network, which device behind it (Green Book 10.10)."""

from __future__ import annotations

from typing import NamedTuple

REQUEST, RESPONSE = 0xE6, 0xE7


class Prefix(NamedTuple):
    network: int
    device: bytes  # physical device address

    def encode(self, tag: int) -> bytes:
        return bytes((tag, self.network, len(self.device))) + self.device


def split(apdu: bytes) -> tuple[Prefix, bytes] | None:
    """The prefix of a request and the APDU behind it; None if there is none, or it is cut off."""
    if len(apdu) < 3 or apdu[0] != REQUEST or len(apdu) < 3 + apdu[2]:
        return None
    end = 3 + apdu[2]
    return Prefix(apdu[1], apdu[3:end]), apdu[end:]
