# SPDX-License-Identifier: MIT
"""Waiting for what must come, and the words if it does not. Whatever came is taken by one expectation only."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

_POLL_S = 0.05
_SHOWN = 10


class _Row(Protocol):
    @property
    def id(self) -> int: ...


R = TypeVar("R", bound=_Row)


class Takings:
    """Rows of the store that expectations have taken, by their ids."""

    def __init__(self) -> None:
        self._taken: set[tuple[type, int]] = set()

    def take(
        self, look: Callable[[], Sequence[R]], fits: Callable[[R], bool], within_s: float
    ) -> tuple[R | None, Sequence[R]]:
        """The first row that fits and was not taken yet, or None when time is up; and all rows."""
        give_up = time.monotonic() + within_s
        while True:
            rows = look()
            found = next((row for row in rows if (type(row), row.id) not in self._taken and fits(row)), None)
            if found is not None:
                self._taken.add((type(found), found.id))
            if found is not None or time.monotonic() >= give_up:
                return found, rows
            time.sleep(_POLL_S)


def disappointed(wish: str, within: object, seen: Sequence[object], *, hint: str = "") -> AssertionError:
    """What was expected, and the newest of what came instead."""
    span = within if isinstance(within, str) else f"{within} s"
    lines = [f"expected {wish} within {span}", *([hint] if hint else [])]
    if seen:
        newest = ", the newest" if len(seen) > _SHOWN else ""
        lines.append(f"came so far, with what other expectations have taken ({len(seen)}{newest}):")
        lines += [f"  {one}" for one in seen[-_SHOWN:]]
    else:
        lines.append("nothing of that kind came at all")
    return AssertionError("\n".join(lines))
