# SPDX-License-Identifier: GPL-2.0-only
"""What the reference head-end lives through while it runs on a schedule, seen from outside its process."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from databases_bench import headend_line, started
from live import DEADLINE_S, Spawned, eventually, free_port, run, spawned, sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from simulator.store.embedded import EmbeddedPostgres

_METERS = 3
_AT = ("--start", "2025-06-02T10:00:00+05:30", "--speed", 0, "--history", "1d", "--seed", 67)


@pytest.fixture(scope="module")
def fleet(postgres: EmbeddedPostgres) -> Iterator[Spawned]:
    with spawned(postgres.home, _METERS, *_AT) as fleet:
        yield fleet


@contextmanager
def headend(fleet: Spawned, dsn: str, *words: object) -> Iterator[subprocess.Popen[str]]:
    process = started(
        *headend_line(fleet, dsn, "--every", "1s", "--profiles", "block,daily", *words), home=fleet.log.parent
    )
    try:
        eventually(lambda: sql(dsn, "SELECT to_regclass('hes.settings') IS NOT NULL")[0][0])
        eventually(lambda: is_complete(fleet, dsn))
        yield process
    finally:
        process.kill()
        process.wait(DEADLINE_S)
        assert process.stderr is not None
        process.stderr.close()


_READ = "SELECT (SELECT count(*) FROM {0}.block_load_profile), (SELECT count(*) FROM {0}.daily_load_profile)"


def is_complete(fleet: Spawned, dsn: str) -> bool:
    return sql(dsn, _READ.format("hes")) == fleet.sql(_READ.format("sim"))


def test_tables_that_are_made_anew_are_filled_again(fleet: Spawned, empty: str) -> None:
    """Meters and objects have other ids then, and all that was read of them is to be read again."""
    with headend(fleet, empty) as process:
        done = run("db", "init", "--hes", "--fresh", "--hes-database", empty, home=fleet.log.parent)
        assert done.returncode == 0, done.stderr
        eventually(lambda: is_complete(fleet, empty))
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 0, errors
    tables = ("--tables", "block_load_profile,daily_load_profile")
    done = run("verify", "--database", fleet.dsn, "--hes", empty, *tables, "--json", home=fleet.log.parent)
    assert json.loads(done.stdout)["findings"] == []
    assert sql(empty, "SELECT count(*) FROM hes.block_load_profile WHERE obis_code_id IS NULL") == [(0,)]


def test_an_inventory_of_serial_numbers_and_places_is_enough(fleet: Spawned, empty: str, tmp_path: Path) -> None:
    """Nobody can be told by name who calls, and pushes by what they say of themselves."""
    entries = json.loads(run("inventory", "--json", "--database", fleet.dsn, home=fleet.log.parent).stdout)
    names = ("device_id", "logical_device_name", "system_title")
    inventory = tmp_path / "meters.json"
    inventory.write_text(json.dumps([{key: one[key] for key in one if key not in names} for one in entries]))
    places = ("--listen", f"127.0.0.1:{free_port()}", "--accept", f"127.0.0.1:{free_port()}")
    words = ("--inventory", inventory, "--hes-database", empty, "--once", "--profiles", "daily", *places)
    done = run("headend", *words, home=fleet.log.parent)
    assert (done.returncode, f"{_METERS} reads of meters, 0 given up" in done.stderr) == (0, True), done.stderr


def test_the_second_interrupt_does_not_wait_for_meters_that_stall(fleet: Spawned, empty: str, tmp_path: Path) -> None:
    (entry, *_) = json.loads(run("inventory", "--json", "--database", fleet.dsn, home=fleet.log.parent).stdout)
    inventory = tmp_path / "meters.json"
    with socket.create_server(("127.0.0.1", 0)) as silent:
        inventory.write_text(json.dumps([entry | {"host": "127.0.0.1", "port": silent.getsockname()[1]}]))
        words = ("headend", "--inventory", inventory, "--hes-database", empty, "--timeout", 600)
        process = started(*words, home=fleet.log.parent)
        assert process.stderr is not None
        with silent.accept()[0], process.stderr:
            process.send_signal(signal.SIGINT)
            assert "again" in process.stderr.readline()
            process.send_signal(signal.SIGINT)
            assert process.wait(DEADLINE_S) == -signal.SIGINT


def allow(empty: str, connections: str) -> None:
    name = str(conninfo_to_dict(empty)["dbname"])
    with psycopg.connect(make_conninfo(empty, dbname="postgres"), autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS {connections}".encode())
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])


def test_a_database_that_is_away_is_told_at_once_and_that_it_is_back(fleet: Spawned, empty: str) -> None:
    """Also when nothing is to be stored: the next poll may be an hour away."""
    with headend(fleet, empty, "--every", "1h") as process:
        assert process.stderr is not None
        allow(empty, "false")
        try:
            assert "what is read waits for the database" in process.stderr.readline()
        finally:
            allow(empty, "true")
        assert "the database is back" in process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=DEADLINE_S)
    assert (process.returncode, "waits" in errors) == (0, False)
