# SPDX-License-Identifier: MIT
"""The tables of pushes: setups, schedules, history, alarms on their way. One transaction per call."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from simulator.store.connections import Connection
from simulator.store.copy import Rows
from simulator.store.queries import query
from simulator.store.rows import Edit
from simulator.store.writer import Writer

Ids = Mapping[str, NDArray[np.int64]]
"""By table: ids that were drawn for its new rows."""


@dataclass(frozen=True, slots=True)
class Batch:
    rows: Sequence[Rows] = ()
    before: Sequence[Edit] = ()
    after: Sequence[Edit] = ()


class StoredSetup(NamedTuple):
    meter_id: UUID
    obis_code_id: int
    id: int
    objects: list[int]  # ids in the order of their positions
    digest: str  # of the objects


class StoredSchedule(NamedTuple):
    meter_id: UUID
    obis_code_id: int
    id: int
    digest: str  # of the entries


class PushTables:
    def __init__(
        self,
        writer: Writer,
        copy: Callable[[Connection, Rows], Awaitable[None]],
        read: Callable[..., Awaitable[list[tuple[Any, ...]]]],
    ) -> None:
        self._writer, self._copy, self._read = writer, copy, read

    async def setups(self) -> list[StoredSetup]:
        return [StoredSetup(*row) for row in await self._read("push_setups")]

    async def objects(self, setup: int) -> list[int]:
        """The ids of one setup's objects in their order."""
        return [number for (number,) in await self._read("push_objects", id=setup)]

    async def rows_of(
        self, meters: Sequence[UUID], setups: Sequence[int], schedules: Sequence[int]
    ) -> dict[int, tuple[int, int, list[int]]]:
        """Of meters and the codes of one setup and one schedule each, by their place in these lists: the ids of the
        setup, of the schedule (0: none) and of the setup's objects."""
        wanted = {"meters": list(meters), "setups": list(setups), "schedules": list(schedules)}
        found = await self._read("push_rows_of", **wanted)
        return {number - 1: (setup, schedule, objects) for number, setup, schedule, objects in found}

    async def schedules(self) -> list[StoredSchedule]:
        return [StoredSchedule(*row) for row in await self._read("push_schedules")]

    async def successful(self, obis_code_id: int) -> set[UUID]:
        """The meters that have ever delivered a push of a setup."""
        return {meter for (meter,) in await self._read("pushed_successfully", obis_code_id=obis_code_id)}

    async def open_alarms(self) -> list[tuple[UUID, int, bool]]:
        """Meter, id, and whether a push may have carried it."""
        return [(meter, alarm, claimed) for meter, alarm, claimed in await self._read("open_alarms")]

    async def add(self, counts: Mapping[str, int], make: Callable[[Ids], Batch], *, durable: bool = True) -> Ids:
        """New rows that name each other by ids drawn for them, with what changes elsewhere because of them."""
        async with self._writer.transaction() as connection:
            if not durable:
                await connection.execute(query("telemetry"))
            ids = {table: await draw_ids(connection, table, count) for table, count in counts.items()}
            await self._do(connection, make(ids))
        return ids

    async def _do(self, connection: Connection, batch: Batch) -> None:
        for edit in batch.before:
            await connection.execute(query(edit.name), edit.values)
        for rows in batch.rows:
            await self._copy(connection, rows)
        for edit in batch.after:
            await connection.execute(query(edit.name), edit.values)

    async def change(self, batch: Batch) -> None:
        async with self._writer.transaction() as connection:
            await self._do(connection, batch)

    async def claim(self, meter_ids: Sequence[UUID], setup_ids: Sequence[int]) -> dict[UUID, list[int]]:
        """The alarms that these meters' next push carries; durable, so that after a kill it is known that it may
        have."""
        claimed: dict[UUID, list[int]] = {}
        async with self._writer.transaction() as connection:
            wanted = {"meter_ids": list(meter_ids), "setup_ids": list(setup_ids)}
            for meter, alarm in await (await connection.execute(query("claim_alarms"), wanted)).fetchall():
                claimed.setdefault(meter, []).append(alarm)
        return claimed

    async def release(self, alarms: Sequence[int]) -> None:
        """They were not sent after all."""
        if not alarms:
            return
        async with self._writer.transaction() as connection:
            await connection.execute(query("release_alarms"), {"ids": list(alarms)})


async def draw_ids(connection: Connection, table: str, count: int) -> NDArray[np.int64]:
    """New ids from a table's sequence."""
    if not count:
        return np.zeros(0, np.int64)
    ids = await (await connection.execute(query("next_ids"), {"table": f"sim.{table}", "count": count})).fetchall()
    return np.array(ids, np.int64)[:, 0]
