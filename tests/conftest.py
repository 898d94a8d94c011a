# SPDX-License-Identifier: MIT
"""What tests of several rooms share: one real PostgreSQL per test process, one fresh database per test."""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from hypothesis import settings
from memory import IN_MEMORY, server_folder
from plugged import MISSING
from psycopg import sql

from simulator.store.database import Store
from simulator.store.embedded import EmbeddedPostgres
from simulator.store.spare import SpareDatabases
from simulator.testing.servers import Server

# What CI and terminals say of colours and width would change what commands print; typer reads it when it is imported.
for _name in (
    "COLUMNS", "FORCE_COLOR", "GITHUB_ACTIONS", "LINES", "NO_COLOR", "PY_COLORS", "TERMINAL_WIDTH", "TTY_COMPATIBLE",
    "TTY_INTERACTIVE",
):  # fmt: skip
    os.environ.pop(_name, None)

# A busy machine is no bug; what no change caused is found by `make fuzz`, not by whoever runs the tests next.
settings.register_profile("steady", deadline=None, derandomize=True)
settings.load_profile("steady")
pytest_plugins = ["pytester", *MISSING]

_TEMPLATE = "template_meterfleet"
_numbers = itertools.count(1)
_STRATEGY = "FILE_COPY" if IN_MEMORY else "WAL_LOG"  # the other one is slower there


@pytest.fixture(scope="session")
def postgres_home() -> Iterator[Path]:
    """The home of a running embedded server of this test process (under xdist each worker has its own)."""
    with server_folder() as folder:
        server = EmbeddedPostgres(folder)
        server.start()
        try:
            yield server.home
        finally:
            server.stop()
            shutil.rmtree(server.cluster)


@pytest.fixture(scope="session")
def postgres(postgres_home: Path) -> EmbeddedPostgres:
    server = EmbeddedPostgres(postgres_home)
    with psycopg.connect(server.dsn("postgres"), autocommit=True) as connection:
        for setting in ("fsync", "full_page_writes", "autovacuum"):  # tests kill the server, never the machine
            connection.execute(f"ALTER SYSTEM SET {setting} = off".encode())
        connection.execute("SELECT pg_reload_conf()")
    server.ensure_database(_TEMPLATE)
    asyncio.run(_prepare(server.dsn(_TEMPLATE)))
    return server


@pytest.fixture(scope="session")
def meterfleet_server(postgres: EmbeddedPostgres) -> Server:
    """That of the plug-in, on the server of these tests."""
    return Server(SpareDatabases(postgres.dsn("postgres")))


@pytest.fixture
def database(postgres: EmbeddedPostgres) -> Iterator[str]:
    """The DSN of a fresh database with the schema applied; dropped afterwards, whoever is still connected."""
    name = f"test_{next(_numbers)}"
    _administer(postgres, f"CREATE DATABASE {{}} TEMPLATE {{}} STRATEGY {_STRATEGY}", name, _TEMPLATE)
    yield postgres.dsn(name)
    postgres.start()  # a test may have killed it
    _administer(postgres, "DROP DATABASE {} WITH (FORCE)", name)


async def _prepare(dsn: str) -> None:
    store = await Store.open(dsn)
    await store.ensure_schema()
    await store.close()


def _administer(server: EmbeddedPostgres, statement: str, *names: str) -> None:
    with psycopg.connect(server.dsn("postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))
