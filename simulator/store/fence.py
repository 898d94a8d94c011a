# SPDX-License-Identifier: MIT
"""One process serves the fleet of a database: a session advisory lock on a connection of its own.

The lock goes with the session, so it needs no clean-up, and it is gone when the server was; `hold` takes it again.
It must never let two processes write the same fleet.
"""

from __future__ import annotations

import asyncio

from simulator.errors import StoreUnavailable
from simulator.store.connections import Connection, Connections, is_alive, store_errors
from simulator.store.queries import query


class Fence:
    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._connection: Connection | None = None
        self._wanted = False
        self._taking = asyncio.Lock()

    async def take(self) -> bool:
        """Whether the lock is ours; False if another session has it."""
        async with self._taking:
            if self._connection is None or not is_alive(self._connection):
                self._connection = await self._locked()
            self._wanted = self._wanted or self._connection is not None
            return self._connection is not None

    async def hold(self) -> None:
        """Make sure, before a write, that the lock is still ours if it ever was."""
        if self._wanted and not await self.take():
            raise StoreUnavailable("another process has taken over this database's fleet")

    async def close(self) -> None:
        self._wanted = False
        if self._connection is not None:
            await self._connection.close()
            self._connection = None

    async def _locked(self) -> Connection | None:
        connection = await self._connections.connect()
        locked = False
        try:
            with store_errors():
                cursor = await connection.execute(query("lock_fleet"))
                locked = await cursor.fetchone() == (True,)
        finally:
            if not locked:
                await connection.close()
        return connection if locked else None
