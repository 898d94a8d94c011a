# SPDX-License-Identifier: GPL-2.0-only
"""How good a reading is: its quality, and flags that say why (hes.validation_flags). Pure.

It changes no value: what the meter said is kept, however strange it is.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

GOOD, ESTIMATED, MANUAL, INVALID = 192, 128, 96, 64
LOW_QUALITY, IS_ESTIMATED, GAP_BEFORE, CLOCK_INVALID, OUT_OF_RANGE = 1, 2, 3, 4, 5
NEGATIVE_DELTA, AFTER_RETRY, DUPLICATE, LATE, SPIKE = 6, 7, 8, 9, 10
_CLOCK_UNUSABLE, _NOT_SPECIFIED = 0x01, 0xFF  # clock status (Blue Book 4.1.6.1): bit 0 is "invalid value"
_SPIKE = 5  # times the largest interval of the day before
DAY = 48  # intervals, of the half hour that most meters have
_RANGES = {"V": (0.0, 500.0), "A": (-1000.0, 1000.0), "Hz": (40.0, 70.0)}


@dataclass(frozen=True, slots=True)
class Circumstances:
    """How a reading came. By reading type, `registers`: the newest cumulative value; `usual`: the newest intervals."""

    source: str = "NORMAL_READ"
    communication: str = "SUCCESS"
    retries: int = 0
    is_repeated: bool = False  # the same has come before
    registers: dict[str, float] = field(default_factory=dict)
    usual: dict[str, deque[float]] = field(default_factory=dict)


def judged(
    how: Circumstances,
    value: float,
    unit: str = "",
    *,
    clock_status: int = 0,
    register: str = "",
    more: tuple[int, ...] = (),
) -> tuple[int, tuple[int, ...]]:
    """Quality and flags; `register` names a cumulative value, which must not run backwards."""
    flags = [*more]
    low, high = _RANGES.get(unit, (float("-inf"), float("inf")))
    if clock_status & _CLOCK_UNUSABLE and clock_status != _NOT_SPECIFIED:
        flags.append(CLOCK_INVALID)
    if not low <= value <= high:
        flags.append(OUT_OF_RANGE)
    if register:
        if value < how.registers.get(register, value):
            flags.append(NEGATIVE_DELTA)
        how.registers[register] = value
    is_bad = not {CLOCK_INVALID, OUT_OF_RANGE, NEGATIVE_DELTA}.isdisjoint(flags)
    flags += [LOW_QUALITY] * is_bad + [AFTER_RETRY] * (how.retries > 0)
    return INVALID if is_bad else GOOD, tuple(sorted(flags))


def is_spike(how: Circumstances, kind: str, value: float) -> bool:
    """Whether an interval is far above all of the day before; with less than a day to compare with, none is."""
    usual = how.usual.setdefault(kind, deque(maxlen=DAY))
    most = max(usual) if len(usual) == DAY else 0.0
    usual.append(value)
    return 0.0 < most * _SPIKE < value
