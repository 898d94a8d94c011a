# SPDX-License-Identifier: MIT
"""The pace: from the wall clock, given by hand, to simulated instants."""

from __future__ import annotations

from simulator.fleet.pace import Pace


class Wall:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_real_time_and_faster() -> None:
    wall = Wall()
    pace = Pace(1_000_000, 60.0, wall_s=wall)
    wall.now_s += 2
    assert pace.target_ms() == 1_120_000
    assert pace.wait_s(1_180_000) == 1.0
    assert pace.wait_s(1_000_000) == 0.0


def test_a_clock_that_stands_still_moves_by_steps_only() -> None:
    wall = Wall()
    pace = Pace(0, 0.0, wall_s=wall)
    wall.now_s += 1000
    assert pace.target_ms() == 0
    assert pace.wait_s(1) is None
    pace.step(3_600_000)
    assert pace.target_ms() == 3_600_000


def test_a_new_speed_goes_on_from_the_instant_that_was_reached() -> None:
    wall = Wall()
    pace = Pace(0, 10.0, wall_s=wall)
    wall.now_s += 5
    pace.set_speed(1.0, at_ms=pace.target_ms())
    wall.now_s += 1
    assert pace.target_ms() == 51_000
