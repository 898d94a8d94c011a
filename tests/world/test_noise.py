# SPDX-License-Identifier: MIT
"""Noise is the same bits everywhere, and looks like noise."""

from __future__ import annotations

import numpy as np

from simulator.world.noise import Purpose, bell, key_of, lanes, lognormal_like, piece, uniform, unit, words

KEYS = np.arange(500, dtype=np.uint64)[:, None]
SLOTS = np.arange(1_940_000, 1_940_400)


def _splitmix64(word: int) -> int:
    """The reference step in plain integers: SplitMix64 by Steele, Lea and Flood (2014), from a counter."""
    mask = (1 << 64) - 1
    word = ((word ^ (word >> 30)) * 0xBF58476D1CE4E5B9) & mask
    word = ((word ^ (word >> 27)) * 0x94D049BB133111EB) & mask
    return word ^ (word >> 31)


def test_plain_integers_give_the_same_words() -> None:
    golden, mask = 0x9E3779B97F4A7C15, (1 << 64) - 1
    assert _splitmix64(golden) == 0xE220A8397B1DCDAF  # the published first output for seed 0
    lane = _splitmix64((17 * golden + _splitmix64((42 ^ golden) & mask)) & mask)
    salt = _splitmix64((Purpose.CONSUMPTION * golden) & mask)
    expected = _splitmix64(lane ^ _splitmix64((1_942_512 * golden + salt) & mask))
    actual = words(lanes(42, np.array([17], np.uint64)), np.array([1_942_512]), Purpose.CONSUMPTION)
    assert actual.tolist() == [expected]


def test_stored_histories_stay_valid() -> None:
    """A change of these numbers changes every fleet that was ever recorded."""
    noise = words(lanes(42, np.array([0, 1, 2**64 - 1], np.uint64)), np.array([0]), Purpose.CONSUMPTION)
    assert noise.tolist() == [1395966527516534272, 5413303388210936463, 15137221311743774363]
    assert key_of("F1") == 7468340733654385756


def test_batch_and_order_do_not_matter() -> None:
    whole = uniform(7, KEYS, SLOTS, Purpose.RIPPLE)
    assert np.array_equal(uniform(7, KEYS[17:18], SLOTS[::-1], Purpose.RIPPLE)[0], whole[17, ::-1])


def test_seed_key_slot_and_purpose_each_change_it() -> None:
    base = uniform(7, KEYS, SLOTS, Purpose.RIPPLE)
    for other in (
        uniform(8, KEYS, SLOTS, Purpose.RIPPLE),
        uniform(7, KEYS + np.uint64(1), SLOTS, Purpose.RIPPLE),
        uniform(7, KEYS, SLOTS + 1, Purpose.RIPPLE),
        uniform(7, KEYS, SLOTS, Purpose.VOLTAGE),
    ):
        assert abs(np.corrcoef(base.ravel(), other.ravel())[0, 1]) < 0.01


def test_uniform_fills_its_range_evenly() -> None:
    noise = words(lanes(3, KEYS), SLOTS, Purpose.DAY)
    for numbers in (unit(noise), *(piece(noise, index) for index in range(4))):
        assert 0 <= numbers.min() < 0.001
        assert 0.999 < numbers.max() < 1
        counts = np.histogram(numbers, bins=20, range=(0, 1))[0]
        assert np.all(np.abs(counts / numbers.size - 0.05) < 0.003)


def test_neighbours_do_not_resemble_each_other() -> None:
    numbers = uniform(3, KEYS, SLOTS, Purpose.DAY)
    assert abs(np.corrcoef(numbers[:, :-1].ravel(), numbers[:, 1:].ravel())[0, 1]) < 0.01
    assert abs(np.corrcoef(numbers[:-1].ravel(), numbers[1:].ravel())[0, 1]) < 0.01


def test_bell_has_mean_0_and_variance_1() -> None:
    numbers = bell(words(lanes(3, KEYS), SLOTS, Purpose.DAY))
    assert abs(numbers.mean()) < 0.01
    assert abs(numbers.std() - 1) < 0.01
    assert np.abs(numbers).max() < 3.47


def test_lognormal_like_is_close_to_the_exponential_one_deviation_away() -> None:
    assert np.allclose(lognormal_like(np.array([-1.0, 0.0, 1.0]), 0.45), np.exp([-0.45, 0, 0.45]), rtol=0.01)
