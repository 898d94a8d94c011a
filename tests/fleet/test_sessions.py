# SPDX-License-Identifier: MIT
"""Who answers to a name: serial numbers and numbers in the fleet."""

from __future__ import annotations

import pytest

from simulator.fleet.sessions import Residents
from simulator.meter.identity import Identity, serial_of


def nobody(index: int) -> None:
    raise AssertionError(index)


@pytest.mark.parametrize("seed", [1, 92])  # serials that begin with 9 and with 0
def test_meters_by_name(seed: int) -> None:
    """A sign-on leaves out leading zeros (IEC 62056-21 6.3.1); a name of no meter is nobody's."""
    residents = Residents(3, nobody, lambda index: Identity(seed, "MFL", serial_of(seed, index)))  # type: ignore[arg-type]
    for index in range(3):
        serial = serial_of(seed, index)
        assert [residents.named(name) for name in (serial, serial.lstrip("0"), str(index + 1))] == [index] * 3
    for name in ("", "4", "x", serial_of(seed + 1, 0), serial_of(seed, 3)):
        assert residents.named(name) is None
