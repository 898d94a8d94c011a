# SPDX-License-Identifier: MIT
"""The journal alone: bounded, and each entry serves one expectation."""

from __future__ import annotations

import datetime as dt

from simulator.testing import journal
from simulator.testing.journal import Entry, Journal
from simulator.testing.meters import Meter

METER = Meter(1, "9160000001", "MFL9160000001", b"MFL", "wrapper", "127.64.0.1", 4059, 1, None, None, (), ())
AT = dt.datetime(2025, 6, 2)


def written(count: int) -> Journal:
    kept = Journal()
    for _ in range(count):
        kept.add(lambda number: Entry(number, AT, METER, 16, "get", "0.0.1.0.0.255:2", "success", 14))
    return kept


def test_each_entry_is_taken_once() -> None:
    kept = written(2)
    numbers = [found and found.number for found in (kept.take(lambda entry: True, 0) for _ in range(3))]
    assert numbers == [1, 2, None]


def test_the_oldest_are_forgotten() -> None:
    kept = written(journal._KEPT + 5)
    entries = kept.entries()
    assert (len(entries), entries[0].number) == (journal._KEPT, 6)
