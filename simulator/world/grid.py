# SPDX-License-Identifier: MIT
"""The supply side: feeder load, voltage at a meter, clouds over a feeder, the grid's frequency.

A feeder's day is a function of (seed, feeder, time), never of which meters happen to be simulated on it.
"""

from __future__ import annotations

import numpy as np

from simulator.world.daytime import LocalTime
from simulator.world.noise import Floats, Ints, Purpose, Words, lanes, piece, unit, words
from simulator.world.population import Population

# Load of an Indian low-voltage feeder by hour, 1 = evening peak; measured voltages (nights near 254 V, evenings 222 to
# 235 V at 240 V nominal) follow it.
_FEEDER_DAY: Floats = np.array(
    [[0.34, 0.30, 0.28, 0.27, 0.28, 0.34, 0.48, 0.62, 0.64, 0.60, 0.58, 0.58],
     [0.58, 0.56, 0.54, 0.53, 0.56, 0.64, 0.82, 0.96, 1.00, 0.92, 0.70, 0.46]]
).ravel()  # fmt: skip
_SOURCE = 1.07  # the transformer's tap at no load, of nominal
_SAG = 0.13  # drop at the feeder's end at its peak
_NEAR_SHARE = 0.5  # of it in the transformer and the first pole: meters at distance 0 see it too
_PHASE_NOISE = 0.012  # full width, from slot to slot
_DEEPEST_CLOUD = 0.92
_MIDDLE_MHZ, _SLOW_MHZ, _FAST_MHZ = 49_975, 90, 60  # 49.90 to 50.05 Hz, the band of the Indian grid code
_SLOW_MS, _FAST_MS = 1_200_000, 90_000


def feeder_load(seed: int, feeder_keys: Words, *, time: LocalTime) -> Floats:
    """[feeder, slot], 1 = an ordinary evening peak."""
    lane = lanes(seed, feeder_keys)[:, None]
    hour, quarter = np.divmod(time.quarter, 4)
    step = _FEEDER_DAY[(hour + 1) % 24] - _FEEDER_DAY[hour]
    daily = _FEEDER_DAY[hour] + step * (quarter * 0.25)
    of_day = 0.88 + 0.24 * piece(words(lane, time.day, Purpose.FEEDER_DAY), 0)
    of_slot = 0.06 * (piece(words(lane, time.slot, Purpose.FEEDER_SLOT), 0) - 0.5)
    load: Floats = daily * of_day + of_slot
    return load


def cloudiness(seed: int, feeder_keys: Words, *, time: LocalTime) -> Floats:
    """[feeder, slot], mean 1: to be multiplied with the month's mean loss. Common to all roofs on a feeder."""
    lane = lanes(seed, feeder_keys)[:, None]
    of_day = 2.0 * piece(words(lane, time.day, Purpose.CLOUD_DAY), 0)
    return of_day * (0.75 + 0.5 * piece(words(lane, time.slot, Purpose.CLOUD_SLOT), 0))


def sunlight(loss: Floats) -> Floats:
    """The share of a clear sky's light that is left."""
    return 1.0 - np.minimum(loss, _DEEPEST_CLOUD)


def mean_voltage_cv(population: Population, part: slice, *, slots: Ints, load: Floats) -> Floats:
    """[phase, meters of the part, slot] mean of each slot in 0.01 V, not rounded."""
    nominal_cv = population.nominal_v * 100.0
    weakness = nominal_cv * _SAG * (_NEAR_SHARE + (1.0 - _NEAR_SHARE) * population.distance[part])
    common = load[population.feeder[part]]
    common *= -weakness[:, None]
    common += nominal_cv * (_SOURCE - 0.5 * _PHASE_NOISE)
    noise = words(population.lane[part, None], slots, Purpose.VOLTAGE)
    voltage = np.empty((population.phases, *common.shape))
    for phase in range(population.phases):
        np.add(common, piece(noise, phase) * (nominal_cv * _PHASE_NOISE), out=voltage[phase])
    return voltage


def frequency_mhz(seed: int, instant_ms: int) -> int:
    """The whole grid's frequency in mHz, smooth over minutes, always within 49.90 to 50.05 Hz."""
    slow = _glide(seed, instant_ms, step_ms=_SLOW_MS, purpose=Purpose.FREQUENCY_SLOW)
    fast = _glide(seed, instant_ms, step_ms=_FAST_MS, purpose=Purpose.FREQUENCY_FAST)
    return _MIDDLE_MHZ + round(_SLOW_MHZ * (slow - 0.5) + _FAST_MHZ * (fast - 0.5))


def _glide(seed: int, instant_ms: int, *, step_ms: int, purpose: Purpose) -> float:
    """Uniform noise at every step, joined by curves that are flat at the steps."""
    step, rest_ms = divmod(instant_ms, step_ms)
    grid = lanes(seed, np.zeros(1, np.uint64))
    start, end = map(float, unit(words(grid, np.array([step, step + 1]), purpose)))
    share = rest_ms / step_ms
    return start + (end - start) * share * share * (3.0 - 2.0 * share)
