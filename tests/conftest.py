# SPDX-License-Identifier: MIT
"""What tests of several rooms share: one real PostgreSQL per test process, one fresh database per test."""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from hypothesis import settings
from plugged import MISSING
from psycopg import sql

from simulator.store.database import Store
from simulator.store.embedded import EmbeddedPostgres
from simulator.store.spare import SpareDatabases
from simulator.testing.servers import Server

settings.register_profile("steady", deadline=None)  # a busy machine is no bug
settings.load_profile("steady")
pytest_plugins = ["pytester", *MISSING]

_TEMPLATE = "template_meterfleet"
_numbers = itertools.count(1)
_MEMORY_OCTETS = 2 << 30


def _memory() -> str | None:
    """A file system in memory, with room for the servers of some workers: each test makes and drops 350 files."""
    place = "/dev/shm"
    if not os.access(place, os.W_OK) or os.statvfs(place).f_flag & os.ST_NOEXEC:  # programs may have to be copied there
        return None
    return place if shutil.disk_usage(place).free > _MEMORY_OCTETS else None


_MEMORY = _memory()
_STRATEGY = "FILE_COPY" if _MEMORY else "WAL_LOG"  # the other one is slower there


@pytest.fixture(scope="session")
def postgres_home() -> Iterator[Path]:
    """The home of a running embedded server of this test process (under xdist each worker has its own)."""
    with tempfile.TemporaryDirectory(prefix="meterfleet-test-", dir=_MEMORY) as folder:
        Path(folder).chmod(0o755)  # as root the server runs as an unprivileged user
        server = EmbeddedPostgres(Path(folder))
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
