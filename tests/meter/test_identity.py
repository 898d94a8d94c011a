# SPDX-License-Identifier: MIT
"""Identities: unique in a fleet, the same in every fleet of a seed, in the forms that the standards give."""

from __future__ import annotations

from simulator.meter.identity import Identity, index_of, serial_of


def identities(seed: int, count: int) -> list[Identity]:
    return [Identity(seed, "MFL", serial_of(seed, index)) for index in range(count)]


def test_everything_that_names_a_meter_is_unique_in_a_fleet() -> None:
    fleet = identities(1, 5000)
    for name in ("id", "serial", "system_title", "logical_device_name", "imei", "iccid"):
        assert len({getattr(identity, name) for identity in fleet}) == len(fleet), name
    secrets = [identity.password(32) for identity in fleet] + [identity.key("ek").hex() for identity in fleet]
    assert len(set(secrets)) == len(secrets)


def test_a_meter_is_the_same_in_a_larger_fleet_and_another_with_another_seed() -> None:
    assert identities(1, 10) == identities(1, 100)[:10]
    assert identities(2, 1)[0].key("ek") != identities(1, 1)[0].key("ek")


def test_forms() -> None:
    meter = Identity(1, "MFL", "9160000007")
    assert meter.system_title == b"MFL" + (9160000007).to_bytes(5, "big")  # Green Book 4.3.4: 3 letters, 5 octets
    assert meter.logical_device_name == "MFL0009160000007"
    assert len(meter.logical_device_name) == 16
    assert len(meter.key("ak")) == 16
    assert meter.password(32) != meter.password(48)


def test_each_meter_in_a_place_has_a_serial_of_its_own_and_the_first_keeps_its() -> None:
    serials = [serial_of(7, 41, generation) for generation in range(1000)]
    assert serials[0] == serial_of(7, 41)
    assert len(set(serials)) == 1000
    assert {index_of(serial) for serial in serials} == {41}


def test_a_successor_has_nothing_in_common_but_the_maker() -> None:
    first = Identity(7, "MFT", serial_of(7, 41), b"MFT\0\0\0\0\1")
    second, third = first.successor(1), first.successor(2)
    assert first.successor(0) is first
    assert {one.flag for one in (first, second, third)} == {"MFT"}
    told = ("serial", "id", "device_id", "logical_device_name", "system_title", "imei", "iccid")
    for name in told:
        assert len({getattr(one, name) for one in (first, second, third)}) == 3, name
    assert len({one.key(name) for one in (first, second, third) for name in ("ek", "ak", "master", "hls48")}) == 12
