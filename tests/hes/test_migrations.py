# SPDX-License-Identifier: MIT
"""Migrations: all of them make what the full files make, each can be verified and taken back, and sqitch agrees."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from pathlib import Path

import psycopg
import pytest
from live import eventually
from psycopg.conninfo import conninfo_to_dict
from typer.testing import CliRunner, Result

from simulator.cli import app
from simulator.errors import StoreError, UserError
from simulator.hes.database import HES, HesDatabase
from simulator.resources import data_root
from simulator.store.binaries import find_binaries
from simulator.store.database import Store
from simulator.store.migrating import SIM, Migrations, Plan

_PSQL_ONLY = re.compile(r"^\\(un)?restrict .*\n", re.MULTILINE)  # a random word in each dump
_BARE = "DROP SCHEMA sim CASCADE"
_OBJECTS = """
SELECT format('DROP %s %s.%I CASCADE', CASE relkind WHEN 'r' THEN 'TABLE' WHEN 'v' THEN 'VIEW' ELSE 'INDEX' END,
              relnamespace::regnamespace, relname)
FROM pg_class c WHERE relnamespace IN (SELECT oid FROM pg_namespace WHERE nspname IN ('hes', 'sim', 'public'))
  AND (relkind IN ('r', 'v') OR relkind = 'i' AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = c.oid))
UNION ALL
SELECT format('DROP FUNCTION %s CASCADE', oid::regprocedure) FROM pg_proc
WHERE pronamespace IN (SELECT oid FROM pg_namespace WHERE nspname IN ('hes', 'sim'))
UNION ALL
SELECT format('DROP TRIGGER %I ON %s', tgname, tgrelid::regclass) FROM pg_trigger WHERE NOT tgisinternal
UNION ALL
SELECT format('ALTER TABLE %s DROP COLUMN %I CASCADE', attrelid::regclass, attname) FROM pg_attribute
WHERE attnum > 0 AND NOT attisdropped AND attrelid IN (
    SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
    WHERE relkind = 'r' AND nspname IN ('hes', 'sim', 'public'))"""
PLANS = pytest.mark.parametrize("plan", [SIM, HES], ids=lambda plan: plan.project)
Connection = psycopg.Connection[tuple[object, ...]]


@pytest.fixture
def bare(fresh_server: Callable[[], str]) -> Iterator[Connection]:
    """A database with nothing in it, on each tier that can be had."""
    with psycopg.connect(fresh_server(), autocommit=True) as connection:
        connection.execute("DROP SCHEMA IF EXISTS sim CASCADE")
        yield connection


@pytest.fixture
def plain(database: str) -> Iterator[Connection]:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(_BARE.encode())
        yield connection


def make(connection: Connection, plan: Plan) -> None:
    """From the full files."""
    if plan is SIM:
        connection.execute((data_root() / "schema.sql").read_bytes())
    else:
        HesDatabase(connection).install()


def dumped(connection: Connection) -> str:
    """All that pg_dump says of the database, rows included, but not when they came."""
    program = find_binaries().folder / "pg_dump"
    words = [program, "--no-owner", "--column-inserts", "--exclude-schema=_timescaledb*", connection.info.dsn]
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    stamp = re.compile(r"'\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\S*'")
    return stamp.sub("'then'", _PSQL_ONLY.sub("", done.stdout))


@PLANS
def test_all_of_them_make_what_the_full_files_make(bare: Connection, plan: Plan) -> None:
    make(bare, plan)
    full = dumped(bare)
    assert f"CREATE TABLE {plan.schema}.schema_version" in full
    migrations = Migrations(bare, plan)
    assert migrations.version() == plan.version
    names = list(migrations.revert(1))
    assert names == list(reversed(plan.changes))
    assert bare.execute(
        "SELECT nspname FROM pg_namespace WHERE nspname IN ('hes', 'sim') UNION ALL"
        " SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
    ).fetchall() == []  # fmt: skip
    assert list(migrations.deploy()) == list(plan.changes)
    migrations.verify()
    assert dumped(bare) == full


def objects(connection: Connection) -> set[str]:
    """As statements that take one of them away."""
    return {str(statement) for (statement,) in connection.execute(_OBJECTS.encode())}


def misses(connection: Connection, plan: Plan, number: int, drop: str) -> bool:
    """Whether a change's verification finds it out that something is gone."""
    with connection.transaction(force_rollback=True):
        connection.execute(drop.encode())
        try:
            with connection.transaction():
                connection.execute(plan.script("verify", number))
        except (psycopg.ProgrammingError, psycopg.errors.DivisionByZero):
            return True
    return False


