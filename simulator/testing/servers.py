# SPDX-License-Identifier: MIT
"""The PostgreSQL of a test session, and a database of its own for each fleet.

The embedded server has a folder that is kept, so that only the first session ever makes one; all test processes of a
machine share it, and the last to leave stops it. Who is the last is told by a lock that goes with the process.
"""

from __future__ import annotations

import itertools
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from simulator.store.embedded import EmbeddedPostgres, default_home
from simulator.store.homes import make_passable
from simulator.store.spare import SpareDatabases

_PREFIX = "meterfleet_test_"
_USERS = "users.lock"


class Server:
    """`databases` on it; their names do not meet those of another process."""

    def __init__(self, databases: SpareDatabases) -> None:
        self._databases = databases
        self._prefix = f"{_PREFIX}{uuid.uuid4().hex[:8]}_"
        self._numbers = itertools.count(1)

    @contextmanager
    def database(self) -> Iterator[str]:
        """The DSN of a fresh one; it is dropped afterwards."""
        name = f"{self._prefix}{next(self._numbers)}"
        try:
            yield self._databases.create(name)
        finally:
            self._databases.drop(name)


@contextmanager
def server_of(dsn: str | None) -> Iterator[Server]:
    """The one that a DSN names, or the embedded one."""
    if dsn:
        yield Server(SpareDatabases(dsn))
        return
    with embedded(default_home() / "testing") as server:
        yield server


@contextmanager
def embedded(home: Path) -> Iterator[Server]:
    postgres = EmbeddedPostgres(home)
    make_passable(postgres.home)
    users = os.open(postgres.home / _USERS, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _share(users)
        postgres.start()
        databases = SpareDatabases(postgres.dsn("postgres"))
        try:
            yield Server(databases)
        finally:
            if _is_last(users):
                databases.drop(*databases.named(_PREFIX))  # what killed sessions have left
                postgres.stop()
    finally:
        os.close(users)


def _share(users: int) -> None:
    import fcntl  # not on Windows

    fcntl.flock(users, fcntl.LOCK_SH)


def _is_last(users: int) -> bool:
    """Nobody else has the server now, and nobody gets it before the lock is given back."""
    import fcntl

    with suppress(BlockingIOError):
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False
