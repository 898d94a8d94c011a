# SPDX-License-Identifier: MIT
"""Ends of what befell meters for a while (sim.supply_ends). Each call raises StoreUnavailable with nothing changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from psycopg.types.json import Jsonb

from simulator.store.connections import Connections
from simulator.store.queries import query


class SupplyEnd(NamedTuple):
    id: int
    at_ms: int
    told: Mapping[str, Any]  # the order


class SupplyEnds:
    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def all(self) -> list[SupplyEnd]:
        """In the order in which they come."""
        async with self._connections.connection() as connection:
            cursor = await connection.execute(query("supply_ends"))
            return [SupplyEnd(*row) for row in await cursor.fetchall()]

    async def put(self, at_ms: int, told: Mapping[str, Any]) -> int:
        """Its id; durable when it returns."""
        async with self._connections.connection() as connection:
            cursor = await connection.execute(query("put_supply_end"), {"at_ms": at_ms, "told": Jsonb(dict(told))})
            ((number,),) = await cursor.fetchall()
            return int(number)

    async def change(self, number: int, told: Mapping[str, Any]) -> None:
        async with self._connections.connection() as connection:
            await connection.execute(query("change_supply_end"), {"id": number, "told": Jsonb(dict(told))})

    async def remove(self, number: int) -> None:
        async with self._connections.connection() as connection:
            await connection.execute(query("remove_supply_end"), {"id": number})
