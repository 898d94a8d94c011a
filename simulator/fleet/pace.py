# SPDX-License-Identifier: MIT
"""The only place that looks at the wall clock: how far simulated time may have come by now.

Simulated time starts at an instant and runs at a speed, 1 for real time, 0 for a clock that only steps. The kernel
and the meters never learn which.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from simulator.values import MS_PER_SECOND

MAX_SPEED = 1e6  # eleven days a second: far beyond what any fleet keeps up with


class Pace:
    def __init__(self, start_ms: int, speed: float, *, wall_s: Callable[[], float] = time.monotonic) -> None:
        self._wall_s = wall_s
        self._base_ms, self._base_wall_s, self._speed = start_ms, wall_s(), speed

    @property
    def speed(self) -> float:
        return self._speed

    def target_ms(self) -> int:
        """The simulated instant that the wall clock has reached."""
        return self._base_ms + int((self._wall_s() - self._base_wall_s) * MS_PER_SECOND * self._speed)

    def wait_s(self, instant_ms: int) -> float | None:
        """Wall seconds until an instant is reached; None: never at this speed."""
        ahead_ms = instant_ms - self.target_ms()
        if ahead_ms <= 0:
            return 0.0
        return ahead_ms / MS_PER_SECOND / self._speed if self._speed > 0 else None

    def set_speed(self, speed: float, *, at_ms: int) -> None:
        """Go on from an instant at another speed."""
        self._base_ms, self._base_wall_s, self._speed = at_ms, self._wall_s(), speed

    def step(self, span_ms: int) -> None:
        """Jump ahead at once; what is due in between still happens, in order."""
        self._base_ms += span_ms


def wall_now_ms() -> int:
    """The instant that it is outside the simulation."""
    return time.time_ns() // 1_000_000
