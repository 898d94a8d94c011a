# SPDX-License-Identifier: GPL-2.0-only
"""How long a peer may take for one frame, and how much it may say in one answer, so that none is listened to for ever.

It reads no clock and no socket: who does tells it.
"""

from __future__ import annotations

from simulator.headend.failures import BrokenAnswer, NoAnswer

LONGEST_ANSWER_OCTETS = 16 << 20  # six years of quarter hours; gurux copies all of it for each block, so no more
_SLOWEST = 20  # octets a second; 300 baud carry 30
_LEAST_OCTETS = 16  # that a block brings on the average: the smallest PDU in use has room for 30; empty, gurux keeps 10
_BLOCKS_FREE = 256
_MOST_UNASKED = 1000


class FrameTime:
    """One frame's: the time-out from its first octets on, and what the slowest line needs for the octets that came."""

    def __init__(self, where: str, timeout_s: float) -> None:
        self._where, self._timeout_s = where, timeout_s
        self._ends_s: float | None = None

    def took(self, octets: int, now_s: float) -> None:
        """Raises NoAnswer."""
        if self._ends_s is None:
            self._ends_s = now_s + self._timeout_s
        self._ends_s += octets / _SLOWEST
        if now_s > self._ends_s:
            raise NoAnswer(f"{self._where} sends octets, but no whole frame came within {self._timeout_s:g} s")


class AnswerSize:
    """One answer's, over all of its blocks and frames."""

    def __init__(self) -> None:
        self._before = self._octets = self._blocks = 0

    def took(self, size: int) -> None:
        """`size`: octets gathered by now; deciphering makes them fewer. Raises BrokenAnswer."""
        self._octets += max(0, size - self._before)
        self._before = size
        self._blocks += 1
        if self._octets > LONGEST_ANSWER_OCTETS:
            raise BrokenAnswer(f"the meter's answer does not end: {self._octets >> 20} MiB came, and more is announced")
        if self._blocks > _BLOCKS_FREE + self._octets // _LEAST_OCTETS:
            raise BrokenAnswer(
                f"the meter's answer does not end: {self._blocks} blocks brought {self._octets} octets,"
                " and more are announced"
            )


class Unasked:
    """Frames that came while one answer was waited for, and were none."""

    def __init__(self) -> None:
        self._count = 0

    def took(self) -> None:
        """Raises BrokenAnswer."""
        self._count += 1
        if self._count >= _MOST_UNASKED:
            raise BrokenAnswer(f"the meter sent {self._count} frames, and none was the answer")
