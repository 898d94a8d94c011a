# SPDX-License-Identifier: MIT
"""How a target reads what the fuzzer made: pieces between separators, each with its meaning in its first octets.

Separators rather than lengths: an octet more or less in one piece leaves the others what they are.
"""

from __future__ import annotations

SEPARATOR = b"||"
_MOST = 40  # pieces, so that one run is short


def pieces(data: bytes) -> list[bytes]:
    return data.split(SEPARATOR)[:_MOST]


def head(piece: bytes, count: int) -> tuple[bytes, bytes]:
    """So many octets, zeros for what is missing, and the rest."""
    return piece[:count].ljust(count, b"\0"), piece[count:]
