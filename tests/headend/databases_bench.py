# SPDX-License-Identifier: GPL-2.0-only
"""Databases of head-ends: made, filled from a running fleet, compared with it, and tampered with."""

from __future__ import annotations

import itertools
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from forked import Forked
from live import Spawned, command, sql
from psycopg.conninfo import make_conninfo
from typer.testing import CliRunner, Result

from simulator.cli import app
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


def verify(fleet: Spawned, dsn: str, *words: object) -> tuple[int, dict[str, Any]]:
    done = invoke("verify", "--database", fleet.dsn, "--hes", dsn, "--json", *words)
    return done.exit_code, json.loads(done.stdout)


def change(dsn: str, *statements: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        for statement in statements:
            assert connection.execute(statement.encode()).rowcount != 0, statement


def count(dsn: str, what: str) -> int:
    return int(sql(dsn, f"SELECT count(*) FROM {what}")[0][0])
