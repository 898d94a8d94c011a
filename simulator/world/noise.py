# SPDX-License-Identifier: MIT
"""Counter-based noise: each number is a pure function of (seed, key, slot, purpose), on whole columns at once.

Only 64-bit integer mixing and exactly rounded float64 steps, so the same bits come out on every platform, in every
batch and order. Never a generator with a state, never a transcendental function (their last bit differs by machine).
"""

from __future__ import annotations

import hashlib
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


class Purpose(IntEnum):
    """What a number is for; equal numbers would be equal noise. Never renumber: stored histories depend on it."""

    CONSUMPTION = 1
    DAY = 2
    VOLTAGE = 3
    RIPPLE = 4
    FEEDER_DAY = 5
    FEEDER_SLOT = 6
    CLOUD_DAY = 7
    CLOUD_SLOT = 8
    FREQUENCY_SLOW = 9
    FREQUENCY_FAST = 10
    BIRTH_MIX = 20
    BIRTH_SCALE = 21
    BIRTH_PLACE = 22
    BIRTH_PHASES = 23
    BIRTH_PV = 24
    PUSH_START = 40  # 40 and up: choices made outside this room
    SHARE = 41
    BOOT = 50
    LINK_FAULT = 60


_MASK = (1 << 64) - 1
_GOLDEN = 0x9E3779B97F4A7C15  # 2^64 / golden ratio: neighbouring counters land far apart
_FIRST = 0xBF58476D1CE4E5B9  # multipliers and shifts: the finaliser of SplitMix64 (Steele, Lea, Flood 2014)
_SECOND = 0x94D049BB133111EB
_27, _30, _31 = np.uint64(27), np.uint64(30), np.uint64(31)
_SIXTEEN_BITS = np.uint64(0xFFFF)
_ROOT_OF_3 = 1.7320508075688772


def _mix(words: Words) -> Words:
    mixed = words ^ (words >> _30)
    mixed *= np.uint64(_FIRST)
    mixed ^= mixed >> _27
    mixed *= np.uint64(_SECOND)
    mixed ^= mixed >> _31
    return mixed


def _mix_one(word: int) -> int:
    word &= _MASK
    word = ((word ^ (word >> 30)) * _FIRST) & _MASK
    word = ((word ^ (word >> 27)) * _SECOND) & _MASK
    return word ^ (word >> 31)


def key_of(text: str) -> int:
    """A stable 64-bit key for a name: a meter's serial number, a feeder."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def lanes(seed: int, keys: Words) -> Words:
    """The part of the mixing that belongs to (seed, key); `keys` has at least one dimension."""
    return _mix(keys * np.uint64(_GOLDEN) + np.uint64(_mix_one(seed ^ _GOLDEN)))


def words(lane: Words, slots: Ints, purpose: Purpose) -> Words:
    """64 random bits per (lane, slot); the two broadcast, for example [meters, 1] with [slots]."""
    salt = np.uint64(_mix_one(purpose * _GOLDEN))
    return _mix(lane ^ _mix(slots.astype(np.uint64) * np.uint64(_GOLDEN) + salt))


def uniform(seed: int, keys: Words, slots: Ints, purpose: Purpose) -> Floats:
    """Uniform in [0, 1), 53 bits, per (key, slot); the two broadcast."""
    return unit(words(lanes(seed, keys), slots, purpose))


def uniform_one(seed: int, key: int, slot: int, purpose: Purpose) -> float:
    """The same number as `uniform` gives for one key and slot."""
    lane = _mix_one(key * _GOLDEN + _mix_one(seed ^ _GOLDEN))
    salt = _mix_one(purpose * _GOLDEN)
    return (_mix_one(lane ^ _mix_one(slot * _GOLDEN + salt)) >> 11) * 2.0**-53


def unit(random: Words) -> Floats:
    return (random >> np.uint64(11)).astype(np.float64) * 2.0**-53


def piece(random: Words, index: int) -> Floats:
    """One of the four 16-bit parts of a word (index 0 to 3) as a uniform in (0, 1)."""
    part = ((random >> np.uint64(16 * index)) & _SIXTEEN_BITS).astype(np.float64)
    part += 0.5
    part *= 2.0**-16
    return part


def bell(random: Words) -> Floats:
    """Mean 0, variance 1, nearly normal, never beyond ±3.47: the sum of a word's four parts."""
    total = piece(random, 0) + piece(random, 1) + piece(random, 2) + piece(random, 3)
    return (total - 2.0) * _ROOT_OF_3


def lognormal_like(bell_noise: Floats, spread: Floats | float) -> Floats:
    """A factor with median near 1 and exp(±spread) one deviation away: (1 + x/16)^16 in place of exp(x)."""
    factor = 1.0 + bell_noise * spread / 16.0
    for _ in range(4):
        factor = factor * factor
    return factor
