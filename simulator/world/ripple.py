# SPDX-License-Identifier: MIT
"""How power and voltage move inside a slot: waves with whole periods, so that a slot's mean is untouched.

The waves are parabolas, not cosines: their integral is closed, and both are exact to the same bit on every machine.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from simulator.world.daytime import SLOT_MS
from simulator.world.noise import Floats, Ints, Purpose, Words, piece, words

_SLOW_HEIGHT, _FAST_HEIGHT = 0.30, 0.12  # of the slot's mean; their sum stays below 1, so energy never runs backwards
_VOLTAGE_HEIGHT = 0.004
HIGHEST = 1.0 + _SLOW_HEIGHT + _FAST_HEIGHT  # no power is more times its slot's mean


class Ripple(NamedTuple):
    """[n]"""

    power: Floats  # instantaneous over mean
    energy: Floats  # share of the slot's energy so far: the integral of power
    voltage: Floats  # instantaneous over mean


def ripple(lane: Words, instant_ms: int | Ints) -> Ripple:
    """Of n meters at one instant, or of one meter at n instants."""
    slot, passed_ms = np.divmod(np.atleast_1d(instant_ms), SLOT_MS)
    share = passed_ms / SLOT_MS
    noise = words(lane, slot, Purpose.RIPPLE)
    slow, fast = _periods(noise)
    slow_height = _SLOW_HEIGHT * piece(noise, 2)
    slow_start, fast_start = piece(noise, 0), piece(noise, 1)
    slow_now, fast_now = _turn(slow_start + slow * share), _turn(fast_start + fast * share)
    slow_energy = slow_height / slow * (_wave_integral(slow_now) - _wave_integral(slow_start))
    fast_energy = _FAST_HEIGHT / fast * (_wave_integral(fast_now) - _wave_integral(fast_start))
    power = 1.0 + slow_height * _wave(slow_now) + _FAST_HEIGHT * _wave(fast_now)
    return Ripple(power, share + slow_energy + fast_energy, 1.0 - _VOLTAGE_HEIGHT * _wave(fast_now))


def _periods(noise: Words) -> tuple[Floats, Floats]:
    """Whole periods per slot, 1 to 4 and 7 to 14."""
    bits = noise >> np.uint64(48)
    slow, fast = bits & np.uint64(3), (bits >> np.uint64(2)) & np.uint64(7)
    return slow.astype(np.float64) + 1.0, fast.astype(np.float64) + 7.0


def _turn(position: Floats) -> Floats:
    return position - np.floor(position)


def _wave(turn: Floats) -> Floats:
    """Like a sine of one turn: zero mean, ±1, made of two parabolas."""
    return 16.0 * (0.5 - turn) * np.minimum(turn, 1.0 - turn)


def _wave_integral(turn: Floats) -> Floats:
    folded = np.minimum(turn, 1.0 - turn)
    return folded * folded * (4.0 - folded * (16.0 / 3.0))
