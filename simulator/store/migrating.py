# SPDX-License-Identifier: MIT
"""A schema brought from one version to another by numbered scripts: deploy, verify, revert.

The scripts and their plan are sqitch's, too. Each script is one transaction of its own and notes its number in the
schema's table schema_version, so that it does not matter who ran it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import psycopg
from psycopg import sql

from simulator.errors import StoreError, UserError
from simulator.store.connections import store_errors
from simulator.store.queries import query, template

Connection = psycopg.Connection[tuple[Any, ...]]
_CHANGE = re.compile(r"^(\d+)-\S+", re.MULTILINE)
_MADE = re.compile(rb"CREATE (?:OR REPLACE )?(?:TABLE|(?:MATERIALIZED )?VIEW|FUNCTION) (\w+\.\w+)")
_NAMED = 8


@dataclass(frozen=True, slots=True)
class Plan:
    """The folder `migrations` of a package, which makes one schema; `changes` begin with their numbers, 01 onwards."""

    package: str
    schema: str
    project: str  # as sqitch.plan names it
    changes: tuple[str, ...]

    @property
    def version(self) -> int:
        """Of the schema when all changes are in it."""
        return len(self.changes)

    def script(self, kind: str, number: int) -> bytes:
        """`kind`: deploy, verify or revert."""
        return files(self.package).joinpath("migrations", kind, f"{self.changes[number - 1]}.sql").read_bytes()

    def made_by(self, version: int) -> dict[str, str | list[str]]:
        """What the statement `strangers` needs to tell from others what a version has; 0: that may be anything."""
        ours, names = self._made(min(version or self.version, self.version)), self._made(self.version)
        return {"schema": self.schema, "ours": ours, "names": names}

    def _made(self, last: int) -> list[str]:
        scripts = (self.script("deploy", number) for number in range(1, last + 1))
        return [name.decode() for script in scripts for name in _MADE.findall(script)]

    def number(self, change: str) -> int:
        """Of a change by its name, with or without its number in front; UserError if there is none."""
        for number, name in enumerate(self.changes, 1):
            if change in (name, name.partition("-")[2], str(number)):
                return number
        raise UserError(f"there is no migration {change!r}; there are {', '.join(self.changes)}")


@cache
def read_plan(package: str, schema: str) -> Plan:
    text = files(package).joinpath("migrations", "sqitch.plan").read_text("utf-8")
    project = text.partition("%project=")[2].partition("\n")[0]
    return Plan(package, schema, project, tuple(found.group(0) for found in _CHANGE.finditer(text)))


SIM = read_plan("simulator.store", "sim")


def misfit(plan: Plan, version: int) -> UserError:
    """What to do with a schema that is older or newer than this program."""
    words = f"schema {plan.schema} has version {version} and this program needs version {plan.version}"
    if version > plan.version:
        return UserError(f"{words}; update meterfleet, or use another database")
    option = "" if plan is SIM else f" --{plan.schema}"
    return UserError(f"{words}; `meterfleet db migrate{option}` brings it there")


def lost_with(plan: Plan, strangers: Sequence[str]) -> UserError:
    """Why a schema is not dropped."""
    more = f" and {len(strangers) - _NAMED} more" if len(strangers) > _NAMED else ""
    return UserError(
        f"{', '.join(strangers[:_NAMED])}{more}: not meterfleet's, and would be lost with schema {plan.schema}; "
        "move tables elsewhere first (ALTER TABLE ... SET SCHEMA ...), and drop views and functions"
    )


class Migrations:
    """Of one schema on a connection in autocommit mode, which nobody else migrates meanwhile."""

    def __init__(self, connection: Connection, plan: Plan) -> None:
        self._connection, self.plan = connection, plan
        if plan is SIM:
            connection.execute(query("adopt_schema"))

    def version(self) -> int:
        """0 if the schema is not there."""
        ((present,),) = self._connection.execute(query("has_version"), [f"{self.plan.schema}.schema_version"])
        if not present:
            return 0
        ((version,),) = self._connection.execute(template("version_of").format(schema=sql.Identifier(self.plan.schema)))
        return int(version)

    def deploy(self, last: int | None = None) -> Iterator[str]:
        """Up to change number `last`, or all; each name comes when its change is in and verified."""
        with self._alone():
            for number in range(self.version() + 1, (last or self.plan.version) + 1):
                self._run("deploy", number)
                self._run("verify", number)
                yield self.plan.changes[number - 1]

    def revert(self, first: int) -> Iterator[str]:
        """From the newest change back to number `first`, which goes, too; with the data in what they have made."""
        with self._alone():
            for number in range(self.version(), first - 1, -1):
                self._run("revert", number)
                yield self.plan.changes[number - 1]

    def verify(self) -> None:
        """StoreError if something of a change that is in the schema is missing."""
        for number in range(1, self.version() + 1):
            self._run("verify", number)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Nobody else migrates the schema: no other program now, and sqitch never has."""
        if self._connection.execute(query("migration_lock")).fetchone() != (True,):
            raise UserError("another meterfleet migrates this database now")
        try:
            if (version := self.version()) > self.plan.version:
                raise misfit(self.plan, version)
            if self._is_sqitchs():
                raise UserError(
                    f"sqitch keeps the migrations of schema {self.plan.schema} in this database; go on with sqitch "
                    "(docs/migrations.md)"
                )
            yield
        finally:
            self._connection.execute(query("migration_unlock"))

    def _is_sqitchs(self) -> bool:
        """Whether its registry knows the project."""
        ((kept,),) = self._connection.execute(query("has_version"), ["sqitch.changes"])
        return bool(kept) and self._connection.execute(query("kept_by_sqitch"), [self.plan.project]).fetchone() == (
            True,
        )

    def _run(self, kind: str, number: int) -> None:
        try:
            with store_errors():
                self._connection.execute(self.plan.script(kind, number))
        except StoreError as error:
            self._connection.rollback()
            raise type(error)(f"migration {self.plan.changes[number - 1]}, {kind}: {error}") from error.__cause__
