# SPDX-License-Identifier: GPL-2.0-only
"""Databases of head-ends: made, filled from a running fleet, compared with it, and tampered with."""

from __future__ import annotations

import itertools
import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from forked import Forked
from live import DEADLINE_S, Spawned, command, eventually, sql
from psycopg.conninfo import make_conninfo
from typer.testing import CliRunner, Result

from simulator.cli import app
from simulator.headend import reader
from simulator.headend.link import Link, open_link
from simulator.headend.way import Way
from simulator.store.embedded import EmbeddedPostgres

_numbers = itertools.count(1)


@contextmanager
def made(postgres: EmbeddedPostgres, template: str = "template1") -> Iterator[str]:
    """The DSN of a database of its own."""
    name = f"hes_{next(_numbers)}"
    with psycopg.connect(postgres.dsn("postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
        yield make_conninfo(postgres.dsn("postgres"), dbname=name)
        postgres.start()
    with psycopg.connect(postgres.dsn("postgres"), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def headend_line(fleet: Spawned, dsn: str, *words: object) -> tuple[object, ...]:
    return ("headend", "--database", fleet.dsn, "--hes-database", dsn, *words)


def started(*line: object, home: Path) -> subprocess.Popen[str]:
    """A command that runs on, whose words on stderr can be asked for at its end."""
    words, environment = command(*line, home=home)
    return Forked(words, env=environment, stderr=subprocess.PIPE, text=True)


def invoke(*words: object) -> Result:
    """The command in this process, which spares its start."""
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code in (0, 1), result.output
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def collect(fleet: Spawned, dsn: str, *words: object) -> str:
    done = invoke(*headend_line(fleet, dsn, "--once", *words))
    assert done.exit_code == 0
    return done.stderr


@contextmanager
def impatient(host: str, port: int, seconds: float) -> Iterator[None]:
    """The head-end of this process waits so long for one meter, which keeps silent, and for others as long as ever."""

    def opened(at: str, number: int, way: Way, *, timeout_s: float) -> Link:
        return open_link(at, number, way, timeout_s=seconds if (at, number) == (host, port) else timeout_s)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(reader, "open_link", opened)
        yield


def killed_midway(fleet: Spawned, *line: object, begun: Callable[[], object]) -> None:
    """A head-end that reads one meter after the other, and that cannot have come past the last one: each of that
    meter's answers takes a minute."""
    words, environment = command(*line, "--once", "--workers", 1, home=fleet.log.parent)
    last = str(fleet.ready["count"])
    fleet.order("link", meters=last, faults={"delay": "60s"})
    process = subprocess.Popen(words, env=environment, stderr=subprocess.DEVNULL)
    try:
        eventually(begun)
    finally:
        process.kill()
        process.wait(DEADLINE_S)
        fleet.order("link", meters=last, clear=True)


def verify(fleet: Spawned, dsn: str, *words: object) -> tuple[int, dict[str, Any]]:
    done = invoke("verify", "--database", fleet.dsn, "--hes", dsn, "--json", *words)
    return done.exit_code, json.loads(done.stdout)


def change(dsn: str, *statements: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        for statement in statements:
            assert connection.execute(statement.encode()).rowcount != 0, statement


def count(dsn: str, what: str) -> int:
    return int(sql(dsn, f"SELECT count(*) FROM {what}")[0][0])