@PLANS
def test_a_change_is_not_verified_without_what_it_made(plain: Connection, plan: Plan) -> None:
    migrations = Migrations(plain, plan)
    before: set[str] = set()
    for number, name in enumerate(plan.changes, 1):
        assert list(migrations.deploy(number)) == [name]
        made = sorted(objects(plain) - before)
        assert [drop for drop in made if not misses(plain, plan, number, drop)] == []
        before = objects(plain)


def test_verifying_names_the_migration_that_is_not_whole(plain: Connection) -> None:
    HesDatabase(plain).install()
    plain.execute("DROP TRIGGER meter_readings_audit_trigger ON public.meter_readings")
    with pytest.raises(StoreError, match="06-triggers, verify"):
        Migrations(plain, HES).verify()


# ------------------------------------------------------------------------------------------------- by the command line


def call(*words: str) -> Result:
    return CliRunner().invoke(app, ["db", *words])


def test_there_and_back_again(database: str) -> None:
    """A step forward, the rest, two back, and what the user is told of each."""
    hes = ("migrate", "--hes", "--hes-database", database)
    assert call(*hes, "--to", "02-readings", "--timezone", "Europe/Berlin").stdout.splitlines() == [
        "deployed 01-meters",
        "deployed 02-readings",
        "schema hes has version 2; the newest is 12",
    ]
    with HesDatabase.open(database) as tables, pytest.raises(UserError, match="db migrate --hes` brings it there"):
        tables.install()
    assert "deployed 12-daily-check" in call(*hes).stdout
    behind = call(*hes, "--to", "07-policies").stdout
    assert "schema hes has version 12; the newest is 12\n--to never goes back; --revert takes back" in behind
    status = call("status", "--database", database)
    assert "schema hes: version 12 of 12" in status.stdout
    assert f"schema  {SIM.version}" in status.stdout
    with HesDatabase.open(database) as tables:
        assert tables.timezone() == "Europe/Berlin"
        assert not tables.install()
    assert call(*hes, "--revert", "daily-aggregate").stdout.startswith(
        "reverted 12-daily-check\nreverted 11-continuous-aggregate\nreverted 10-"
    )
    assert "there is no migration 'nine'; there are 01-meters, " in str(call(*hes, "--to", "nine").exception)
    assert "give one of them" in str(call(*hes, "--to", "1", "--revert", "1").exception)
    assert "there is no time zone" in str(call(*hes, "--timezone", "Europe/Berlinn").exception)


async def test_a_fleet_that_runs_is_not_migrated_under_its_feet(database: str) -> None:
    store = await Store.open(database)
    try:
        assert await store.lock_fleet()
        assert "stop it first" in str(call("migrate", "--database", database).exception)
        assert "no migration 'nope'" in str(call("migrate", "--to", "nope", "--database", database).exception)
    finally:
        await store.close()


