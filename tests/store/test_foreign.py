# SPDX-License-Identifier: MIT
"""A database of somebody else's: `db init --fresh` drops nothing in it, and commands that look add nothing to it."""

from __future__ import annotations

import psycopg
import pytest
from typer.testing import CliRunner

from simulator.cli import app
from simulator.errors import UserError
from simulator.hes.database import HES, HesDatabase
from simulator.store.migrating import SIM, Migrations

FRESH, FRESH_HES = ("db", "init", "--fresh", "--database"), ("db", "init", "--hes", "--fresh", "--hes-database")


def run(database: str, *statements: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def refusal(*words: str) -> str:
    error = CliRunner().invoke(app, words).exception
    assert isinstance(error, UserError), error
    return str(error)


def relations(database: str) -> list[str]:
    with psycopg.connect(database) as connection:
        rows = connection.execute(
            "SELECT relnamespace::regnamespace || '.' || relname FROM pg_class"
            " WHERE relkind IN ('r', 'v') AND relnamespace::regnamespace::text IN ('sim', 'hes', 'public') ORDER BY 1"
        )
        return [name for (name,) in rows]


@pytest.mark.parametrize(
    "theirs",
    [
        ["CREATE TABLE sim.meters (id int, precious text)"],
        ["CREATE TABLE sim.schema_version (version text)", "CREATE TABLE sim.meters (id int)"],
    ],
)
def test_a_schema_of_somebody_else_is_not_emptied(database: str, theirs: list[str]) -> None:
    run(database, "DROP SCHEMA sim CASCADE", "CREATE SCHEMA sim", *theirs)
    before = relations(database)
    assert "not meterfleet's" in refusal(*FRESH, database)
    assert relations(database) == before


@pytest.mark.parametrize(
    "theirs",
    [
        ["CREATE SCHEMA hes", "CREATE TABLE hes.mine (a int)"],
        ["CREATE SCHEMA hes", "CREATE TABLE hes.settings (a int)", "CREATE TABLE public.meters (x int)"],
        ["CREATE TABLE public.meter_readings (x int)"],
    ],
)
def test_head_end_tables_of_somebody_else_are_not_made_anew(database: str, theirs: list[str]) -> None:
    run(database, *theirs)
    before = relations(database)
    assert "not meterfleet's" in refusal(*FRESH_HES, database)
    assert "not meterfleet's" in refusal("db", "init", "--hes", "--hes-database", database)
    assert relations(database) == before


@pytest.mark.parametrize("schema", ["sim", "hes"])
@pytest.mark.parametrize(
    ("theirs", "named"),
    [
        ("CREATE TABLE {}.my_notes (a int)", "{}.my_notes"),
        ("CREATE VIEW {}.\"My report\" AS SELECT 1 AS one", '{}."My report"'),
        ("CREATE VIEW public.my_days AS SELECT * FROM {}.daily_load_profile", "public.my_days"),
        ("CREATE MATERIALIZED VIEW public.my_days AS SELECT * FROM {}.daily_load_profile", "public.my_days"),
        ("CREATE FUNCTION {}.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'", "{}.mine"),
    ],
)  # fmt: skip
def test_what_somebody_put_beside_ours_is_named_and_kept(database: str, schema: str, theirs: str, named: str) -> None:
    with HesDatabase.open(database) as hes:
        hes.install()
    run(database, theirs.format(schema))
    before = relations(database)
    told = refusal(*(FRESH if schema == "sim" else FRESH_HES), database)
    assert told.startswith(f"{named.format(schema)}: not meterfleet's, and would be lost with schema {schema}; ")
    assert relations(database) == before


def test_a_table_that_later_migrations_make_may_be_somebody_elses_still(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        list(Migrations(connection, HES).deploy(3))
    run(database, "CREATE TABLE public.meter_events (mine int)")
    assert refusal(*FRESH_HES, database).startswith("public.meter_events: ")


@pytest.mark.parametrize("early", ["DROP TABLE hes.schema_version", "DELETE FROM hes.schema_version"])
def test_tables_of_an_early_meterfleet_are_made_anew(database: str, early: str) -> None:
    with HesDatabase.open(database) as hes:
        hes.install()
    run(database, early)
    assert CliRunner().invoke(app, [*FRESH_HES, database]).exit_code == 0
    with HesDatabase.open(database) as hes:
        assert hes.migrations().version() == HES.version


@pytest.mark.parametrize(
    ("newest", "kept"),
    [
        (9, "DELETE FROM sim.schema_version WHERE version <> 1"),  # of before there were migrations
        (7, ""),
        (SIM.version, "DELETE FROM sim.schema_version"),
        (SIM.version, "INSERT INTO sim.schema_version VALUES (99)"),
    ],
)
def test_a_store_of_another_version_is_emptied(database: str, newest: int, kept: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        migrations = Migrations(connection, SIM)
        list(migrations.revert(newest + 1))
        connection.execute(kept.encode())
        assert CliRunner().invoke(app, [*FRESH, database]).exit_code == 0
        assert migrations.version() == SIM.version


@pytest.mark.parametrize(
    "command",
    [
        "inventory",
        "verify",
        "db status",
        "db delete-meter 1",
        "events list",
        "alarms list",
        "alarms ack 1",
        "headend --once",
    ],
)
def test_who_only_looks_makes_no_schema(database: str, command: str) -> None:
    run(database, "DROP SCHEMA sim CASCADE")
    assert refusal(*command.split(), "--database", database).startswith("no fleet has ever been in this database; ")
    assert relations(database) == []
