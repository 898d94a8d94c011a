# SPDX-License-Identifier: MIT
"""The bits of the Event Status Word."""

from __future__ import annotations

import pytest

from simulator.cosem.registry import obis_names, registry_files
from simulator.cosem.status_word import BITS, STATUS_WORD, raised, status_bits


def test_every_bit_is_in_its_place() -> None:
    assert [known.bit for known in status_bits()] == list(range(BITS))
    named = [known for known in status_bits() if known.name != "reserved"]
    assert len(named) == 21
    assert all(known.occurrence for known in named)


@pytest.mark.parametrize(("octet", "mask", "bit"), [(0, 0x80, 0), (0, 0x01, 7), (10, 0x04, 85), (10, 0x02, 86)])
def test_the_first_bit_is_the_highest_of_the_first_octet(octet: int, mask: int, bit: int) -> None:
    word = bytes(octet) + bytes((mask,)) + bytes(15 - octet)
    assert [known.bit for known in raised(word)] == [bit]


def test_a_short_word_has_fewer_bits() -> None:
    assert [known.bit for known in raised(b"\x80\x01")] == [0, 15]


def test_the_table_of_bits_is_no_registry_of_objects() -> None:
    assert "is15959-esw" not in [path.stem for path in registry_files()]
    assert STATUS_WORD in obis_names()
