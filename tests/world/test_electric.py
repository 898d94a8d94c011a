# SPDX-License-Identifier: MIT
"""Energies, readings and registers tell one story, the same whatever the batch, and outages silence them."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.world.consumption import Supply
from simulator.world.daytime import SLOT_MS
from simulator.world.electric import Reading, energies, live, partial, reading
from simulator.world.population import Channel, Population, build_population
from simulator.world.shapes import World, load_world

MIDNIGHT = 20_244 * 96 - 22  # 2025-06-05T00:00+05:30, as a slot
DAY = np.arange(MIDNIGHT, MIDNIGHT + 96)
WORLD = load_world(42)
INSTANTS = st.integers(1_735_689_600_000, 1_767_225_600_000)  # all of 2025


def _fleet(load: str, phases: int) -> Population:
    keys = np.arange(64, dtype=np.uint64)
    return build_population(WORLD, keys, load=load, phases=phases, feeders=keys % np.uint64(3))


FLEETS = [_fleet("mixed", 1), _fleet("mixed", 3), _fleet("solar", 1), _fleet("solar", 3)]


def test_stored_histories_stay_valid(world: World) -> None:
    """A change of these numbers changes every fleet that was ever recorded."""
    meters = build_population(
        world, np.array([7, 8], np.uint64), load="household", phases=1, feeders=np.array([1, 1], np.uint64)
    )
    result = energies(world, meters, DAY[80:82])
    assert result.energy_mwh[Channel.WH_IMPORT].tolist() == [[22869, 25795], [8892, 10978]]
    assert result.voltage_cv[0].tolist() == [[24049, 24060], [22862, 22708]]


@pytest.mark.parametrize("phases", [1, 3])
def test_a_meters_day_does_not_depend_on_the_batch(
    world: World, populate: Callable[..., Population], phases: int
) -> None:
    small, large = populate(10, phases=phases), populate(1000, phases=phases)
    alone, shuffled = energies(world, small, DAY), energies(world, large, DAY[::-1])
    later, sliced = energies(world, large, DAY[40:41]), energies(world, large.take(slice(3, 10)), DAY)
    for field in range(4):
        assert np.array_equal(alone[field], shuffled[field][..., :10, ::-1])
        assert np.array_equal(alone[field][..., 40:41], later[field][..., :10, :])
        assert np.array_equal(alone[field][..., 3:10, :], sliced[field])


@pytest.mark.parametrize("fleet", FLEETS)
def test_a_reading_does_not_depend_on_the_batch(fleet: Population) -> None:
    instant = int(DAY[50]) * SLOT_MS + 123_456
    whole, part = reading(WORLD, fleet, instant), reading(WORLD, fleet.take(slice(5, 9)), instant)
    for all_meters, some in zip(whole, part, strict=True):
        assert np.array_equal(all_meters[..., 5:9], some)


def _assert_agrees(now: Reading) -> None:
    apparent_va = now.voltage_cv / 100 * now.current_ma / 1000
    deviation = np.abs(now.active_w - apparent_va * now.power_factor_milli / 1000)
    assert np.all(deviation <= 0.01 * np.maximum(apparent_va, 50))  # the check of the instant profile's rows
    phase_va = np.sqrt(now.active_w**2 + now.reactive_var**2)
    assert np.all(np.abs(phase_va - apparent_va) <= 0.0005 * now.voltage_cv / 100 + 1e-6)
    assert np.array_equal(now.total_active_w, now.active_w.sum(axis=0))
    assert np.array_equal(now.total_reactive_var, now.reactive_var.sum(axis=0))
    total_va = np.sqrt(now.total_active_w**2 + now.total_reactive_var**2)
    assert np.all(np.abs(now.total_apparent_va - total_va) <= 0.5)
    expected = now.total_apparent_va * now.total_power_factor_milli / 1000
    assert np.all(np.abs(now.total_active_w - expected) <= 0.5 + 0.0006 * now.total_apparent_va)
    assert np.all(np.abs(now.power_factor_milli) <= 1000)
    assert np.all(now.neutral_ma <= now.current_ma.max(axis=0))


@given(INSTANTS, st.sampled_from(FLEETS))
def test_volts_amperes_watts_and_power_factor_agree(instant_ms: int, fleet: Population) -> None:
    now = reading(WORLD, fleet, instant_ms)
    _assert_agrees(now)
    assert np.all((now.voltage_cv > 20_400) & (now.voltage_cv < 26_400))  # 240 V -15 %, +10 %
    assert np.all((now.frequency_chz >= 4990) & (now.frequency_chz <= 5005))  # the grid code's band


@given(INSTANTS, st.sampled_from(FLEETS))
def test_power_is_the_slope_of_the_registers(instant_ms: int, fleet: Population) -> None:
    second = instant_ms - instant_ms % SLOT_MS + min(max(instant_ms % SLOT_MS, 1000), SLOT_MS - 1000)
    energy = partial(WORLD, fleet, second - 1000, second + 1000)
    slope_w = (energy[Channel.WH_IMPORT] - energy[Channel.WH_EXPORT]) * 3600 / 1000 / 2
    power_w = reading(WORLD, fleet, second).total_active_w
    # each phase is rounded to 0.5 W, each register to 0.5 mWh, and power bends by up to 1 % a second
    assert np.all(np.abs(slope_w - power_w) <= 0.5 * fleet.phases + 1.8 + 0.01 * np.abs(power_w))


@given(st.lists(INSTANTS.map(lambda ms: 1_748_000_000_000 + ms % (3 * SLOT_MS)), min_size=3, max_size=3).map(sorted))
def test_registers_add_up_and_never_fall(instants: list[int]) -> None:
    a, b, c = instants
    for fleet in FLEETS[1:3]:
        first, second = partial(WORLD, fleet, a, b), partial(WORLD, fleet, b, c)
        assert np.array_equal(first + second, partial(WORLD, fleet, a, c))
        assert first.min() >= 0
        assert second.min() >= 0


@pytest.mark.parametrize("fleet", FLEETS)
def test_whole_slots_are_the_block_profile(fleet: Population) -> None:
    from_ms, to_ms = int(DAY[0]) * SLOT_MS, int(DAY[-1] + 1) * SLOT_MS
    day = energies(WORLD, fleet, DAY).energy_mwh
    assert np.array_equal(partial(WORLD, fleet, from_ms, to_ms), day.sum(axis=2))
    cuts = [from_ms, from_ms + 1, from_ms + 20 * SLOT_MS + 77_777, to_ms - 1, to_ms]
    pieces = [partial(WORLD, fleet, start, end) for start, end in pairwise(cuts)]
    assert np.array_equal(sum(pieces), day.sum(axis=2))


def test_live_is_reading_and_partial() -> None:
    for fleet in FLEETS:
        for settled, instant in ((0, 0), (0, 1), (0, 2_000_000), (1234, 5_000_000), (1_000_000, 1_500_000)):
            settled_ms, instant_ms = int(DAY[45]) * SLOT_MS + settled, int(DAY[45]) * SLOT_MS + instant
            both = live(WORLD, fleet, settled_ms, instant_ms)
            assert np.array_equal(both.energy_mwh, partial(WORLD, fleet, settled_ms, instant_ms))
            for ours, theirs in zip(both.reading, reading(WORLD, fleet, instant_ms), strict=True):
                assert np.array_equal(ours, theirs)


def test_time_does_not_run_backwards() -> None:
    for function in (partial, live):
        with pytest.raises(ValueError, match="forward"):
            function(WORLD, FLEETS[0], 1000, 999)


@pytest.mark.parametrize("fleet", FLEETS)
def test_channels_of_a_slot(fleet: Population) -> None:
    """P, Q and S of each slot form a triangle, and each slot flows one way, in one quadrant (IEC 62053-23)."""
    result = energies(WORLD, fleet, DAY)
    channel = result.energy_mwh.astype(float)
    active, apparent, reactive = channel[0] + channel[1], channel[2] + channel[3], channel[4:].sum(axis=0)
    assert np.all(np.abs(apparent - np.sqrt(active**2 + reactive**2)) <= 2)
    assert not np.any((channel[0] > 0) & (channel[1] > 0))
    assert np.all((channel[4:] > 0).sum(axis=0) <= 1)
    imported, exported = channel[Channel.WH_IMPORT] > 0, channel[Channel.WH_EXPORT] > 0
    assert np.all(channel[[Channel.VAH_EXPORT, Channel.VARH_Q2, Channel.VARH_Q3]][:, imported] == 0)
    assert np.all(channel[[Channel.VAH_IMPORT, Channel.VARH_Q1, Channel.VARH_Q4]][:, exported] == 0)


@pytest.mark.parametrize("fleet", FLEETS)
def test_mean_current_follows_from_energy_and_voltage(fleet: Population) -> None:
    result = energies(WORLD, fleet, DAY)
    volt_amperes = (result.voltage_cv / 100 * result.current_ma / 1000).sum(axis=0)
    apparent = (result.energy_mwh[Channel.VAH_IMPORT] + result.energy_mwh[Channel.VAH_EXPORT]) / 250
    # arithmetic and vector sum of three phases differ a little, as their phase angles do
    assert np.all(np.abs(volt_amperes - apparent) <= 0.15 * fleet.phases + 0.01 * apparent * (fleet.phases > 1))
    if fleet.phases == 1:
        assert np.all(result.neutral_ma >= 0.98 * result.current_ma[0] - 1)


def test_without_supply_nothing_and_without_relay_no_current(world: World, populate: Callable[..., Population]) -> None:
    meters = populate(4, "solar", phases=3)
    dark, cut = np.array([True, True, False, False]), np.array([True, False, True, False])
    supply = Supply(powered=dark, connected=cut)
    usual, result = energies(world, meters, DAY), energies(world, meters, DAY, supply=supply)
    now = reading(world, meters, int(DAY[50]) * SLOT_MS + 5000, supply=supply)
    since = partial(world, meters, int(DAY[50]) * SLOT_MS + 5000, int(DAY[60]) * SLOT_MS + 7, supply=supply)
    for field in range(4):
        assert np.array_equal(result[field][..., 0, :], usual[field][..., 0, :])
    assert np.array_equal(result.voltage_cv[:, 1], usual.voltage_cv[:, 1])
    assert result.voltage_cv[:, 2:].max() == now.voltage_cv[:, 2:].max() == now.frequency_chz[2:].max() == 0
    for silent in (
        result.energy_mwh[:, 1:],
        result.current_ma[:, 1:],
        now.current_ma[:, 1:],
        now.active_w[:, 1:],
        since[:, 1:],
    ):
        assert not silent.any()
    assert since[:, 0].any()
    assert now.frequency_chz[1] > 4900


def test_a_factor_scales_consumption_but_not_the_roof(world: World, populate: Callable[..., Population]) -> None:
    house, roof = populate(2, "household"), populate(2, "solar")
    twice = Supply(factor=np.array([2.0, 1.0]))
    for meters in (house, roof):
        usual, result = energies(world, meters, DAY).energy_mwh, energies(world, meters, DAY, supply=twice).energy_mwh
        assert np.array_equal(result[:, 1], usual[:, 1])
    net = energies(world, house, DAY, supply=twice).energy_mwh[0, 0] - 2 * energies(world, house, DAY).energy_mwh[0, 0]
    assert np.abs(net).max() <= 1
    gone = Supply(factor=np.zeros(2))
    assert energies(world, roof, DAY, supply=gone).energy_mwh[Channel.WH_EXPORT].sum(axis=1).min() > 2_000_000


def test_chunks_do_not_show(world: World, populate: Callable[..., Population]) -> None:
    """More meters x slots than one pass takes."""
    meters = populate(700)
    whole = energies(world, meters, DAY)
    for start in (0, 169, 170, 171, 699):
        one = energies(world, meters.take(slice(start, start + 1)), DAY)
        assert np.array_equal(one.energy_mwh[:, 0], whole.energy_mwh[:, start])
