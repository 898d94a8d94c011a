# SPDX-License-Identifier: MIT
"""A few connections to PostgreSQL, shared by everyone on the loop, and the one place where driver errors are wrapped.

It must never make a caller wait for a server that is away: no background reconnection and no back-off. That, and the
call to `revive` between two attempts, is why psycopg_pool is not used here.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import psycopg
from psycopg import AsyncConnection
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import TransactionStatus

from simulator.errors import MeterfleetError, StoreError, StoreUnavailable, UserError
from simulator.store.queries import query

Connection = AsyncConnection[tuple[Any, ...]]

# A caller learns within about three seconds that the server is away, even if its machine has gone silent.
_LIMITS = {
    "connect_timeout": "2",
    "tcp_user_timeout": "3000",
    "keepalives_idle": "2",
    "keepalives_interval": "1",
    "keepalives_count": "2",
}
_REVIVE_LIMIT_S = 2.5
_AWAY = "cannot be used now"
_GRANT = "; meterfleet makes a schema there, which needs GRANT CREATE ON DATABASE ... TO ..."
# Words of libpq and the server, which give no code when they refuse a connection.
_REFUSALS = re.compile(
    r"does not exist|authentication failed|no password supplied|no pg_hba.conf entry|permission denied|"
    r"not permitted to log in|invalid port number"
)
_SIZE = 4


@contextmanager
def store_errors() -> Iterator[None]:
    try:
        yield
    except (psycopg.OperationalError, psycopg.InterfaceError) as error:
        words = "refuses this connection; check who, where and what the DSN names" if _is_refusal(error) else _AWAY
        raise StoreUnavailable(f"the database {words}: {_first_line(error)}") from error
    except psycopg.Error as error:
        hint = _GRANT if "permission denied for database" in str(error) else ""
        raise StoreError(f"the database refused: {_first_line(error)}{hint}") from error


def without_password(words: str) -> str:
    """Words that name a DSN, as they may be shown."""
    hidden = re.sub(r"(://[^\s:/@]*):[^\s@]*@", r"\1:***@", words)
    return re.sub(r"(password\s*=\s*)('[^']*'|\S+)", r"\1***", hidden)


def conninfo(dsn: str, limits: Mapping[str, str]) -> str:
    """A DSN with limits where it has none; UserError if it is no DSN."""
    try:
        return make_conninfo(dsn, **{k: v for k, v in limits.items() if k not in conninfo_to_dict(dsn)})
    except psycopg.ProgrammingError as error:
        hint = "write for example postgresql://me@server/meters"
        raise UserError(without_password(f"{dsn!r} names no database: {_first_line(error)}; {hint}")) from None


@contextmanager
def connected(dsn: str, *, autocommit: bool = True) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    """One connection, of a command that can wait; UserError if the DSN is none."""
    whole = conninfo(dsn, {"connect_timeout": "5"})
    with store_errors(), psycopg.connect(whole, autocommit=autocommit) as connection:
        yield connection


class Connections:
    def __init__(self, dsn: str, *, revive: Callable[[], None] | None = None) -> None:
        self._conninfo = conninfo(dsn, _LIMITS)
        self._revive = revive
        self._reviving: asyncio.Future[None] | None = None
        self._slots = asyncio.Semaphore(_SIZE)
        self._idle: list[Connection] = []
        self._closed = False

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection in autocommit mode, for this caller alone."""
        async with self._slots:
            connection = self._reusable() or await self.connect()
            try:
                with store_errors():
                    yield connection
            finally:
                # Whatever is still in a transaction here was cancelled or broken half-way.
                if self._closed or connection.info.transaction_status != TransactionStatus.IDLE:
                    await connection.close()
                else:
                    self._idle.append(connection)

    async def connect(self) -> Connection:
        """A new connection that the caller owns. If the server is not there, revive it and try once more."""
        try:
            return await self._opened()
        except StoreUnavailable:
            if self._revive is None or self._closed:
                raise
        await self._revived(self._revive)
        return await self._opened()

    async def close(self) -> None:
        self._closed = True
        while self._idle:
            await self._idle.pop().close()

    async def _opened(self) -> Connection:
        with store_errors():
            connection = await AsyncConnection.connect(self._conninfo, autocommit=True)
            try:
                await connection.execute(query("session"))
            except BaseException:
                await connection.close()
                raise
            return connection

    def _reusable(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if is_alive(connection):
                return connection
        return None

    async def _revived(self, revive: Callable[[], None]) -> None:
        """One restart at a time, however many callers wait; it goes on when they have stopped waiting."""
        if self._reviving is None or self._reviving.done():
            self._reviving = asyncio.ensure_future(asyncio.to_thread(revive))
            self._reviving.add_done_callback(lambda done: done.cancelled() or done.exception())
        try:
            async with asyncio.timeout(_REVIVE_LIMIT_S):
                await asyncio.shield(self._reviving)
        except TimeoutError as error:
            raise StoreUnavailable("the database is being restarted") from error
        except MeterfleetError as error:
            raise StoreUnavailable(f"the database cannot be restarted: {error}") from error


def is_alive(connection: Connection) -> bool:
    """Whether an idle connection's server is still there, without asking it: the end of the stream is already here."""
    try:
        connection.pgconn.consume_input()
        connection.pgconn.consume_input()  # a server that stops in good order says so first; then comes the end
    except psycopg.OperationalError:
        return False
    return not connection.closed


def _is_refusal(error: psycopg.Error) -> bool:
    """Of a connection that waiting will not give."""
    return bool(_REFUSALS.search(str(error)))


def _first_line(error: psycopg.Error) -> str:
    return str(error).strip().partition("\n")[0]
