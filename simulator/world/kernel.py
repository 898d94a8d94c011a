# SPDX-License-Identifier: MIT
"""The one heap of the simulated world, ordered by (instant, priority, order of scheduling).

It never asks what time it is and never sleeps: whoever drives it decides how fast the instants pass.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

Action = Callable[[], object]


class Priority(IntEnum):
    """The order at one instant, so that a push at midnight contains midnight's row."""

    SCENARIO = 0
    DEMAND = 1
    CAPTURE = 2
    PUSH = 3
    CHECK = 4


@dataclass(eq=False, slots=True)
class Handle:
    """One scheduled action; without an action it was cancelled or has run."""

    action: Action | None


class Kernel:
    """`now` and every `instant` are integer milliseconds since the epoch, UTC."""

    def __init__(self, now: int) -> None:
        self.now = now
        self._order = 0
        self._heap: list[tuple[int, Priority, int, Handle]] = []

    def schedule(self, instant: int, priority: Priority, action: Action) -> Handle:
        if instant < self.now:
            raise ValueError(f"instant {instant} has passed, it is {self.now}")
        handle = Handle(action)
        self._order += 1
        heapq.heappush(self._heap, (instant, priority, self._order, handle))
        return handle

    def cancel(self, handle: Handle) -> bool:
        """False if the action has already run or was cancelled before."""
        was_pending = handle.action is not None
        handle.action = None
        return was_pending

    def next_instant(self) -> int | None:
        while self._heap and self._heap[0][3].action is None:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def step(self) -> object:
        """Run the next action and return what it returned, so that a driver can await it.

        Raises IndexError when nothing is scheduled.
        """
        if self.next_instant() is None:
            raise IndexError("nothing is scheduled")
        self.now, _, _, handle = heapq.heappop(self._heap)
        action, handle.action = handle.action, None
        assert action is not None  # next_instant left a live one on top
        return action()

    def run_until(self, instant: int) -> None:
        """Run all that is due up to and including an instant; afterwards it is that instant."""
        while (due := self.next_instant()) is not None and due <= instant:
            self.step()
        self.now = max(self.now, instant)
