# SPDX-License-Identifier: MIT
"""Which meters have which faults now: set, struck, ended, cleared. It knows meters by their number from 0.

What is drawn for a fault on a meter is a function of (seed, serial, the fault's name, how often it was drawn before);
with a `Series` its name and what was drawn in it come in place of the last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from simulator.faults.fault import Fault
from simulator.faults.parse import Setting
from simulator.world.noise import Purpose, key_of, uniform_one

Meters = range | frozenset[int]


class Standing:
    """A fault that some meters have."""

    __slots__ = ("_struck", "meters", "number", "of_model", "setting", "until_ms")

    def __init__(self, number: int, meters: Meters, setting: Setting, until_ms: int | None, *, of_model: bool) -> None:
        self.number, self.meters, self.setting, self.until_ms = number, meters, setting, until_ms
        self.of_model = of_model  # the meters are built so: no order clears it
        self._struck: dict[int, int] = {}

    @property
    def struck(self) -> int:
        """How often, all meters together."""
        return sum(self._struck.values())

    def holds(self, meter: int, now_ms: int) -> bool:
        if meter not in self.meters or (self.until_ms is not None and now_ms >= self.until_ms):
            return False
        return self.setting.times is None or self._struck.get(meter, 0) < self.setting.times

    def is_over(self, now_ms: int) -> bool:
        """For all of its meters."""
        if not self.meters or (self.until_ms is not None and now_ms >= self.until_ms):
            return True
        times = self.setting.times
        spent = len(self._struck) == len(self.meters)
        return times is not None and spent and min(self._struck.values()) >= times

    def count(self, meter: int) -> None:
        self._struck[meter] = self._struck.get(meter, 0) + 1


class Series:
    """Numbers for one thing that a meter does, whatever else it does; and the names of the faults that struck it."""

    __slots__ = ("_drawn", "name", "struck")

    def __init__(self, name: str) -> None:
        self.name = name
        self.struck: list[str] = []
        self._drawn: dict[str, int] = {}  # how many numbers, by fault

    def next(self, fault: str) -> int:
        before = self._drawn.get(fault, 0)
        self._drawn[fault] = before + 1
        return before


class Turn:
    """A fault that one meter has now."""

    __slots__ = ("_book", "_meter", "_series", "_standing", "fault")

    def __init__(self, book: Book, standing: Standing, meter: int, series: Series | None) -> None:
        self._book, self._standing, self._meter, self._series = book, standing, meter, series
        self.fault: Fault = standing.setting.fault

    def roll(self) -> float:
        return self._book.draw(self._meter, type(self.fault).__name__, self._series)

    def strikes(self) -> None:
        self._standing.count(self._meter)
        if self._series is not None:
            self._series.struck.append(self.fault.name)


class Book:
    """`serial_of` a meter's number; it is asked only when a fault draws a number."""

    def __init__(self, seed: int, serial_of: Callable[[int], str], now_ms: Callable[[], int]) -> None:
        self._seed, self._serial_of, self._now_ms = seed, serial_of, now_ms
        self._standing: list[Standing] = []
        self._numbers = 0
        self._drawn: dict[tuple[int, str], int] = {}  # how many numbers, by meter and fault

    def set(
        self, meters: Meters, settings: Iterable[Setting], *, for_ms: int | None = None, of_model: bool = False
    ) -> list[int]:
        """Numbers by which they can be cleared. `for_ms` is for those that do not say themselves how long."""
        self._forget()
        made = [self.standing(meters, setting, for_ms=for_ms, of_model=of_model) for setting in settings]
        self._standing += made
        return [one.number for one in made]

    def standing(
        self, meters: Meters, setting: Setting, *, for_ms: int | None = None, of_model: bool = False
    ) -> Standing:
        """One that is not in the book; whoever has it gives it to `turns`."""
        self._numbers += 1
        span_ms = setting.for_ms if setting.for_ms is not None else for_ms
        until_ms = None if span_ms is None else self._now_ms() + span_ms
        return Standing(self._numbers, meters, setting, until_ms, of_model=of_model)

    def clear(self, meters: Meters, numbers: Sequence[int] | None = None) -> int:
        """All that these meters have, or those of these numbers; how many faults that concerned."""
        cleared = 0
        for standing in self._standing:
            if standing.of_model or (numbers is not None and standing.number not in numbers):
                continue
            rest = frozenset(standing.meters) - frozenset(meters)
            if len(rest) < len(standing.meters):
                standing.meters = rest
                cleared += 1
        self._forget()
        return cleared

    def all(self) -> list[Standing]:
        self._forget()
        return list(self._standing)

    @property
    def is_empty(self) -> bool:
        return not self._standing

    def concerns(self, meters: range) -> bool:
        """Whether one of them has a fault, or had one that may not be forgotten yet."""
        if len(meters) == 1:
            return any(meters[0] in standing.meters for standing in self._standing)
        return bool(self._standing)

    def turns(self, meter: int, others: Iterable[Standing] = (), *, series: Series | None = None) -> list[Turn]:
        """What a meter has now, in the order in which it was set; `others` come first."""
        now_ms = self._now_ms()
        return [Turn(self, one, meter, series) for one in (*others, *self._standing) if one.holds(meter, now_ms)]

    def draw(self, meter: int, fault: str, series: Series | None = None) -> float:
        name = f"{self._serial_of(meter)} {fault}"
        if series is not None:
            return uniform_one(self._seed, key_of(f"{name} {series.name}"), series.next(fault), Purpose.LINK_FAULT)
        before = self._drawn.get((meter, fault), 0)
        self._drawn[meter, fault] = before + 1
        return uniform_one(self._seed, key_of(name), before, Purpose.LINK_FAULT)

    def _forget(self) -> None:
        now_ms = self._now_ms()
        self._standing = [one for one in self._standing if not one.is_over(now_ms)]


def described(standing: Standing) -> dict[str, Any]:
    return {
        "number": standing.number,
        "fault": standing.setting.said,
        "part": standing.setting.part,
        "struck": standing.struck,
        "until_ms": standing.until_ms,
        "of_model": standing.of_model,
    }
