# SPDX-License-Identifier: MIT
"""Which meters have which faults: set, ended, cleared; and what is drawn for them."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.faults.book import Book
from simulator.faults.kinds.drop import Drop
from simulator.faults.parse import faults_of
from simulator.world.noise import Purpose, key_of, uniform, uniform_one


class Bench:
    def __init__(self, seed: int = 1) -> None:
        self.now_ms = 0
        self.book = Book(seed, str, lambda: self.now_ms)

    def has(self, meter: int) -> list[str]:
        return [type(turn.fault).__name__ for turn in self.book.turns(meter)]


def test_faults_stand_in_the_order_in_which_they_were_set() -> None:
    bench = Bench()
    bench.book.set(range(3), faults_of([{"delay": "2s"}, {"drop": 1}]))
    bench.book.set(frozenset({1, 7}), faults_of({"corrupt": 1}))
    assert bench.has(0) == ["Delay", "Drop"]
    assert bench.has(1) == ["Delay", "Drop", "Corrupt"]
    assert bench.has(7) == ["Corrupt"]
    assert bench.has(3) == []
    assert [bench.book.concerns(range(n, n + 1)) for n in (0, 3, 7)] == [True, False, True]


def test_a_fault_ends_for_each_meter_when_it_has_struck_it_so_often() -> None:
    bench = Bench()
    bench.book.set(range(2), faults_of({"drop": 1, "times": 2}))
    for _ in range(2):
        bench.book.turns(0)[0].strikes()
    assert (bench.has(0), bench.has(1)) == ([], ["Drop"])
    assert len(bench.book.all()) == 1
    for _ in range(2):
        bench.book.turns(1)[0].strikes()
    assert bench.book.all() == []


def test_a_fault_ends_after_its_own_time_or_that_of_the_step() -> None:
    bench = Bench()
    bench.book.set(range(1), faults_of([{"drop": 1, "for": "1s"}, {"delay": "1s"}]), for_ms=5_000)
    bench.now_ms = 999
    assert bench.has(0) == ["Drop", "Delay"]
    bench.now_ms = 1_000
    assert bench.has(0) == ["Delay"]
    bench.now_ms = 5_000
    assert bench.has(0) == []
    assert bench.book.all() == []


def test_faults_that_are_over_do_not_heap_up_where_new_ones_come_for_ever() -> None:
    bench = Bench()
    for bench.now_ms in range(0, 100_000, 1_000):
        bench.book.set(range(1), faults_of({"drop": 1, "for": "1s"}))
        assert len(bench.book._standing) <= 1


def test_clear_takes_all_or_those_of_some_numbers_and_never_what_the_model_has() -> None:
    bench = Bench()
    bench.book.set(range(4), faults_of({"quirk": "short-frames"}), of_model=True)
    first = bench.book.set(range(4), faults_of({"delay": "1s"}))
    bench.book.set(range(4), faults_of({"drop": 1}))
    assert bench.book.clear(range(2), first) == 1
    assert bench.has(0) == ["ShortFrames", "Drop"]
    assert bench.book.clear(range(1, 3)) == 2
    assert [bench.has(n) for n in range(4)] == [
        ["ShortFrames", "Drop"],
        ["ShortFrames"],
        ["ShortFrames"],
        ["ShortFrames", "Delay", "Drop"],
    ]


def test_what_is_drawn_depends_on_seed_serial_and_fault_alone() -> None:
    def drawn(bench: Bench, meter: int, *, others: int = 0) -> list[float]:
        bench.book.set(range(meter + 1), faults_of({"drop": 0.5}))
        for other in range(others):
            bench.book.turns(other)[0].roll()
        return [bench.book.turns(meter)[0].roll() for _ in range(5)]

    right = drawn(Bench(), 3)
    assert drawn(Bench(), 3, others=3) == right
    assert drawn(Bench(seed=2), 3) != right
    assert drawn(Bench(), 4) != right
    key = key_of("3 Drop")
    assert right == uniform(1, np.array([key], np.uint64), np.arange(5), Purpose.LINK_FAULT).tolist()


@pytest.mark.parametrize("seed", [1, -1, (1 << 63) - 1])
def test_one_number_is_the_same_as_in_a_column(seed: int) -> None:
    keys, slots = np.array([0, 1, (1 << 64) - 1], np.uint64), np.array([0, 7, 1 << 40])
    column = uniform(seed, keys, slots, Purpose.LINK_FAULT).tolist()
    one_by_one = [
        uniform_one(seed, int(key), int(slot), Purpose.LINK_FAULT) for key, slot in zip(keys, slots, strict=True)
    ]
    assert one_by_one == column


def test_two_faults_of_a_kind_do_not_strike_together() -> None:
    """They draw one after the other from one series."""
    bench = Bench()
    bench.book.set(range(1), faults_of([{"drop": 0.5}, {"drop": 0.5}]))
    first, second = bench.book.turns(0)
    assert isinstance(first.fault, Drop)
    assert [first.roll() for _ in range(8)] != [second.roll() for _ in range(8)]
