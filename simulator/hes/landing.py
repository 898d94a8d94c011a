# SPDX-License-Identifier: MIT
"""Readings into the head-end's tables, a batch a transaction: COPY beside the table, then only what is new goes in.

What is there already stays untouched, so that reading a buffer again adds nothing and audits nothing.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql

from simulator.errors import StoreError, StoreUnavailable
from simulator.hes.copying import NULL, jsonable, lines, storable
from simulator.hes.tables import Row, Table
from simulator.store.connections import store_errors
from simulator.store.queries import statements

log = logging.getLogger(__name__)

Connection = psycopg.Connection[tuple[Any, ...]]
_QUERIES = statements("simulator.hes")
_MANY = 500  # rows
_PART = 250  # rows


@dataclass(frozen=True, slots=True)
class Registered:
    """A meter as public.meters knows it."""

    serial: str
    meter_type: str
    host: str | None
    port: int | None


@dataclass(frozen=True, slots=True)
class Push:
    """A notification that came; `values` by its position in the push setup's object list."""

    serial: str
    setup: str
    moment: dt.datetime
    received: dt.datetime
    payload: bytes
    values: Sequence[Any] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True)
class LogEntry:
    """An entry of the head-end's own log; `serial` empty: of the system."""

    event_type: str
    description: str
    serial: str = ""
    code: int = 0


@dataclass(frozen=True, slots=True)
class Landed:
    """How many rows are new or were changed, and the meters of which something could not be stored. `bugs`: by our own
    mistake; `forgotten`: meters of which the database holds nothing any more that it held before."""

    rows: int = 0
    refused: frozenset[str] = frozenset()
    bugs: int = 0
    forgotten: frozenset[str] = frozenset()

    def __add__(self, other: Landed) -> Landed:
        both = (self.refused | other.refused, self.bugs + other.bugs, self.forgotten | other.forgotten)
        return Landed(self.rows + other.rows, *both)


@dataclass(slots=True)
class Batch:
    """What is to land together."""

    rows: dict[Table, dict[str, list[Row]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))
    log: list[LogEntry] = field(default_factory=list)
    pushes: list[Push] = field(default_factory=list)
    setups: dict[str, Mapping[str, Any]] = field(default_factory=dict)  # what a meter is set to push, by serial
    status: dict[str, str] = field(default_factory=dict)  # CONNECTED or ERROR, by serial

    def add(self, table: Table, serial: str, rows: Iterable[Row]) -> None:
        self.rows[table][serial].extend(rows)

    def take(self, other: Batch) -> None:
        for table, meters in other.rows.items():
            for serial, rows in meters.items():
                self.rows[table][serial].extend(rows)
        self.log += other.log
        self.pushes += other.pushes
        self.setups |= other.setups
        self.status |= other.status

    @property
    def count(self) -> int:
        return sum(len(rows) for meters in self.rows.values() for rows in meters.values()) + len(self.pushes)

    def by_meter(self) -> dict[str, Batch]:
        """The same in parts; what belongs to no meter is under an empty serial number."""
        parts: dict[str, Batch] = defaultdict(Batch)
        for table, meters in self.rows.items():
            for serial, rows in meters.items():
                parts[serial].add(table, serial, rows)
        for push in self.pushes:
            parts[push.serial].pushes.append(push)
        for entry in self.log:
            parts[entry.serial].log.append(entry)
        for serial, configured in self.setups.items():
            parts[serial].setups[serial] = configured
        for serial, status in self.status.items():
            parts[serial].status[serial] = status
        return parts

    def by_table(self) -> list[Batch]:
        """The same in parts: the rows of each table, each push, what a meter is set to push, and the rest."""
        parts = [Batch(rows=defaultdict(lambda: defaultdict(list), {one: meters})) for one, meters in self.rows.items()]
        parts += [Batch(pushes=[push]) for push in self.pushes]
        parts += [Batch(setups=self.setups)] if self.setups else []
        parts += [Batch(log=self.log, status=self.status)] if self.log or self.status else []
        return parts


