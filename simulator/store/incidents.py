# SPDX-License-Identifier: MIT
"""Events, alarms and pushes for people: the newest of them, as stored, and alarms acknowledged by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from simulator.store.connections import Connection, Connections
from simulator.store.queries import query
from simulator.store.rows import Raisers

OPEN = ("PENDING", "SENT", "FAILED")
ALARM_STATUSES = (*OPEN, "ACKNOWLEDGED")
PUSH_STATUSES = ("SUCCESS", "RETRY", "FAILED", "CANCELLED")


@dataclass(frozen=True, slots=True)
class EventFilter:
    """What is None is not asked for; `since` is what the meters' clocks showed."""

    meter_numbers: Sequence[str] | None = None
    type: str | None = None
    code: int | None = None
    since: str | None = None
    limit: int = 50


class Incidents:
    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def events(self, wanted: EventFilter) -> list[dict[str, Any]]:
        """Entries of event logs, the newest first."""
        return await self._read("events", **asdict(wanted))

    async def alarms(
        self, *, status: str | None = None, meter_numbers: Sequence[str] | None = None, limit: int = 50
    ) -> list[dict[str, Any]]:
        """The newest first."""
        return await self._read("alarms", status=status, meter_numbers=meter_numbers, limit=limit)

    async def pushes(
        self,
        *,
        status: str | None = None,
        meter_numbers: Sequence[str] | None = None,
        setup: str | None = None,
        limit: int = 50,
    ) -> list[dict[str, Any]]:
        """Attempts to push, the newest first; `setup` by its logical name."""
        return await self._read("pushes", status=status, meter_numbers=meter_numbers, setup=setup, limit=limit)

    async def acknowledge(self, meter_numbers: Sequence[str] | None, raisers: Raisers) -> int:
        """All alarms of these meters, or of all, that are not acknowledged yet, with the events that raised them; how
        many alarms that was."""
        async with self._connections.connection() as connection, connection.transaction():
            wanted = {"meter_numbers": meter_numbers, "open": list(OPEN)}
            return await acknowledge(connection, "acknowledge_alarms", wanted, raisers)

    async def _read(self, name: str, **parameters: Any) -> list[dict[str, Any]]:
        async with self._connections.connection() as connection:
            cursor = await connection.execute(query(name), parameters)
            names = [column.name for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in await cursor.fetchall()]


async def acknowledge(connection: Connection, name: str, wanted: Mapping[str, Any], raisers: Raisers) -> int:
    """The alarms of a statement that returns their ids, with the events that raised them."""
    alarms = [alarm for (alarm,) in await (await connection.execute(query(name), wanted)).fetchall()]
    if alarms:
        await connection.execute(query("acknowledge_events"), {"alarms": alarms, **raisers})
    return len(alarms)
