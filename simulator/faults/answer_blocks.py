# SPDX-License-Identifier: MIT
"""Which block of a long answer an APDU is: a service's own block transfer, or the general one (Green Book 9.4.6)."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from pydantic import Field

_SERVICES_OWN = (b"\xc4\x02", b"\xc7\x02")  # get-response-with-datablock, action-response-with-pblock
_GENERAL = b"\xe0"

FirstBlock = Annotated[int, Field(ge=1, le=0xFFFF)]
"""The number of a block; the first is 1."""


class AnswerBlock(NamedTuple):
    last: bool
    number: int
    at: int  # where the number stands
    octets: int  # that it has


def block_of(apdu: bytes) -> AnswerBlock | None:
    """None: not a block, or one that is ciphered. A general block without data is an acknowledgement."""
    if apdu[:2] in _SERVICES_OWN and len(apdu) >= 8:
        return AnswerBlock(bool(apdu[3]), int.from_bytes(apdu[4:8], "big"), 4, 4)
    if apdu[:1] == _GENERAL and len(apdu) > 7:
        return AnswerBlock(bool(apdu[1] & 0x80), int.from_bytes(apdu[2:4], "big"), 2, 2)
    return None


def renumbered(apdu: bytes, block: AnswerBlock, number: int) -> bytes:
    octets = (number & ((1 << 8 * block.octets) - 1)).to_bytes(block.octets, "big")
    return apdu[: block.at] + octets + apdu[block.at + block.octets :]
