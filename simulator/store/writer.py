# SPDX-License-Identifier: MIT
"""The one session that writes batches and holds the fleet's lock. It must never let two processes write one fleet.

Batches are committed without waiting for the disk, so a server that is killed forgets the last ones. As long as one
session lives the server has not been killed; `epoch` counts the sessions, and Store.write compares it. The lock is a
session advisory lock: it needs no clean-up, and who writes here holds it by being here.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from psycopg.pq import TransactionStatus

from simulator.errors import StoreUnavailable
from simulator.store.connections import Connection, Connections, is_alive, store_errors
from simulator.store.queries import query

_TAKEN_OVER = "another process has taken over this database's fleet"


class Writer:
    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._connection: Connection | None = None
        self._using = asyncio.Lock()
        self._fenced = False  # the lock was ours once, and nothing may be written without it
        self._locked = False  # this session has it
        self.epoch = 0

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        async with self._using:
            connection = await self._ready()
            try:
                with store_errors():
                    async with connection.transaction():
                        yield connection
            finally:
                if connection.info.transaction_status != TransactionStatus.IDLE:
                    await connection.close()

    async def lock_fleet(self) -> bool:
        """Whether the lock is ours; False if another session has it."""
        async with self._using:
            return await self._lock(await self._session())

    async def hold(self) -> None:
        """Make sure, before a write in another session, that the lock is still ours if it ever was.

        Not while a batch is under way: its session holds the lock, and a client's SET shall not wait for it.
        """
        if self._fenced and not self._using.locked() and not await self.lock_fleet():
            raise StoreUnavailable(_TAKEN_OVER)

    async def look(self) -> None:
        """Notices a session that was lost, and opens another one; who is writing notices it by himself."""
        if not self._using.locked():
            async with self._using:
                await self._ready()

    async def close(self) -> None:
        self._fenced = False
        if self._connection is not None:
            with suppress(StoreUnavailable), store_errors():
                # Closing gives the lock back too, but some time later; the next process may be waiting for it.
                await self._connection.execute(query("unlock_fleet"))
            await self._connection.close()

    async def _ready(self) -> Connection:
        connection = await self._session()
        if self._fenced and not await self._lock(connection):
            raise StoreUnavailable(_TAKEN_OVER)
        return connection

    async def _lock(self, connection: Connection) -> bool:
        if not self._locked:
            with store_errors():
                cursor = await connection.execute(query("lock_fleet"))
                self._locked = await cursor.fetchone() == (True,)
        self._fenced = self._fenced or self._locked
        return self._locked

    async def _session(self) -> Connection:
        if self._connection is None or not is_alive(self._connection):
            if self._connection is not None:
                await self._connection.close()
            self._connection, self._locked = None, False
            self._connection = await self._connections.connect()
            self.epoch += 1
        return self._connection
