# SPDX-License-Identifier: MIT
"""What `verify` found, together by table, kind and meter: so that one meter's many rows do not hide the others'."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from simulator.hes.verifying import Finding


class Range(NamedTuple):
    """All `rows` of one kind that one meter has in a table; `number` and `columns` are those of the first."""

    table: str
    kind: str
    meter: str
    first: str
    last: str
    rows: int
    number: str
    columns: Mapping[str, tuple[str | None, str | None]]


def ranges(findings: Iterable[Finding]) -> list[Range]:
    """In the order in which meters are found; of each table and kind by itself."""
    found: dict[tuple[str, str, str], Range] = {}
    for one in findings:
        key = one.table, one.kind, one.meter
        alone = Range(*key, one.time, one.time, one.rows, one.number, one.columns)
        before = found.get(key)
        found[key] = alone if before is None else _joined(before, alone)
    return list(found.values())


def _joined(one: Range, other: Range) -> Range:
    earlier = other if other.first < one.first else one
    return earlier._replace(last=max(one.last, other.last), rows=one.rows + other.rows)
