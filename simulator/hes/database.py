# SPDX-License-Identifier: MIT
"""The head-end's database: made, described and kept in order, with whatever TimescaleDB the server has.

Three tiers from one set of tables: plain PostgreSQL, hypertables (Apache licence), all of it (Timescale licence).
What a tier lacks is done by `maintain`, or said.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, NamedTuple

import psycopg
from psycopg import sql

from simulator.errors import UserError
from simulator.store.connections import connected
from simulator.store.migrating import Migrations, lost_with, misfit, read_plan
from simulator.store.queries import query, statements

HES = read_plan("simulator.hes", "hes")
DEFAULT_ZONE = "Asia/Kolkata"
_FULL = (
    "plain.sql", "apache.sql", "community.sql", "aggregate_view.sql", "aggregate_community.sql", "check_view.sql",
)  # fmt: skip
_FILES = files(__package__)
Connection = psycopg.Connection[tuple[Any, ...]]


_QUERIES = statements("simulator.hes")


class Policy(NamedTuple):
    """What a relation is promised, and who keeps the promise: emulated, apache or timescale."""

    relation: str
    kind: str  # hypertable, retention, compression, aggregate
    time_column: str
    span: dt.timedelta | None
    provided_by: str

    @property
    def kept_by(self) -> str:
        """`provided_by`, or that nobody keeps it: compression is not emulated."""
        is_kept = self.kind != "compression" or self.provided_by != "emulated"
        return self.provided_by if is_kept else "not on this tier"


@dataclass(frozen=True, slots=True)
class Step:
    """One act of maintenance."""

    relation: str
    what: str
    rows: int = 0


class HesDatabase:
    """Make one with `HesDatabase.open`; it is a context manager."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    @classmethod
    @contextmanager
    def open(cls, dsn: str) -> Iterator[HesDatabase]:
        """UserError if the DSN is none; StoreUnavailable if the server is away."""
        with connected(dsn) as connection:
            connection.execute(_QUERIES["session"].encode())
            yield cls(connection)

    # -- made ---------------------------------------------------------------------------------------------------

    def install(self, zone: str | None = None) -> bool:
        """Make what is missing, as far as the tier goes; False if all was there. `zone`: as in `agreed_zone`."""
        with self.connection.transaction():
            self._run("lock")
            version = self.migrations().version()
            if version and version != HES.version:
                raise misfit(HES, version)
            self.use_timezone(self.agreed_zone(zone))
            if version:
                return False
            self._check_timescale()
            for name in _FULL:
                self.connection.execute(_FILES.joinpath("sql", name).read_bytes())
        return True

    def _check_timescale(self) -> None:
        rows = self._read("timescale")
        if rows and is_too_old(rows[0][0]) and self._read("license") == [("timescale",)]:
            raise UserError(
                f"TimescaleDB {rows[0][0]} has no continuous aggregate with an offset; it must be 2.15 or newer, or "
                "timescaledb.license be 'apache'"
            )

    def migrations(self) -> Migrations:
        """UserError if the tables are of before there were migrations, or not ours."""
        is_there = self._is_there()
        found = Migrations(self.connection, HES)
        if is_there and not found.version():
            raise UserError("the head-end's tables are of an early meterfleet; `db init --hes --fresh` makes them anew")
        return found

    def _is_there(self) -> bool:
        """Of whatever version; UserError if somebody else's tables are in the place."""
        ((is_ours, is_taken),) = self._read("present")
        if is_taken and not is_ours:
            raise UserError(
                "the database has a schema `hes`, or tables meters, meter_readings or meter_events in `public`, "
                "that are not meterfleet's; use another one"
            )
        return bool(is_ours)

    def agreed_zone(self, wanted: str | None) -> str:
        """Of the meters' days: what the tables have, or else is wanted; UserError if they have another one."""
        if wanted and self._read("is_timezone", timezone=wanted) != [(True,)]:
            raise UserError(f"there is no time zone {wanted!r}; write for example Asia/Kolkata or UTC")
        if not self.is_installed():
            return wanted or DEFAULT_ZONE
        if wanted and wanted != (zone := self.timezone()):
            raise UserError(
                f"--timezone {wanted}: the days of these tables are those of {zone}; leave it out, or make the tables "
                f"anew, without their data, by `meterfleet db init --hes --fresh --timezone {wanted}`"
            )
        return self.timezone()

    def use_timezone(self, zone: str) -> None:
        """Of the meters' days, for tables that this connection makes."""
        self._run("set_timezone", timezone=zone)

    def renew(self, zone: str | None = None) -> None:
        """All of it made anew, without its data; others see what was, or what is. UserError if somebody else's tables
        would be lost."""
        with self.connection.transaction():
            self._run("lock")
            if self._is_there():
                self._refuse_strangers()
                self._run("drop")
            self.install(zone)

    def _refuse_strangers(self) -> None:
        made = HES.made_by(Migrations(self.connection, HES).version())
        if strangers := [name for (name,) in self.connection.execute(query("strangers"), made)]:
            raise lost_with(HES, strangers)

    # -- described ----------------------------------------------------------------------------------------------

    def is_installed(self) -> bool:
        return bool(self._read("present")[0][0])

    def timezone(self) -> str:
        """Of the meters' days."""
        return str(self._read("timezone")[0][0])

    def tier(self) -> str:
        """`none`, `apache` or `timescale`."""
        return str(self._read("tier")[0][0])

    def hint(self) -> str | None:
        """How to get a higher tier on this server, if there is a way."""
        rows = self._read("could_have")
        if not rows:
            return None
        return f"TimescaleDB {rows[0][0]} is here; CREATE EXTENSION timescaledb before `db init --hes` uses it"

    def policies(self) -> list[Policy]:
        return [Policy(*row) for row in self._read("policies")]

    # -- kept in order ------------------------------------------------------------------------------------------

    def maintain(self, *, dry_run: bool = False) -> list[Step]:
        """Delete what is older than its retention, where the server does not do it by itself, and bring statistics up
        to date; with `dry_run` only say so."""
        steps = [self._expire(policy, dry_run=dry_run) for policy in self.policies() if policy.kind == "retention"]
        for policy in self.policies():
            if policy.kind == "hypertable":
                steps.append(Step(policy.relation, "statistics brought up to date"))
                if not dry_run:
                    self.connection.execute(_template("analyze").format(relation=_relation(policy.relation)))
            elif policy.kind == "compression" and policy.kept_by != policy.provided_by:
                steps.append(Step(policy.relation, "not compressed: this tier has no compression"))
        expired = {step.relation: step.rows for step in steps if step.rows}
        if expired and not dry_run:
            self._run("note", description="rows beyond their retention were deleted", data=json.dumps(expired))
        return steps

    def _expire(self, policy: Policy, *, dry_run: bool) -> Step:
        if policy.provided_by == "timescale":
            return Step(policy.relation, "retention is kept by the server")
        if policy.span is None:
            return Step(policy.relation, "kept for ever")
        what = {"relation": _relation(policy.relation), "column": sql.Identifier(policy.time_column)}
        statement = _template("count_expired" if dry_run else "delete_expired")
        newest = _template("newest").format(**what)
        cursor = self.connection.execute(statement.format(newest=newest, span=sql.Literal(policy.span), **what))
        row = cursor.fetchone() if dry_run else None
        count = int(row[0]) if row else cursor.rowcount
        return Step(policy.relation, f"rows older than {policy.span.days} days deleted", count)

    # -- statements ---------------------------------------------------------------------------------------------

    def _run(self, name: str, **parameters: Any) -> None:
        self.connection.execute(_QUERIES[name].encode(), parameters or None)

    def _read(self, name: str, **parameters: Any) -> list[tuple[Any, ...]]:
        return self.connection.execute(_QUERIES[name].encode(), parameters or None).fetchall()


def is_too_old(version: str) -> bool:
    """Of TimescaleDB: for a continuous aggregate of time_bucket with an offset."""
    major, minor = (int(part) for part in version.split("-")[0].split(".")[:2])
    return (major, minor) < (2, 15)


def _template(name: str) -> sql.SQL:
    return sql.SQL(_QUERIES[name])


def _relation(name: str) -> sql.Identifier:
    return sql.Identifier(*name.split("."))
