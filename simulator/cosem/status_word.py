# SPDX-License-Identifier: MIT
"""The bits of the Event Status Word (IS 15959, 0.0.94.91.18.255) by name, from `obis/is15959-esw.csv`.

Bit 0 is the first of the bit-string, so the highest of its first octet. Nothing here knows a meter.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

from pydantic import BaseModel, ConfigDict

from simulator.documents import load_table
from simulator.resources import data_root

STATUS_WORD = "0.0.94.91.18.255"
BITS = 128


class StatusBit(BaseModel):
    """One row: `occurrence` is the event that sets the bit, `restoration` the one that clears it; 0: there is none."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    bit: int
    name: str
    occurrence: int = 0
    restoration: int = 0


@lru_cache(maxsize=1)
def status_bits() -> tuple[StatusBit, ...]:
    """All 128, in order; those that makers use as they like are called `reserved`."""
    return tuple(load_table(data_root() / "obis" / "is15959-esw.csv", StatusBit))


def raised(octets: bytes) -> Iterator[StatusBit]:
    """The bits that are set in the octets of a bit-string."""
    word = int.from_bytes(octets, "big")
    top = 8 * len(octets) - 1
    return (known for known in status_bits() if known.bit <= top and word >> (top - known.bit) & 1)


def octets_of(bits: Iterable[StatusBit]) -> bytes:
    """A status word in which these bits are set."""
    return sum(1 << BITS - 1 - bit for bit in {known.bit for known in bits}).to_bytes(BITS // 8, "big")