class Landing:
    """One connection's way into the tables. StoreUnavailable if the server is away."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.ids: Mapping[str, UUID] = {}
        self._objects: Mapping[str, str] = {}
        self._learn()

    def register(self, meters: Sequence[Registered], zone: str) -> None:
        """Meters that are not known yet, and where they are."""
        facts = [[getattr(one, name) for one in meters] for name in ("serial", "meter_type", "host", "port")]
        with store_errors():
            self._connection.execute(_QUERIES["register"].encode(), [zone, *facts])
        self._learn()

    def know(self, codes: Sequence[tuple[str, int, str, str]]) -> None:
        """Objects: logical name, class, name, unit."""
        with store_errors():
            self._connection.execute(_QUERIES["obis_codes"].encode(), [*map(list, zip(*codes, strict=True))])
        self._learn()

    def _learn(self) -> bool:
        """What ids meters and objects have; False if they are what was known."""
        before = self.ids, self._objects
        with store_errors():
            self.ids = dict(self._connection.execute(_QUERIES["meter_ids"].encode()).fetchall())
            self._objects = dict(self._connection.execute(_QUERIES["object_ids"].encode()).fetchall())
        return (self.ids, self._objects) != before

    def check(self) -> None:
        """StoreError if the tables are not to be had now."""
        with store_errors():
            self._connection.execute(_QUERIES["timezone"].encode())

    def land(self, batch: Batch) -> int:
        """How many rows are new, or were changed."""
        with store_errors(), self._connection.transaction():
            landed = sum(self._rows(table, meters) for table, meters in batch.rows.items())
            for serial, configured in batch.setups.items():
                self._run("configure", meter=self._id(serial), setups=json.dumps(configured))
            for push in batch.pushes:
                self._push(push)
            for entry in batch.log:
                self._log(entry)
            self._status(batch.status)
        return landed

    def land_each(self, batch: Batch) -> Landed:
        """If the whole cannot land, meter by meter, and table by table: what no table can hold, and what we have laid
        out wrong, costs itself only. Ids are asked anew before, for somebody may have deleted meters."""
        try:
            return Landed(self.land(batch))
        except StoreUnavailable:
            raise
        except Exception as error:
            if _is_about_ids(error) and self._learn():
                return self.land_each(batch)
            parts = batch.by_meter()
            if len(parts) > 1:
                return sum(map(self.land_each, parts.values()), Landed())
            serial = next(iter(parts), "")
            tables = batch.by_table()
            if len(tables) > 1 and (not serial or serial in self.ids):
                landed = sum(map(self.land_each, tables), Landed())
                failed = landed.refused & batch.status.keys() & self.ids.keys()
                self.land(Batch(status=dict.fromkeys(failed, "ERROR")))
                return landed
            return self._refuse(serial, error)

    def _refuse(self, serial: str, error: Exception) -> Landed:
        """What cannot land is said in the log; StoreError if that cannot be written, either."""
        is_bug = not isinstance(error, StoreError)
        if is_bug:
            log.error("a mistake of meterfleet's own while it stored what meter %s said", serial, exc_info=error)
        words = f"what the meter said cannot be stored: {error}"
        entry = LogEntry("INTERNAL_ERROR" if is_bug else "UNDECODABLE", words, serial if serial in self.ids else "")
        return Landed(self.land(Batch(log=[entry])), frozenset({serial}), is_bug)

    def _rows(self, table: Table, meters: Mapping[str, Sequence[Row]]) -> int:
        ids = [self._id(serial) for serial in meters]  # asked now if need be: while a COPY runs, nothing can be
        landed = self._merge(table, meters)
        if table.fill and landed:
            numbers = [row[len(table.key) - 2] for rows in meters.values() for row in rows]
            self._run(table.fill, meters=ids, first=min(numbers), last=max(numbers))
        return landed

    def _merge(self, table: Table, meters: Mapping[str, Sequence[Row]]) -> int:
        """Many rows are first taken for new; if one of them is not, and if they are few, they go beside the table."""
        words = _words(table)
        if sum(map(len, meters.values())) >= _MANY:
            with contextlib.suppress(psycopg.errors.UniqueViolation), self._connection.transaction():
                return self._copy(words["relation"], words["columns"], self._parts(table, meters))
        self._connection.execute(_template("landing_table").format(**words))
        self._copy(words["landing"], words["columns"], self._parts(table, meters))
        if table.is_record:
            self._connection.execute(_template("landing_changed").format(**words))
        return self._connection.execute(_template("landing_merge").format(**words)).rowcount

    def _parts(self, table: Table, meters: Mapping[str, Sequence[Row]]) -> Iterator[str]:
        """Some thousand octets at a time, so that the server takes in one while the next is laid out."""
        for serial, rows in meters.items():
            for at in range(0, len(rows), _PART):
                part = rows[at : at + _PART]
                yield lines(str(self._id(serial)), part, self._codes(table, part))

    def _copy(self, relation: sql.Composable, columns: sql.Composable, lines: Iterable[str]) -> int:
        cursor = self._connection.cursor()
        with cursor.copy(_template("landing_copy").format(relation=relation, columns=columns)) as copy:
            for part in lines:
                copy.write(part)
        return cursor.rowcount

    def _codes(self, table: Table, rows: Sequence[Row]) -> list[str]:
        """The ids of the objects that rows are of."""
        if table.code != "channel_id":
            return [self._objects.get(table.code, NULL)] * len(rows) if table.code else []
        at = table.columns.index("channel_id") - 1
        return [self._objects.get(row[at], NULL) for row in rows]

    def _push(self, push: Push) -> None:
        self._run(
            "push",
            meter=self._id(push.serial),
            setup=push.setup,
            moment=push.moment,
            received=push.received,
            payload=push.payload,
            status="FAILED" if push.problem else "SUCCESS",
            problem=storable(push.problem) or None,
            values=json.dumps([jsonable(value) for value in push.values]),
        )

    def _status(self, status: Mapping[str, str]) -> None:
        if not status:
            return
        ids = [self._id(serial) for serial in status]
        if self._run("meter_status", ids=ids, status=[*status.values()]) < len(ids):
            raise StoreError("a meter is no longer in public.meters")

    def _log(self, entry: LogEntry) -> None:
        meter = self._id(entry.serial) if entry.serial else None
        self._run("log", meter=meter, code=entry.code, type=entry.event_type, description=storable(entry.description))

    def _id(self, serial: str) -> UUID:
        if serial not in self.ids:  # another connection may have registered it meanwhile
            self._learn()
        if serial not in self.ids:
            raise StoreError(f"meter {serial} is not in public.meters")
        return self.ids[serial]

    def _run(self, name: str, **parameters: Any) -> int:
        """How many rows it concerned."""
        return self._connection.execute(_QUERIES[name].encode(), parameters).rowcount


class Memory:
    """What the tables already hold, asked of them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def last(self, relation: str, time: str) -> dict[str, Any]:
        """The newest time by meter, of what was read whole: before what came by itself there may be more."""
        query = _template("last").format(relation=_name(relation), time=sql.Identifier(time))
        with store_errors():
            return dict(self._connection.execute(query).fetchall())

    def in_use(self) -> set[str]:
        """Serial numbers of meters that are not RETIRED."""
        with store_errors():
            return {serial for (serial,) in self._connection.execute(_QUERIES["in_use"].encode())}

    def last_events(self) -> dict[str, dt.datetime]:
        """The newest entry of any event log by meter."""
        with store_errors():
            return dict(self._connection.execute(_QUERIES["last_events"].encode()).fetchall())

    def words(self) -> dict[str, bytes]:
        """The event status word that the newest alert has told, by meter."""
        with store_errors():
            rows = self._connection.execute(_QUERIES["last_words"].encode()).fetchall()
        return {serial: bytes.fromhex(word) for serial, word in rows}

    def push_lists(self) -> dict[tuple[str, str], list[tuple[int, str, int]]]:
        """Class, logical name and attribute of what each meter pushes, by meter and push setup."""
        found: dict[tuple[str, str], list[tuple[int, str, int]]] = defaultdict(list)
        with store_errors():
            for serial, setup, *reference in self._connection.execute(_QUERIES["push_lists"].encode()):
                found[serial, setup].append((reference[0], reference[1], reference[2]))
        return found

    def gaps(self) -> dict[str, list[tuple[dt.datetime, dt.datetime]]]:
        """The first and last missing block of each gap in the block profile, by meter."""
        found: dict[str, list[tuple[dt.datetime, dt.datetime]]] = defaultdict(list)
        with store_errors():
            for serial, first, last in self._connection.execute(_QUERIES["block_gaps"].encode()):
                found[serial].append((first, last))
        return found

    def scalers(self) -> dict[str, dict[tuple[str, str], int]]:
        """By meter, of CUMULATIVE or INTERVAL energies by object: powers of ten by which they were read."""
        found: dict[str, dict[tuple[str, str], int]] = defaultdict(dict)
        with store_errors():
            for serial, kind, obis, scaler in self._connection.execute(_QUERIES["last_scalers"].encode()):
                found[serial][kind, obis] = scaler
        return found

    def intervals(self) -> dict[tuple[str, str], list[float]]:
        """Interval energies of the newest two days by meter and reading type, oldest first."""
        with store_errors():
            rows = self._connection.execute(_QUERIES["last_intervals"].encode()).fetchall()
        return {(serial, kind): values for serial, kind, values in rows}

    def registers(self) -> dict[tuple[str, str], float]:
        """The newest cumulative energy by meter and reading type."""
        with store_errors():
            rows = self._connection.execute(_QUERIES["last_registers"].encode()).fetchall()
        return {(serial, kind): value for serial, kind, value in rows}


