# SPDX-License-Identifier: MIT
"""What meters said against what a head-end stored, by table, meter and day.

Both databases make one hash per meter and day, at the same time; only where these differ do rows come here, some days
at once. Nothing is written.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import psycopg
from psycopg import Copy, sql

from simulator.errors import UserError
from simulator.hes.asking import Group, Limits, digests, their_rows, truth_rows
from simulator.hes.maps import DERIVED, TRUTHS, TableMap
from simulator.store.connections import connected
from simulator.store.queries import statements

KINDS = ("missing", "extra", "different", "duplicate", "late")
UNKNOWABLE = "NaN"  # a map's word for a difference to a row that the head-end does not have
_QUERIES = statements("simulator.hes")
_DAYS_AT_ONCE = 500
_LISTED = 10_000  # rows of a table; of days after that only their number is told
Connection = psycopg.Connection[tuple[Any, ...]]


class Finding(NamedTuple):
    """One row that is not as it should be; `columns`: what was said and what is stored, of those that differ. Of very
    many, all `rows` of one kind, meter and day; `time` is that day.
    """

    table: str
    kind: str
    meter: str
    time: str
    number: str = "0"
    columns: Mapping[str, tuple[str | None, str | None]] = {}
    rows: int = 1

    @property
    def day(self) -> str:
        return self.time[:10]


@dataclass(slots=True)
class Outcome:
    """Of one table. `days` are meter-days that were compared, `first` to `last`."""

    table: str
    rows: int = 0
    days: int = 0
    first: str = ""
    last: str = ""
    findings: list[Finding] = field(default_factory=list)

    def meet(self, rows: int, day: str) -> None:
        """A meter-day is compared; `rows`: of the meter's."""
        self.days += 1
        self.rows += rows
        self.first = min(self.first or day, day)
        self.last = max(self.last, day)

    def count(self, kind: str) -> int:
        return sum(one.rows for one in self.findings if one.kind == kind)


class _Digest(NamedTuple):
    meter: str
    day: str
    rows: int
    hashed: str
    first: dt.datetime | None  # when the first and the last row of the day came
    last: dt.datetime | None


class _Stored(NamedTuple):
    values: list[str | None]
    came: dt.datetime | None


_Key = tuple[str, str]
_Rows = dict[tuple[str, str], dict[_Key, list[_Stored]]]


@contextmanager
def reading(dsn: str) -> Iterator[Connection]:
    """A connection that can only read; UserError if the DSN is none, or if what is asked for is not there."""
    with connected(dsn, autocommit=False) as connection:
        connection.execute(_QUERIES["read_only"].encode())
        try:
            yield connection
        except psycopg.ProgrammingError as error:
            hint = "--map says where your tables are, `meterfleet db init --hes` makes ours"
            words = str(error).splitlines()[0]
            raise UserError(f"the head-end's tables are not as the map has them: {words}; {hint}") from error


def compare(
    sim: Connection, hes: Connection, tables: Mapping[str, TableMap], groups: Sequence[Group], limits: Limits
) -> list[Outcome]:
    return [_Comparison(name, sim, hes, table, limits).run(groups) for name, table in tables.items()]


