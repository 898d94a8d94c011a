# SPDX-License-Identifier: MIT
"""What meters said against what a head-end stored, by table, meter and day.

Both databases make one hash per meter and day; only where these differ do rows come here. Nothing is written.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import psycopg
from psycopg import sql

from simulator.errors import UserError
from simulator.hes.maps import TRUTHS, TableMap, Truth, is_time
from simulator.store.connections import store_errors, without_password
from simulator.store.queries import statements

KINDS = ("missing", "extra", "different", "duplicate", "late")
_QUERIES = statements("simulator.hes")
_FETCH = 5_000
_DAYS_AT_ONCE = 200
Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Group:
    """Meters that tell alike. `is_single`: their numbers are float32, so no finer than that can be asked for."""

    serials: tuple[str, ...]
    is_single: bool = False
    told: Mapping[str, frozenset[str]] = field(default_factory=dict)  # columns by table


@dataclass(frozen=True, slots=True)
class Limits:
    first: dt.datetime | None = None  # as the meters' clocks show it
    last: dt.datetime | None = None
    late: dt.timedelta | None = None  # after the simulator's own row


class Finding(NamedTuple):
    """One row that is not as it should be; `columns`: what was said and what is stored, of those that differ."""

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
    """Of one table. `days` are meter-days that were compared."""

    table: str
    rows: int = 0
    days: int = 0
    findings: list[Finding] = field(default_factory=list)

    def count(self, kind: str) -> int:
        return sum(one.rows for one in self.findings if one.kind == kind)


class _Digest(NamedTuple):
    meter: str
    day: str
    rows: int
    md5: str
    first: dt.datetime | None  # when the first and the last row of the day came
    last: dt.datetime | None


class _Stored(NamedTuple):
    values: list[str | None]
    came: dt.datetime | None


_Key = tuple[str, str]
_Rows = dict[tuple[str, str], dict[_Key, list[_Stored]]]


@contextmanager
def reading(dsn: str) -> Iterator[Connection]:
    """A connection that can only read; UserError if the DSN is none."""
    try:
        with store_errors(), psycopg.connect(dsn, connect_timeout=5) as connection:
            connection.execute(_QUERIES["read_only"].encode())
            yield connection
    except psycopg.ProgrammingError as error:
        raise UserError(without_password(f"{dsn!r} cannot be read: {str(error).splitlines()[0]}")) from None


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
            ours, theirs = (
                _truth_rows(self._truth, columns, group, self._table),
                _their_rows(self._table, columns, group),
            )
            suspects = []
            for meter_day in self._suspects(ours, theirs, group):
                suspects.append(meter_day)
                if len(suspects) == _DAYS_AT_ONCE:
                    self._look_closer(suspects, ours, theirs, columns)
                    suspects = []
            if suspects:
                self._look_closer(suspects, ours, theirs, columns)
        return self.outcome

    def _columns(self, group: Group) -> list[str]:
        told = group.told.get(self._name, frozenset()) if self._table.only_told else self._truth.columns
        return sorted(told.intersection(self._table.columns))

    def _suspects(self, ours: sql.Composed, theirs: sql.Composed, group: Group) -> Iterator[tuple[str, str]]:
        """Meter-days whose hashes differ, or that may have a row which came late."""
        left, right = self._digests(self._sim, "ours", ours, group), self._digests(self._hes, "theirs", theirs, group)
        for mine, other in _merged(left, right):
            self.outcome.days += 1
            self.outcome.rows += mine.rows if mine else 0
            if mine is None or other is None or (mine.rows, mine.md5) != (other.rows, other.md5):
                some = mine or other
                assert some is not None
                yield some.meter, some.day
            elif self._limits.late and mine.first and other.last and other.last > mine.first + self._limits.late:
                yield mine.meter, mine.day

    def _digests(self, connection: Connection, name: str, rows: sql.Composed, group: Group) -> Iterator[_Digest]:
        limits = {"first": self._limits.first, "last": self._limits.last, "serials": list(group.serials)}
        with connection.cursor(name) as cursor:
            cursor.itersize = _FETCH
            cursor.execute(_template("digests").format(rows=rows), limits)
            for row in cursor:
                yield _Digest(*row)

    def _look_closer(
        self, days: Sequence[tuple[str, str]], ours: sql.Composed, theirs: sql.Composed, columns: Sequence[str]
    ) -> None:
        said, stored = self._rows(self._sim, ours, days), self._rows(self._hes, theirs, days)
        for meter_day in days:
            found = self._of_day(meter_day[0], said.get(meter_day, {}), stored.get(meter_day, {}), columns)
            self.outcome.findings.extend(found)

    def _rows(self, connection: Connection, rows: sql.Composed, days: Sequence[tuple[str, str]]) -> _Rows:
        parameters = {
            "first": self._limits.first,
            "last": self._limits.last,
            "serials": sorted({meter for meter, _ in days}),
            "meters": [meter for meter, _ in days],
            "days": [day for _, day in days],
        }
        found: _Rows = defaultdict(lambda: defaultdict(list))
        for meter, day, time, number, values, came in connection.execute(
            _template("details").format(rows=rows), parameters
        ):
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
            values = next((one.values for one in theirs if one.values != ours[0].values), None)
            if values is not None:
                both = zip(columns, ours[0].values, values, strict=True)
                changed = {column: (mine, other) for column, mine, other in both if mine != other}
                yield Finding(self._name, "different", meter, *key, columns=changed)
            if self._limits.late and _is_late(ours[0].came, theirs[0].came, self._limits.late):
                yield Finding(self._name, "late", meter, *key)


def _is_late(said: dt.datetime | None, came: dt.datetime | None, limit: dt.timedelta) -> bool:
    return said is not None and came is not None and came > said + limit


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


def _truth_rows(truth: Truth, columns: Iterable[str], group: Group, table: TableMap) -> sql.Composed:
    """What a table without a number cannot tell apart comes once; as do equal events of one second, but not pushes."""
    number = truth.number if table.number else "0"
    values = [_shown(f"t.{column}", column, group) for column in columns]
    source = f"{truth.relation} t {truth.joined}"
    is_once = not truth.columns and (truth.is_log or not table.number)
    return _rows(
        "truth_once" if is_once else "rows", "m.meter_number", truth.time, number, values, "t.created_at", source
    )


def _their_rows(table: TableMap, columns: Iterable[str], group: Group) -> sql.Composed:
    values = [_shown(table.columns[column], column, group) for column in columns]
    number = f"({table.number})" if table.number else "0"
    return _rows("rows", f"({table.meter})", table.clock, number, values, table.arrived, table.source)


def _rows(
    name: str, meter: str, time: str, number: str, values: Sequence[str], came: str | None, source: str
) -> sql.Composed:
    words = {
        "meter": meter,
        "time": time,
        "number": number,
        "values": f"ARRAY[{', '.join(values)}]::text[]",
        "came": came or "NULL",
        "source": source,
    }
    return _template(name).format(**{key: sql.SQL(text.replace("%", "%%")) for key, text in words.items()})


def _shown(expression: str, column: str, group: Group) -> str:
    """One text for equal values: decimals without zeros at their end, or as near as float32 can tell."""
    if column == "status_word":
        return f"({expression})::text"
    if is_time(column):
        return f"to_char(({expression})::timestamp, 'YYYY-MM-DD HH24:MI:SS')"
    if group.is_single:
        return f"(({expression})::real)::text"
    return f"trim_scale(({expression})::numeric)::text"


def _template(name: str) -> sql.SQL:
    return sql.SQL(_QUERIES[name])