def _is_about_ids(error: Exception) -> bool:
    """A row refers to nothing; or it is ours, of a meter that is not there."""
    cause = error.__cause__
    return isinstance(error, StoreError) and (cause is None or isinstance(cause, psycopg.errors.ForeignKeyViolation))


def _words(table: Table) -> dict[str, sql.Composable]:
    identifiers = [sql.Identifier(column) for column in (*table.columns, *(["obis_code_id"] if table.code else []))]
    told = [sql.Identifier(column) for column in table.told]
    return {
        "relation": _name(table.relation),
        "landing": sql.Identifier("landing_" + table.relation.partition(".")[2]),
        "columns": sql.SQL(", ").join(identifiers),
        "key": sql.SQL(", ").join(map(sql.Identifier, table.key)),
        "changes": sql.SQL(", ").join(sql.SQL("{0} = EXCLUDED.{0}").format(column) for column in identifiers),
        "old": sql.SQL(", ").join(sql.SQL("old.{}").format(column) for column in told),
        "new": sql.SQL(", ").join(sql.SQL("EXCLUDED.{}").format(column) for column in told),
        "name": sql.Literal(table.relation),
        "time": sql.Identifier(table.key[1]),
        "differs": sql.SQL(" OR ").join(sql.SQL("old.{0} <> new.{0}").format(column) for column in told),
        "or_flagged": sql.SQL(_QUERIES["or_flagged"] if "validation_flags" in table.columns else ""),
        "or_whole": sql.SQL(_QUERIES["or_whole"] if "communication_status" in table.columns else ""),
    }


def _template(name: str) -> sql.SQL:
    return sql.SQL(_QUERIES[name])


def _name(relation: str) -> sql.Identifier:
    return sql.Identifier(*relation.split("."))