class _Comparison:
    """Of one table, on both sides."""

    def __init__(self, name: str, sim: Connection, hes: Connection, table: TableMap, limits: Limits) -> None:
        self._name, self._sim, self._hes, self._table, self._limits = name, sim, hes, table, limits
        self._truth = TRUTHS[name]
        self.outcome = Outcome(name)

    def run(self, groups: Sequence[Group]) -> Outcome:
        for group in groups:
            columns = self._columns(group)
            ours = truth_rows(self._truth, columns, group, self._table)
            theirs = their_rows(self._table, columns, group)
            suspects = list(self._suspects(ours, theirs, group, len(columns)))
            for at in range(0, len(suspects), _DAYS_AT_ONCE):
                self._judge(suspects[at : at + _DAYS_AT_ONCE], ours, theirs, columns)
        return self.outcome

    def _columns(self, group: Group) -> list[str]:
        told = group.told.get(self._name, frozenset()) if self._table.only_told else self._truth.columns
        return sorted(told.intersection(self._table.columns))

    def _suspects(
        self, ours: sql.Composed, theirs: sql.Composed, group: Group, width: int
    ) -> Iterator[tuple[_Digest | None, _Digest | None]]:
        """Meter-days whose hashes differ, or that may have a row which came late."""
        with (
            self._sim.cursor().copy(digests(ours, group, self._limits, width)) as left,
            self._hes.cursor().copy(digests(theirs, group, self._limits, width)) as right,
        ):
            for mine, other in _merged(_read(left), _read(right)):
                self.outcome.meet(mine.rows if mine else 0, _either((mine, other)).day)
                if self._is_suspect(mine, other):
                    yield mine, other

    def _is_suspect(self, mine: _Digest | None, other: _Digest | None) -> bool:
        if mine is None or other is None or (mine.rows, mine.hashed) != (other.rows, other.hashed):
            return True
        return self._limits.late is not None and _is_late(mine.first, other.last, self._limits.late)

    def _judge(
        self, suspects: Sequence[tuple[_Digest | None, _Digest | None]], ours: sql.Composed, theirs: sql.Composed,
        columns: Sequence[str],
    ) -> None:  # fmt: skip
        """What is wrong in some meter-days: row by row, or when there is much of it already by day."""
        findings = self.outcome.findings
        if len(findings) < _LISTED:
            findings += self._look_closer([_either(pair)[:2] for pair in suspects], ours, theirs, columns)
            return
        both = [mine[:2] for mine, other in suspects if mine and other]
        findings += _by_day(self._look_closer(both, ours, theirs, columns)) if both else []
        for mine, other in suspects:
            if mine is None or other is None:
                one = _either((mine, other))
                findings.append(Finding(self._name, "missing" if mine else "extra", one.meter, one.day, rows=one.rows))

    def _look_closer(
        self, days: Sequence[tuple[str, str]], ours: sql.Composed, theirs: sql.Composed, columns: Sequence[str]
    ) -> Iterator[Finding]:
        said, stored = self._rows(self._sim, ours, days), self._rows(self._hes, theirs, days)
        for day in days:
            yield from self._of_day(day[0], said.get(day, {}), stored.get(day, {}), columns)

    def _rows(self, connection: Connection, rows: sql.Composed, days: Sequence[tuple[str, str]]) -> _Rows:
        parameters = {
            "first": self._limits.first,
            "last": self._limits.last,
            "serials": sorted({meter for meter, _ in days}),
            "meters": [meter for meter, _ in days],
            "days": [day for _, day in days],
        }
        found: _Rows = defaultdict(lambda: defaultdict(list))
        text = sql.SQL(rows.as_string(connection).replace("%", "%%"))
        details = sql.SQL(_QUERIES["details"]).format(rows=text)
        for meter, day, time, number, values, came in connection.execute(details, parameters):
            found[meter, day][time, number].append(_Stored(values, came))
        return found

    def _of_day(
        self, meter: str, said: Mapping[_Key, Sequence[_Stored]], stored: Mapping[_Key, Sequence[_Stored]],
        columns: Sequence[str],
    ) -> Iterator[Finding]:  # fmt: skip
        for key in sorted({*said, *stored}):
            ours, theirs = said.get(key, ()), stored.get(key, ())
            if not theirs or not ours:
                yield Finding(self._name, "extra" if theirs else "missing", meter, *key, rows=len(theirs or ours))
                continue
            if len(theirs) > len(ours):
                yield Finding(self._name, "duplicate", meter, *key, rows=len(theirs) - len(ours))
            if changed := next(filter(None, (_changed(columns, ours[0], one) for one in theirs)), None):
                yield Finding(self._name, "different", meter, *key, columns=changed)
            if self._limits.late and _is_late(ours[0].came, theirs[0].came, self._limits.late):
                yield Finding(self._name, "late", meter, *key)


def _changed(columns: Sequence[str], said: _Stored, stored: _Stored) -> dict[str, tuple[str | None, str | None]]:
    """What differs, but not differences to a row that one of both does not have."""
    both = zip(columns, said.values, stored.values, strict=True)
    return {
        column: (mine, other)
        for column, mine, other in both
        if mine != other and not (column in DERIVED and (mine is None or other == UNKNOWABLE))
    }


def _is_late(said: dt.datetime | None, came: dt.datetime | None, limit: dt.timedelta) -> bool:
    return said is not None and came is not None and came > said + limit


def _read(copy: Copy) -> Iterator[_Digest]:
    copy.set_types(("text", "text", "int8", "text", "timestamptz", "timestamptz"))
    return map(_Digest._make, copy.rows())


def _either(pair: tuple[_Digest | None, _Digest | None]) -> _Digest:
    one = pair[0] or pair[1]
    assert one is not None
    return one


def _by_day(findings: Iterable[Finding]) -> list[Finding]:
    rows = Counter[tuple[str, str, str, str]]()
    for one in findings:
        rows[one.table, one.kind, one.meter, one.day] += one.rows
    return [Finding(*about, rows=count) for about, count in rows.items()]


def _merged(left: Iterator[_Digest], right: Iterator[_Digest]) -> Iterator[tuple[_Digest | None, _Digest | None]]:
    """Both in order of meter and day; what only one side has comes with None."""
    mine, other = next(left, None), next(right, None)
    while mine or other:
        if other is None or (mine and mine[:2] < other[:2]):
            yield mine, None
            mine = next(left, None)
        elif mine is None or other[:2] < mine[:2]:
            yield None, other
            other = next(right, None)
        else:
            yield mine, other
            mine, other = next(left, None), next(right, None)