async def test_a_store_of_another_version_says_what_to_do(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        list(Migrations(connection, SIM).revert(SIM.version))
        store = await Store.open(database)
        with pytest.raises(UserError, match="meterfleet db migrate` brings it there"):
            await store.ensure_schema()
        assert call("migrate", "--database", database).stdout.startswith(f"deployed {SIM.changes[-1]}\n")
        await store.ensure_schema()
        await store.close()


@pytest.mark.parametrize(("whole", "version"), [(1, 9), (2, 10)])
def test_a_store_of_before_there_were_migrations_is_all_of_the_first(database: str, whole: int, version: int) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("DELETE FROM sim.schema_version WHERE version <> %s", [whole])
        assert Migrations(connection, SIM).version() == version


def test_a_change_that_fails_leaves_the_version_before_it(plain: Connection) -> None:
    migrations = Migrations(plain, HES)
    list(migrations.deploy(4))
    plain.execute("CREATE TABLE hes.push_objects (theirs integer)")
    with pytest.raises(StoreError, match=r"05-pushes, deploy: .*push_objects"):
        list(migrations.deploy())
    assert migrations.version() == 4
    assert plain.execute("SELECT to_regclass('hes.push_setups')").fetchone() == (None,)


def test_who_makes_the_tables_waits_for_who_migrates_them(plain: Connection) -> None:
    """A head-end that starts meanwhile: one lock is for both, or one would meet what the other has half made."""
    done = Migrations(plain, HES).deploy()
    next(done)
    with ThreadPoolExecutor(1) as pool, psycopg.connect(plain.info.dsn, autocommit=True) as other:
        installed = pool.submit(HesDatabase(other).install)
        waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        eventually(lambda: plain.execute(waiting).fetchone() == (1,))
        assert len(list(done)) == HES.version - 1
        assert installed.result() is False


def test_who_migrates_is_told_of_who_makes_the_tables(plain: Connection) -> None:
    with psycopg.connect(plain.info.dsn, autocommit=True) as other:
        with other.transaction():
            HesDatabase(other).install()
            with pytest.raises(UserError, match="migrates this database now"):
                next(Migrations(plain, HES).deploy())
        assert list(Migrations(plain, HES).deploy()) == []


def test_tables_that_are_made_anew_are_missing_to_nobody(plain: Connection) -> None:
    """`db init --hes --fresh` beside a head-end that runs."""
    database = HesDatabase(plain)
    database.install("Europe/Berlin")
    with psycopg.connect(plain.info.dsn, autocommit=True) as other, other.transaction():
        HesDatabase(other).renew("Asia/Kolkata")
        plain.execute("SET lock_timeout = '100ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            database.timezone()
    assert database.timezone() == "Asia/Kolkata"


# ------------------------------------------------------------------------------------------------------- by sqitch


def sqitch(connection: Connection, plan: Plan, *words: str, home: Path) -> str:
    if not (program := shutil.which("sqitch")):
        pytest.skip("no sqitch here: apt-get install sqitch libdbd-pg-perl postgresql-client")
    parts = conninfo_to_dict(connection.info.dsn)
    target = f"db:pg://{parts['user']}@/{parts['dbname']}?host={parts['host']}"
    environment = {
        "PATH": f"{find_binaries().folder}:{os.environ['PATH']}", "HOME": str(home), "PGOPTIONS": "-c hes.timezone=UTC",
        "SQITCH_FULLNAME": "Test", "SQITCH_EMAIL": "test@meterfleet.invalid",
    }  # fmt: skip
    folder = str(files(plan.package).joinpath("migrations"))
    done = subprocess.run(
        [program, "--chdir", folder, *words, "--target", target],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


@PLANS
def test_sqitch_runs_the_same_files(plain: Connection, tmp_path: Path, plan: Plan) -> None:
    sqitch(plain, plan, "deploy", "--verify", home=tmp_path)
    migrations = Migrations(plain, plan)
    assert migrations.version() == plan.version
    assert "Verify successful" in sqitch(plain, plan, "verify", home=tmp_path)
    with pytest.raises(UserError, match="sqitch keeps the migrations"):
        list(migrations.revert(1))
    sqitch(plain, plan, "revert", "-y", home=tmp_path)
    assert migrations.version() == 0


def test_sqitch_takes_over_what_the_command_line_has_made(plain: Connection, tmp_path: Path) -> None:
    """As docs/migrations.md says."""
    HesDatabase(plain).install()
    sqitch(plain, HES, "deploy", "--log-only", home=tmp_path)
    sqitch(plain, HES, "verify", home=tmp_path)
    sqitch(plain, HES, "revert", "-y", "--to", "09-compression", home=tmp_path)
    assert Migrations(plain, HES).version() == 9
