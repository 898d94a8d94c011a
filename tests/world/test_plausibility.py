# SPDX-License-Identifier: MIT
"""Days, seasons, voltages and frequency that an engineer would believe, at 240 V in India."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import numpy as np
import pytest

from simulator.world.electric import Energies, energies
from simulator.world.grid import frequency_mhz
from simulator.world.population import Channel, Population
from simulator.world.shapes import World

Populate = Callable[..., Population]
IST_SLOTS = 22


def _days(year: int, month: int, day: int, *, count: int) -> np.ndarray:
    first = (dt.date(year, month, day) - dt.date(1970, 1, 1)).days * 96 - IST_SLOTS
    return np.arange(first, first + 96 * count)


def _month(world: World, meters: Population, month: int) -> Energies:
    return energies(world, meters, _days(2025, month, 1, count=30))


def _hours(result: Energies, channel: Channel = Channel.WH_IMPORT) -> np.ndarray:
    """[24] the fleet's energy by local hour."""
    energy = result.energy_mwh[channel]
    hours: np.ndarray = energy.reshape(len(energy), -1, 24, 4).sum(axis=(0, 1, 3))
    return hours


@pytest.mark.parametrize("month", [1, 5, 8])
def test_households(world: World, populate: Populate, month: int) -> None:
    result = _month(world, populate(300, "household"), month)
    monthly_kwh = result.energy_mwh[Channel.WH_IMPORT].sum(axis=1) / 1e6
    assert 90 <= np.median(monthly_kwh) <= 250
    assert monthly_kwh.min() > 15
    assert monthly_kwh.max() < 900
    assert 19 <= _hours(result).argmax() <= 22
    assert _hours(result)[19:23].sum() > 0.2 * _hours(result).sum()
    demand_kw = result.energy_mwh[Channel.WH_IMPORT].max(axis=1) * 4 / 1e6
    assert 1.5 < np.median(demand_kw) < 5.5  # measured: 2.8 and 4.9 to 5.4 kW
    assert result.energy_mwh[Channel.WH_EXPORT].max() == 0
    assert result.current_ma.max() < 60_000


def test_summer_needs_more_than_winter(world: World, populate: Populate) -> None:
    meters = populate(200, "household")
    winter, summer = (_month(world, meters, month).energy_mwh[Channel.WH_IMPORT].sum() for month in (2, 5))
    assert 1.4 < summer / winter < 2.0


def test_a_year_comes_to_what_the_file_says(world: World, populate: Populate) -> None:
    meters = populate(50, "household")
    kwh = sum(_month(world, meters, month).energy_mwh[Channel.WH_IMPORT].sum() for month in range(1, 13)) / 1e6
    assert kwh / 360 * 365.25 == pytest.approx(meters.mean_w.sum() * 8.766, rel=0.02)


def test_shops_rest_on_sunday_and_by_night(world: World, populate: Populate) -> None:
    meters = populate(200, "shop")
    friday, saturday, sunday = (energies(world, meters, _days(2025, 6, day, count=1)) for day in (6, 7, 8))
    assert _hours(sunday).sum() < 0.6 * _hours(friday).sum()
    assert _hours(saturday).sum() > 0.95 * _hours(friday).sum()
    assert _hours(friday)[2] < 0.25 * _hours(friday)[19]


def test_workshops_keep_working_hours(world: World, populate: Populate) -> None:
    meters = populate(200, "workshop", phases=3)
    friday, sunday = (energies(world, meters, _days(2025, 6, day, count=1)) for day in (6, 8))
    assert _hours(friday)[9:18].sum() > 0.75 * _hours(friday).sum()
    assert _hours(sunday).sum() < 0.2 * _hours(friday).sum()
    active, apparent = friday.energy_mwh[Channel.WH_IMPORT].sum(), friday.energy_mwh[Channel.VAH_IMPORT].sum()
    assert 0.83 < active / apparent < 0.89
    assert friday.current_ma.max() < 100_000


@pytest.mark.parametrize("month", [1, 6])
def test_streetlights_burn_at_night_only(world: World, populate: Populate, month: int) -> None:
    result = _month(world, populate(20, "streetlight"), month)
    assert not _hours(result)[8:18].any()
    assert _hours(result)[[21, 22, 23, 0, 1, 2, 3]].min() > 0
    assert result.energy_mwh[Channel.VARH_Q4].sum() > 10 * result.energy_mwh[Channel.VARH_Q1].sum()  # LED drivers lead
    night_length = (_hours(result) / _hours(result).max()).sum()
    assert {1: 12, 6: 9}[month] < night_length < {1: 13, 6: 10}[month]


def test_roofs_export_around_noon(world: World, populate: Populate) -> None:
    meters = populate(300, "solar")
    result = _month(world, meters, 5)
    exported = _hours(result, Channel.WH_EXPORT)
    assert 11 <= exported.argmax() <= 13
    assert exported[[0, 1, 2, 3, 20, 21, 22, 23]].max() == 0
    assert exported[9:16].sum() > 0.7 * exported.sum()
    yield_kwh = result.energy_mwh[Channel.WH_EXPORT].sum() / 1e6 / meters.kwp.sum() / 30
    assert 2.0 < yield_kwh < 4.5  # per kWp and day, what is not used at once
    assert result.energy_mwh[Channel.VARH_Q2].sum() > 0


def test_clouds_are_common_to_a_feeder(world: World, populate: Populate) -> None:
    """Noon's net energy per kWp goes up and down together on one feeder and independently on another."""
    meters = populate(90, "solar")
    noon = _days(2025, 7, 1, count=30).reshape(30, 96)[:, 46:52]
    energy = energies(world, meters, noon.ravel()).energy_mwh
    net = (energy[1] - energy[0]).reshape(90, 30, 6).sum(axis=2) / meters.kwp[:, None]
    feeders = np.stack([net[meters.feeder == feeder].mean(axis=0) for feeder in range(3)])
    halves = [net[meters.feeder == 0][part].mean(axis=0) for part in (slice(0, 15), slice(15, 30))]
    assert np.corrcoef(*halves)[0, 1] > 0.8
    assert np.corrcoef(feeders[0], feeders[1])[0, 1] < 0.6


def test_voltage_is_high_by_night_and_sags_in_the_evening(world: World, populate: Populate) -> None:
    meters = populate(300)
    volts = _month(world, meters, 6).voltage_cv[0].reshape(300, -1, 96) / 100
    assert 247 < volts[:, :, 4:20].mean() < 256
    assert 228 < volts[:, :, 76:84].mean() < 238
    evening = volts[:, :, 80].mean(axis=1)
    assert np.corrcoef(evening, meters.distance)[0, 1] < -0.9
    assert volts.min() > 216
    assert volts.max() < 264  # 240 V + 10 %


def test_voltage_at_230_nominal_stays_within_the_supply_limits(world: World, populate: Populate) -> None:
    volts = _month(world, populate(300, phases=3, nominal_v=230.0), 6).voltage_cv / 100
    assert np.mean((volts > 216.2) & (volts < 253)) > 0.97
    assert volts.min() > 205


def test_frequency_is_one_smooth_line_in_its_band(world: World) -> None:
    line = np.array([frequency_mhz(world.seed, 1_750_000_000_000 + second * 1000) for second in range(0, 43_200, 10)])
    assert line.min() >= 49_900
    assert line.max() <= 50_050
    assert line.max() - line.min() > 60
    assert np.abs(np.diff(line)).max() <= 12  # mHz in ten seconds
