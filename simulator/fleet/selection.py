# SPDX-License-Identifier: MIT
"""Which meters a user means: `3`, `1-20`, `9160000007`, `all`, or several of these with commas; and back into words."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from simulator.errors import UserError
from simulator.meter.cohort import Cohort
from simulator.meter.columns import Ints
from simulator.meter.identity import index_of
from simulator.values import is_number

Meters = range | frozenset[int]
"""Numbers from 0; a range where they are neighbours."""
_SHOWN = 8


def parse_meters(text: str, count: int, named: Callable[[str], int | None]) -> Meters:
    """`named`: the meter of a serial number or of its number from 1. UserError with every mistake."""
    if text.strip() == "all":
        return range(count)
    parts, mistakes = [], []
    for word in text.split(","):
        part = _part(word.strip(), count, named)
        if isinstance(part, str):
            mistakes.append(f"meters {text!r}: {part}")
        else:
            parts.append(part)
    if mistakes:
        raise UserError("\n".join(mistakes))
    return parts[0] if len(parts) == 1 else frozenset().union(*parts)


def _part(word: str, count: int, named: Callable[[str], int | None]) -> range | str:
    """The meters of one word, or what is wrong with it."""
    first, dash, last = word.partition("-")
    if dash and is_number(first) and is_number(last):
        if not 1 <= int(first) <= int(last) <= count:
            return f"{word!r} is no range of this fleet's meters, which are 1 to {count}"
        return range(int(first) - 1, int(last))
    meter = named(word)
    if meter is None:
        return f"{word!r} is no meter; write a number from 1 to {count}, a serial number, a range such as 1-20, or all"
    return range(meter, meter + 1)


def places_by_serial(text: str, count: int) -> list[int]:
    """Of whom a text names by serial numbers, be they those of meters that are there or not."""
    words = (word.strip() for word in text.split(","))
    return [index_of(word) for word in words if _is_serial(word, count)]


def _is_serial(word: str, count: int) -> bool:
    return 0 <= index_of(word) < count and not (is_number(word) and int(word) <= count)


def in_numbers(text: str, count: int, serial_of: Callable[[int], str]) -> str:
    """The same meters without serial numbers, which change when meters are replaced. UserError for the serial number
    of one that is not in its place any more."""
    return ",".join(_number(word.strip(), count, serial_of) for word in text.split(","))


def _number(word: str, count: int, serial_of: Callable[[int], str]) -> str:
    if not _is_serial(word, count):
        return word
    place = index_of(word)
    if (serial := serial_of(place)) == word:
        return str(place + 1)
    raise UserError(f"meters {word!r}: no meter has this number now; meter {place + 1} is {serial}")


def parts_of(cohorts: Iterable[Cohort], meters: Iterable[int]) -> list[tuple[Cohort, Ints]]:
    """The meters as ascending rows of their cohorts; cohorts that have none of them are left out."""
    numbers = np.array(sorted(meters), np.int64)
    parts = []
    for cohort in cohorts:
        rows = numbers - cohort.first
        rows = rows[(rows >= 0) & (rows < len(cohort.identities))]
        if len(rows):
            parts.append((cohort, rows))
    return parts


def in_words(meters: Meters, count: int) -> str:
    """`all`, or numbers from 1 and ranges of them; a long list is cut off."""
    if len(meters) == count:
        return "all"
    runs: list[list[int]] = []
    for meter in sorted(meters):
        if runs and meter == runs[-1][1] + 1:
            runs[-1][1] = meter
        else:
            runs.append([meter, meter])
    words = [str(first + 1) if first == last else f"{first + 1}-{last + 1}" for first, last in runs[:_SHOWN]]
    return ",".join([*words, "..."] if len(runs) > _SHOWN else words)
