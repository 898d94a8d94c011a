# SPDX-License-Identifier: MIT
"""The way of a connection's bytes to its peer when they are not to go at once: in order, at their time.

Link times are times of the wall; where simulated time runs faster than that, they are as much shorter.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from simulator.faults.fault import Carried, End
from simulator.fleet.connection import Connection

_HIGH_WATER = 65_536


class Delays:
    """`speed` of the simulated clock."""

    def __init__(self, connection: Connection, speed: Callable[[], float]) -> None:
        self._connection, self._speed = connection, speed
        self._loop = asyncio.get_running_loop()
        self._free_s = 0.0  # when the line has carried what was given to it
        self._last_s = 0.0  # when the last of what waits goes
        self._waiting = self._octets = 0

    def hold(self, carried: Carried) -> None:
        """A request that held the line, or was held up on it: what comes after it comes later."""
        self._free_s = self._busy_until(carried)

    def pass_on(self, carried: Carried) -> bytes:
        """What may go at once; the rest goes by itself when its time has come."""
        self._free_s = self._busy_until(carried)
        due_s = max(self._free_s + self._seconds(carried.delay_ms), self._last_s)
        if not self._waiting and due_s <= self._loop.time() and carried.end is None:
            return carried.octets
        self._last_s = due_s
        self._waiting += 1
        self._octets += len(carried.octets)
        if self._octets > _HIGH_WATER:
            self._connection.pause_writing()
        self._loop.call_at(due_s, self._deliver, carried)
        return b""

    def _deliver(self, carried: Carried) -> None:
        was_high = self._octets > _HIGH_WATER
        self._waiting -= 1
        self._octets -= len(carried.octets)
        self._connection.deliver(carried.octets)
        if carried.end is End.RESET:
            self._connection.reset()
        elif carried.end is End.SILENCE:
            self._connection.fall_silent()
        elif was_high and self._octets <= _HIGH_WATER:
            self._connection.resume_writing()

    def _busy_until(self, carried: Carried) -> float:
        return max(self._free_s, self._loop.time()) + self._seconds(carried.busy_ms)

    def _seconds(self, span_ms: float) -> float:
        return span_ms / 1000 / max(self._speed(), 1.0)
