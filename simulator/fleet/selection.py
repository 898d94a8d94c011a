# SPDX-License-Identifier: MIT
"""Which meters of a fleet a user means: `3`, `1-20`, a serial number, `all`, or several of these with commas."""

from __future__ import annotations

import re

from simulator.errors import UserError
from simulator.fleet.spec import FleetSpec
from simulator.meter.identity import index_of, serial_of

_SERIAL_DIGITS = 10
_RANGE = re.compile(r"(\d+)(?:-(\d+))?")
_HINT = "write numbers (3), ranges (1-20), serial numbers, or all; commas between them"


def selected(text: str, spec: FleetSpec) -> list[int]:
    """The meters' indices from 0, each once, in order. UserError with every mistake."""
    chosen: set[int] = set()
    mistakes = []
    for word in text.split(","):
        found = _meant(word.strip(), spec)
        if isinstance(found, str):
            mistakes.append(found)
        else:
            chosen.update(found)
    if mistakes:
        raise UserError("\n".join(mistakes))
    return sorted(chosen)


def _meant(word: str, spec: FleetSpec) -> range | str:
    if word == "all":
        return range(spec.count)
    match = _RANGE.fullmatch(word)
    if not match:
        return f"{word!r} names no meter; {_HINT}"
    if len(word) == _SERIAL_DIGITS:
        index = index_of(word)
        known = 0 <= index < spec.count and serial_of(spec.seed, index) == word
        return range(index, index + 1) if known else f"no meter of this fleet has the serial number {word}"
    first, last = int(match[1]), int(match[2] or match[1])
    if not 1 <= first <= last <= spec.count:
        return f"{word!r} is not within the fleet's meters, 1 to {spec.count}"
    return range(first - 1, last)
