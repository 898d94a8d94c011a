# SPDX-License-Identifier: MIT
"""What a scenario has done (sim.scenario_steps), what meters have told since a mark, and SQL of the user's own.

A mark is the newest id of each of the tables that tell; what comes later has a higher one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

from psycopg import sql
from psycopg.types.json import Jsonb

from simulator.store.connections import Connections
from simulator.store.queries import query, template
from simulator.values import MS_PER_MINUTE

Curves = dict[str, list[tuple[int, float]]]  # name -> (local milliseconds since 1970, value)
TOLD_IN = ("event_logs", "eswf_push_alarms", "push_history")


@dataclass(frozen=True, slots=True)
class StepRow:
    """One thing that a scenario did; `step` names it within the scenario, `at_ms` is the meters' local time."""

    scenario: str
    step: str
    kind: str
    instant_ms: int
    local_ms: int
    meters: int
    outcome: str  # DONE, PARTLY, REFUSED, FAILED; of expectations BEGUN, MET, MISSED
    detail: Mapping[str, Any] = field(default_factory=dict)


class Told(NamedTuple):
    rows: int
    meters: int  # that told it at least once


class History:
    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def steps(self, scenario: str) -> list[StepRow]:
        """In the order in which they were done."""
        async with self._connections.connection() as connection:
            cursor = await connection.execute(query("scenario_steps"), {"scenario": scenario})
            return [StepRow(*row) for row in await cursor.fetchall()]

    async def put(self, row: StepRow) -> None:
        """Durable when it returns: it will not be done again."""
        async with self._connections.connection() as connection:
            await connection.execute(query("put_scenario_step"), asdict(row) | {"detail": Jsonb(dict(row.detail))})

    async def forget(self, scenario: str, steps: Sequence[str]) -> None:
        async with self._connections.connection() as connection:
            await connection.execute(query("forget_scenario_steps"), {"scenario": scenario, "steps": list(steps)})

    async def mark(self) -> dict[str, int]:
        marks = {}
        async with self._connections.connection() as connection:
            for table in TOLD_IN:
                statement = template("newest_id").format(table=sql.Identifier("sim", table))
                ((marks[table],),) = await (await connection.execute(statement)).fetchall()
        return marks

    async def told(self, name: str, meters: Sequence[UUID], **wanted: Any) -> Told:
        """How often something was told since a mark, by the named query."""
        async with self._connections.connection() as connection:
            cursor = await connection.execute(query(name), {"meters": list(meters), **wanted})
            ((rows, concerned),) = await cursor.fetchall()
            return Told(rows, concerned)

    async def since(self, name: str, after: int) -> list[dict[str, Any]]:
        """What was told since a mark, the oldest first, by the named query."""
        async with self._connections.connection() as connection:
            cursor = await connection.execute(query(name), {"after": after})
            names = [column.name for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in await cursor.fetchall()]

    async def curves(self, from_ms: int, to_ms: int, utc_offset_minutes: int) -> Curves:
        """Load in kW, and how many events, alarms and pushes there were at each moment."""
        shift_ms = utc_offset_minutes * MS_PER_MINUTE
        found: Curves = {}
        async with self._connections.connection() as connection:
            limits = {"from_ms": from_ms + shift_ms, "to_ms": to_ms + shift_ms}
            cursor = await connection.execute(query("curves"), limits)
            for name, at_ms, value in await cursor.fetchall():
                found.setdefault(name, []).append((at_ms, float(value)))
        return found

    async def execute(self, text: str) -> int:
        """Statements of the user's, in one transaction; returns the rows that the last of them changed or found."""
        async with self._connections.connection() as connection, connection.transaction():
            return (await connection.execute(text.encode())).rowcount

    async def ask(self, text: str) -> list[tuple[Any, ...]]:
        """The rows of a query of the user's, which can change nothing."""
        async with self._connections.connection() as connection, connection.transaction():
            await connection.execute(query("only_read"))
            cursor = await connection.execute(text.encode())
            return await cursor.fetchall() if cursor.description else []
