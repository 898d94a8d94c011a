# SPDX-License-Identifier: MIT
"""Short messages between processes that share a database, by PostgreSQL's LISTEN and NOTIFY.

A message that nobody listens for is lost; whoever needs an answer says so in the message and waits for it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from psycopg import sql

from simulator.store.connections import Connections, store_errors
from simulator.store.queries import query, template


class Notices:
    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    @asynccontextmanager
    async def listen(self, channel: str) -> AsyncIterator[AsyncIterator[str]]:
        """Payloads as they come, from the moment the context is entered; StoreUnavailable if the server goes away."""
        connection = await self._connections.connect()
        try:
            with store_errors():
                await connection.execute(template("listen").format(channel=sql.Identifier(channel)))

            async def payloads() -> AsyncIterator[str]:
                with store_errors():
                    async for notice in connection.notifies():
                        yield notice.payload

            yield payloads()
        finally:
            await connection.close()

    async def send(self, channel: str, payload: str) -> None:
        async with self._connections.connection() as connection:
            await connection.execute(query("notify"), {"channel": channel, "payload": payload})
