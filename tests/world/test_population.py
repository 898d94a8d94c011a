# SPDX-License-Identifier: MIT
"""Homes of meters: the same whatever the fleet, plausible, small and quickly built."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from simulator.errors import UserError
from simulator.world.population import Channel, Population, build_population
from simulator.world.shapes import World

COLUMNS = ("lane", "shape", "mean_w", "tangent", "split", "reactive_skew", "distance", "kwp", "leakage", "initial_wh")


def test_a_meter_does_not_know_the_fleets_size(populate: Callable[..., Population]) -> None:
    small, large = populate(10, phases=3), populate(1000, phases=3).take(slice(0, 10))
    for column in COLUMNS:
        assert np.array_equal(getattr(small, column), getattr(large, column)), column
    assert np.array_equal(small.feeder_keys[small.feeder], large.feeder_keys[large.feeder])


def test_take_keeps_only_the_feeders_of_its_meters(populate: Callable[..., Population]) -> None:
    whole = populate(100)
    part = whole.take(slice(7, 8))
    assert len(part) == 1
    assert part.feeder_keys.tolist() == [whole.feeder_keys[whole.feeder[7]]]


def test_mix_follows_its_shares(populate: Callable[..., Population], world: World) -> None:
    names = np.array([shape.name for shape in world.shapes])[populate(20_000).shape]
    assert np.mean(names == "household") == pytest.approx(0.84, abs=0.01)
    assert np.mean(names == "solar") == pytest.approx(0.05, abs=0.01)
    assert not np.isin(names, ["farm", "household-eu"]).any()


def test_phases_carry_unequal_shares(populate: Callable[..., Population]) -> None:
    population = populate(1000, "workshop", phases=3)
    assert np.allclose(population.split.sum(axis=0), 1)
    assert np.allclose((population.split * population.reactive_skew).sum(axis=0), 0)
    ratio = population.split.max(axis=0) / population.split.min(axis=0)
    assert ratio.min() > 1.15
    assert 1.6 < np.median(ratio) < 2.2  # measured: 8.5/4.2/4.1 A
    assert ratio.max() < 3
    heaviest = np.bincount(population.split.argmax(axis=0))
    assert heaviest.min() > 250


def test_registers_are_those_of_an_installed_meter(populate: Callable[..., Population]) -> None:
    for load in ("household", "workshop", "solar", "streetlight"):
        registers = populate(2000, load, phases=3).initial_wh
        assert registers[Channel.WH_IMPORT].min() > 10_000
        assert registers.max() < 100_000_000
        assert np.all(registers[Channel.VAH_IMPORT] >= registers[Channel.WH_IMPORT])
        assert np.all((registers[Channel.WH_EXPORT] > 0) == (load == "solar"))


def test_a_hundred_thousand_meters_are_small(populate: Callable[..., Population]) -> None:
    population = populate(100_000, phases=3)
    size = sum(getattr(population, column).nbytes for column in (*COLUMNS, "feeder"))
    assert size / len(population) <= 200


def test_unknown_load_and_phases(world: World) -> None:
    keys = np.arange(3, dtype=np.uint64)
    with pytest.raises(UserError, match=r"no load 'houshold'; known are .*household"):
        build_population(world, keys, load="houshold", phases=1, feeders=keys)
    with pytest.raises(ValueError, match="2 phases"):
        build_population(world, keys, load="household", phases=2, feeders=keys)
