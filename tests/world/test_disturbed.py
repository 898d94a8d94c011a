# SPDX-License-Identifier: MIT
"""Disturbed supplies: whatever is done to them, volts, amperes, watts and registers go on telling one story."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.world.consumption import Supply, peak
from simulator.world.daytime import SLOT_MS
from simulator.world.electric import Reading, energies, partial, reading, running
from simulator.world.population import Channel, Population, build_population
from simulator.world.shapes import load_world

WORLD = load_world(42)
EVENING = 20_244 * 96 - 22 + 80  # 2025-06-05T20:00+05:30, as a slot
SLOTS = np.arange(EVENING, EVENING + 4)
AT = EVENING * SLOT_MS + 123_456
FACTORS = st.sampled_from([0.0, 0.1, 0.8, 1.0, 1.15, -1.0])


def fleet(phases: int, load: str = "mixed") -> Population:
    keys = np.arange(40, dtype=np.uint64)
    return build_population(WORLD, keys, load=load, phases=phases, feeders=keys % np.uint64(3))


ONE, THREE, SOLAR = fleet(1), fleet(3), fleet(3, "solar")


def phases_of(population: Population, *factors: float) -> np.ndarray:
    return np.repeat(np.array(factors)[:, None], len(population), axis=1)


def agrees(now: Reading) -> None:
    """All that is shown agrees, within what rounding of the shown watts and vars may cost."""
    assert (now.total_active_w == now.active_w.sum(axis=0)).all()
    assert (now.total_reactive_var == now.reactive_var.sum(axis=0)).all()
    apparent = np.hypot(now.active_w, now.reactive_var)
    current_a = np.where(now.voltage_cv > 0, apparent * 100 / np.maximum(now.voltage_cv, 1), 0)
    assert np.abs(now.current_ma - 1000 * current_a).max() <= 0.5 + 1e-6
    assert (np.abs(now.power_factor_milli) <= 1000).all()
    assert not apparent[now.voltage_cv == 0].any()


@given(
    st.sampled_from([ONE, THREE, SOLAR]), st.lists(FACTORS, min_size=6, max_size=6), st.sampled_from([0.2, 1.0, 5.0])
)
def test_whatever_befalls_a_meter_its_values_agree(
    population: Population, factors: list[float], reactive: float
) -> None:
    voltage = np.abs(phases_of(population, *factors[: population.phases]))
    supply = Supply(
        voltage=voltage,
        current=phases_of(population, *factors[3 : 3 + population.phases]),
        reactive=np.full(len(population), reactive),
    )
    agrees(reading(WORLD, population, AT, supply=supply))
    whole = energies(WORLD, population, SLOTS, supply=supply)
    cut = int(SLOTS[0]) * SLOT_MS, AT, (int(SLOTS[-1]) + 1) * SLOT_MS
    parts = [partial(WORLD, population, cut[i], cut[i + 1], supply=supply) for i in (0, 1)]
    assert np.array_equal(parts[0] + parts[1], whole.energy_mwh.sum(axis=2))
    assert not whole.current_ma[whole.voltage_cv == 0].any()


@pytest.mark.parametrize("population", [ONE, THREE])
def test_a_swell_raises_every_voltage_by_its_factor_and_costs_no_energy(population: Population) -> None:
    supply = Supply(voltage=phases_of(population, *[1.2] * population.phases))
    plain, swollen = energies(WORLD, population, SLOTS), energies(WORLD, population, SLOTS, supply=supply)
    assert np.abs(swollen.voltage_cv - 1.2 * plain.voltage_cv).max() <= 1.1
    assert np.array_equal(swollen.energy_mwh, plain.energy_mwh)
    assert (swollen.current_ma <= plain.current_ma).all()


def test_on_a_missing_phase_nothing_flows_and_its_share_of_the_load_is_gone() -> None:
    supply = Supply(voltage=phases_of(THREE, 1.0, 0.0, 1.0))
    plain, left = (
        energies(WORLD, THREE, SLOTS, supply=each).energy_mwh[Channel.WH_IMPORT] for each in (Supply(), supply)
    )
    assert np.abs(left - plain * (1.0 - THREE.split[1])[:, None]).max() <= 1
    now = reading(WORLD, THREE, AT, supply=supply)
    assert not now.voltage_cv[1].any()
    assert not now.current_ma[1].any()
    assert now.current_ma[0].any()


def test_a_reversed_current_transformer_turns_import_into_export() -> None:
    turned = Supply(current=phases_of(ONE, -1.0))
    plain, other = (energies(WORLD, ONE, SLOTS, supply=each).energy_mwh for each in (Supply(), turned))
    assert np.array_equal(other[Channel.WH_EXPORT], plain[Channel.WH_IMPORT])
    assert not other[Channel.WH_IMPORT].any()
    now = reading(WORLD, ONE, AT, supply=turned)
    assert (now.active_w[0] <= 0).all()
    assert (now.power_factor_milli[0][now.active_w[0] < 0] < 0).all()
    one_of_three = reading(WORLD, THREE, AT, supply=Supply(current=phases_of(THREE, -1.0, 1.0, 1.0)))
    agrees(one_of_three)
    assert (one_of_three.active_w[0] <= 0).all()
    assert (one_of_three.active_w[1:] >= 0).all()


def test_current_by_the_earth_is_missing_in_the_neutral() -> None:
    now = reading(WORLD, ONE, AT, supply=Supply(earth=np.full(len(ONE), 0.5)))
    agrees(now)
    flowing = now.current_ma[0] > 1000
    assert flowing.any()
    assert (now.neutral_ma[flowing] < 0.51 * now.current_ma[0][flowing]).all()


def test_reactive_load_lowers_the_power_factor_and_leaves_the_watts() -> None:
    supply = Supply(reactive=np.full(len(ONE), 20.0))
    plain, heavy = reading(WORLD, ONE, AT), reading(WORLD, ONE, AT, supply=supply)
    agrees(heavy)
    assert np.array_equal(plain.total_active_w, heavy.total_active_w)
    assert np.median(heavy.power_factor_milli) < 300 < np.median(plain.power_factor_milli)


def test_sums_of_voltage_and_current_grow_to_those_of_whole_slots() -> None:
    start, end = int(SLOTS[0]) * SLOT_MS, (int(SLOTS[-1]) + 1) * SLOT_MS
    supply = Supply(voltage=phases_of(THREE, 0.8, 1.0, 1.0))
    whole = energies(WORLD, THREE, SLOTS, supply=supply)
    sums = running(WORLD, THREE, start, end, supply=supply)
    assert np.array_equal(sums.voltage_cv, whole.voltage_cv.sum(axis=2))
    assert np.array_equal(sums.current_ma[:3], whole.current_ma.sum(axis=2))
    half = running(WORLD, THREE, start, start + SLOT_MS // 2, supply=supply)
    assert np.abs(half.voltage_cv - whole.voltage_cv[:, :, 0] / 2).max() <= 0.5


def test_a_meter_without_power_beside_one_with() -> None:
    powered = np.arange(len(ONE)) % 2 == 0
    brought = energies(WORLD, ONE, SLOTS, supply=Supply(powered=powered))
    plain = energies(WORLD, ONE, SLOTS)
    for mine, whole in zip(brought, plain, strict=True):
        assert np.array_equal(mine[..., powered, :], whole[..., powered, :])
        assert not mine[..., ~powered, :].any()


@pytest.mark.parametrize("load", ["mixed", "solar", "streetlight", "farm", "workshop", "business-eu"])
@pytest.mark.parametrize("phases", [1, 3])
def test_no_load_comes_up_to_its_peak(load: str, phases: int) -> None:
    population = fleet(phases, load)
    highest = peak(WORLD, population)
    bound_va = highest.consumption_w * np.sqrt(1.0 + highest.tangent * highest.tangent) + highest.roof_w
    for season in (0, 120, 240):
        slots = np.arange(EVENING + season * 96, EVENING + (season + 7) * 96)
        energy = energies(WORLD, population, slots).energy_mwh
        apparent_va = (energy[Channel.VAH_IMPORT] + energy[Channel.VAH_EXPORT]).max(axis=1) / 250
        assert (apparent_va <= bound_va).all()
        assert apparent_va.max() > 0.2 * bound_va.max()
