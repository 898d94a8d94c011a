# SPDX-License-Identifier: MIT
"""The store as the rest of the program sees it: typed rows in, typed rows out, one transaction per call.

Each call fails within about three seconds with StoreUnavailable while the database is away, and works again when it is
back. It never retries a write by itself, and it knows neither meters' meaning nor the wire.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from psycopg import sql
from psycopg.types.json import Jsonb

from simulator.errors import StoreError, StoreUnavailable, UserError
from simulator.store import profiles, schema
from simulator.store.connections import Connection, Connections
from simulator.store.copy import Rows
from simulator.store.history import History
from simulator.store.incidents import Incidents, acknowledge
from simulator.store.notices import Notices
from simulator.store.pushing import PushTables, draw_ids
from simulator.store.queries import query, template
from simulator.store.rows import (
    AttributeValue,
    Checkpoint,
    CounterRow,
    FleetRow,
    Forget,
    MeterRow,
    Numbered,
    ObisRow,
    ProfileQuery,
    RowsChange,
    SecurityKey,
)
from simulator.store.supply_ends import SupplyEnds
from simulator.store.writer import Writer

OLDEST_SERVER = 150000

# The tables that carry the trigger check_references (schema.sql says what it is for).
CHECKED_BY_STATEMENT = frozenset(
    {
        "instant_profile",
        "block_load_profile",
        "daily_load_profile",
        "energy_measurements",
        "voltage_measurements",
        "current_measurements",
        "push_objects",
        "push_history_objects",
    }
)
_CHUNK = 1 << 18  # octets of COPY between two looks at the loop


class Store:
    """Make one with `Store.open`."""

    def __init__(self, dsn: str, connections: Connections) -> None:
        self.dsn = dsn
        self._connections = connections
        self._writer = Writer(connections)
        self._epochs: dict[str, int] = {}  # of the last write of each cohort
        self.notices = Notices(connections)
        self.history = History(connections)
        self.pushes = PushTables(self._writer, self._copy, self._read)
        self.incidents = Incidents(connections)
        self.supply_ends = SupplyEnds(connections)
        self._types: dict[str, Mapping[str, str]] = {}
        self._may_check_by_statement = False

    @classmethod
    async def open(cls, dsn: str, *, revive: Callable[[], None] | None = None) -> Store:
        """`revive` starts the server again; it is called in a thread when a connection is refused."""
        store = cls(dsn, Connections(dsn, revive=revive))
        async with store._connections.connection() as connection:
            if connection.info.server_version < OLDEST_SERVER:
                raise UserError(
                    f"the database is PostgreSQL {connection.info.parameter_status('server_version')}; "
                    "meterfleet needs PostgreSQL 15 or newer"
                )
            cursor = await connection.execute(query("may_check_by_statement"))
            store._may_check_by_statement = await cursor.fetchone() == (True,)
        return store

    async def close(self) -> None:
        await self._writer.close()
        await self._connections.close()

    async def ensure_schema(self) -> None:
        """`schema.make`."""
        async with self._transaction() as connection:
            await schema.make(connection)

    async def find_schema(self) -> None:
        """`schema.look`."""
        async with self._transaction() as connection:
            await schema.look(connection)

    async def drop_schema(self) -> None:
        """`schema.drop`."""
        async with self._transaction() as connection:
            await schema.drop(connection)

    async def server_version(self) -> str:
        """Of PostgreSQL, in its own words."""
        ((version,),) = await self._read("server_version")
        return str(version)

    async def tier(self) -> str:
        """`none`, `apache` or `timescale`: what TimescaleDB allows here."""
        ((tier,),) = await self._read("tier")
        return str(tier)

    async def lock_fleet(self) -> bool:
        """Become the one process that serves this database; False if another one does.

        Once taken, the lock is taken again when the server was away, before the next write.
        """
        return await self._writer.lock_fleet()

    async def hold_fleet(self) -> None:
        """StoreUnavailable if the lock was ours and another process has it now."""
        await self._writer.hold()

    async def fleet(self) -> FleetRow | None:
        rows = await self._read("fleet")
        return FleetRow(*rows[0]) if rows else None

    async def save_fleet(self, row: FleetRow) -> None:
        await self._change("save_fleet", **asdict(row) | {"spec": Jsonb(row.spec)})

    async def save_clock(self, clock_ms: int) -> None:
        async with self._transaction() as connection:
            await connection.execute(query("telemetry"))
            await connection.execute(query("save_clock"), {"clock_ms": clock_ms})

    async def put_obis_codes(self, rows: Sequence[ObisRow]) -> dict[str, int]:
        await self._change(
            "put_obis_codes",
            logical_names=[row.logical_name for row in rows],
            class_ids=[row.class_id for row in rows],
            descriptions=[row.description for row in rows],
            units=[row.unit for row in rows],
            scalers=[row.scaler for row in rows],
        )
        return await self.obis_ids()

    async def obis_ids(self) -> dict[str, int]:
        return dict(await self._read("obis_ids"))

    async def write(
        self, batches: Sequence[Rows | Numbered], *, checkpoint: Checkpoint | None = None, durable: bool = False
    ) -> None:
        """All of it or nothing, in one transaction; calls take turns.

        With a checkpoint it does not wait for the disk, and a server that is killed may forget the last half second of
        such writes. The cohort's next write then raises StoreUnavailable: whenever a write has raised that,
        `checkpoints()` tells from where on to write again. A write without a checkpoint, and one that is asked to
        be, is durable when it returns.
        """
        async with self._writer.transaction() as connection:
            if checkpoint is not None:
                self._refuse_a_gap(checkpoint.cohort)
                if not durable:
                    await connection.execute(query("telemetry"))
                await connection.execute(query("put_checkpoint"), asdict(checkpoint))
            await self._copy_all(connection, batches)
        if checkpoint is not None:
            self._epochs[checkpoint.cohort] = self._writer.epoch

    async def write_rows(self, change: RowsChange) -> None:
        """What a client, a timer or an event changed of some meters: one transaction, durable when it returns.

        Raises StoreUnavailable as `write` does.
        """
        async with self._writer.transaction() as connection:
            self._refuse_a_gap(change.cohort)
            places = {"cohort": change.cohort, "rows": list(change.rows), "columns": list(change.columns)}
            await connection.execute(query("put_row_checkpoints"), places)
            for edit in change.edits:
                await connection.execute(query(edit.name), edit.values)
            for value in change.attributes:
                await connection.execute(query("put_attribute"), asdict(value) | {"value": Jsonb(value.value)})
            await _put_keys(connection, change.keys, change.counters)
            for forget in change.forgets:
                await self._forget(connection, forget)
            for acknowledgement in change.acknowledged:
                left = {"meter_id": acknowledgement.meter_id, "left": list(acknowledgement.left)}
                await acknowledge(connection, "acknowledge_cleared", left, acknowledgement.raisers)
            await self._copy_all(connection, change.batches)
        self._epochs[change.cohort] = self._writer.epoch

    async def row_checkpoints(self, cohort: str | None = None) -> dict[str, dict[int, bytes]]:
        """By cohort, then by row: what was kept of single meters since the cohort's checkpoint."""
        kept: dict[str, dict[int, bytes]] = {}
        for name, row, columns in await self._read("row_checkpoints", cohort=cohort):
            kept.setdefault(name, {})[row] = columns
        return kept

    async def image_blocks(self, meter_id: UUID) -> dict[int, bytes]:
        """The blocks of a meter's image transfer that have come, by their number."""
        return dict(await self._read("image_blocks", meter_id=meter_id))

    async def checkpoints(self, cohort: str | None = None) -> dict[str, Checkpoint]:
        """By cohort: all, or the one that is named."""
        return {row[0]: Checkpoint(*row) for row in await self._read("checkpoints", cohort=cohort)}

    async def meters(self) -> list[MeterRow]:
        """All meters that were ever in the fleet, ordered by meter_number."""
        return [MeterRow(*row) for row in await self._read("meters")]

    async def put_meters(self, batches: Sequence[Rows]) -> None:
        """Rows of sim.meters; those that are there already get their place, configuration and status anew."""
        async with self._transaction() as connection:
            await connection.execute(query("stage_meters"))
            for rows in batches:
                await self._copy_into(connection, sql.Identifier("pg_temp", "staged_meters"), rows)
            await connection.execute(query("merge_meters"))

    async def delete_meters(self, meter_numbers: Sequence[str]) -> list[str]:
        """Meters and every row that belongs to them; returns the numbers that were there."""
        return [number for (number,) in await self._read("delete_meters", meter_numbers=list(meter_numbers))]

    async def set_status(self, status: str, *, meter_numbers: Sequence[str] | None = None) -> None:
        """Of the named meters, or of all."""
        numbers = None if meter_numbers is None else list(meter_numbers)
        await self._change("set_status", status=status, meter_numbers=numbers)

    async def put_attribute(self, value: AttributeValue) -> None:
        """Durable when it returns: the client will be told that the attribute is set."""
        await self._change("put_attribute", **asdict(value) | {"value": Jsonb(value.value)})

    async def attributes(self) -> list[AttributeValue]:
        return [AttributeValue(*row) for row in await self._read("attributes")]

    async def put_keys(self, rows: Sequence[SecurityKey]) -> None:
        """All or none, durable."""
        async with self._transaction() as connection:
            await _put_keys(connection, rows, ())

    async def push_lists(self) -> list[tuple[str, str, str]]:
        """Serial number, push setup, and its objects as ``class/logical name/attribute …``."""
        return [(serial, setup, text) for serial, setup, text in await self._read("push_lists")]

    async def keys(self) -> list[SecurityKey]:
        return [SecurityKey(*row) for row in await self._read("keys")]

    async def put_counters(self, rows: Sequence[CounterRow]) -> None:
        """Durable when it returns: what is below them will never be used again."""
        await self._change("put_counters", **_counter_arrays(rows))

    async def counters(self) -> list[CounterRow]:
        return [CounterRow(*row) for row in await self._read("counters")]

    async def profile_rows(self, wanted: ProfileQuery) -> NDArray[np.int64]:
        """int64 of shape [rows, 1 + columns], ascending by time, which is the first column; NULL is MISSING."""
        statement = profiles.rows_statement(wanted, await self._column_types(wanted.table))
        async with self._connections.connection() as connection:
            cursor = await connection.cursor(binary=True).execute(statement, profiles.parameters(wanted))
            ((answer,),) = await cursor.fetchall()
        return profiles.decoded(answer, wanted)

    async def latest_rows(self, wanted: ProfileQuery, meter_ids: Sequence[UUID]) -> NDArray[np.int64]:
        """The newest row of each meter, in their order: [meters, 1 + columns] as `profile_rows` has it."""
        statement = profiles.latest_statement(wanted, await self._column_types(wanted.table))
        async with self._connections.connection() as connection:
            parameters = {"meter_ids": list(meter_ids), "obis_code_id": wanted.obis_code_id}
            cursor = await connection.cursor(binary=True).execute(statement, parameters)
            ((answer,),) = await cursor.fetchall()
        return profiles.decoded(answer, wanted)

    async def profile_count(self, wanted: ProfileQuery) -> int:
        """How many rows the whole buffer holds, whatever part of it is asked for."""
        async with self._connections.connection() as connection:
            cursor = await connection.execute(profiles.count_statement(wanted), profiles.parameters(wanted))
            ((count,),) = await cursor.fetchall()
        return int(count)

    async def counts(self) -> dict[str, int]:
        """Rows of each table of the schema, counted; slow on a large store."""
        counts: dict[str, int] = {}
        for (table,) in await self._read("tables"):
            statement = template("count_rows").format(table=sql.Identifier("sim", table))
            async with self._connections.connection() as connection:
                ((counts[table],),) = await (await connection.execute(statement)).fetchall()
        return counts

    async def _forget(self, connection: Connection, forget: Forget) -> None:
        table, meters = sql.Identifier("sim", forget.table), list(forget.meter_ids)
        if forget.after_s is None:
            await connection.execute(template("forget_all").format(table=table), {"meter_ids": meters})
            return
        statement = template("forget_after").format(table=table, column=sql.Identifier(forget.column))
        after = profiles.moment(forget.after_s)
        await connection.execute(statement, {"meter_ids": meters, "after": after})

    async def was_away(self, cohort: str) -> bool:
        """Whether the server was away since the cohort's last write; said once. Raises StoreUnavailable if it is."""
        await self._writer.look()
        return self._has_gap(cohort)

    def _has_gap(self, cohort: str) -> bool:
        return self._epochs.pop(cohort, self._writer.epoch) != self._writer.epoch

    def _refuse_a_gap(self, cohort: str) -> None:
        """Once per cohort and lost session, so that the caller looks at what the server has kept."""
        if self._has_gap(cohort):
            raise StoreUnavailable("the database was away since the last write; its checkpoint tells what it has kept")

    async def _copy_all(self, connection: Connection, batches: Sequence[Rows | Numbered]) -> None:
        for batch in batches:
            for rows in await _numbered(connection, batch) if isinstance(batch, Numbered) else (batch,):
                await self._copy(connection, rows)

    async def _copy(self, connection: Connection, rows: Rows) -> None:
        by_statement = self._may_check_by_statement and rows.table in CHECKED_BY_STATEMENT
        if by_statement:
            await connection.execute(query("row_checks_off"))
        await self._copy_into(connection, sql.Identifier("sim", rows.table), rows)
        if by_statement:
            await connection.execute(query("row_checks_on"))

    async def _copy_into(self, connection: Connection, table: sql.Identifier, rows: Rows) -> None:
        columns = sql.SQL(", ").join(map(sql.Identifier, rows.columns))
        octets = memoryview(rows.payload)
        async with connection.cursor().copy(template("copy_rows").format(table=table, columns=columns)) as copy:
            for start in range(0, len(octets), _CHUNK):
                await copy.write(octets[start : start + _CHUNK])

    async def _column_types(self, table: str) -> Mapping[str, str]:
        if table not in self._types:
            types = dict(await self._read("column_types", table=f"sim.{table}"))
            if not types:
                raise StoreError(f"there is no table sim.{table}")
            self._types[table] = types
        return self._types[table]

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[Connection]:
        await self._writer.hold()
        async with self._connections.connection() as connection, connection.transaction():
            yield connection

    async def _change(self, name: str, /, **parameters: Any) -> None:
        await self._writer.hold()
        async with self._connections.connection() as connection:
            await connection.execute(query(name), parameters)

    async def _read(self, name: str, /, **parameters: Any) -> list[tuple[Any, ...]]:
        async with self._connections.connection() as connection:
            return await (await connection.execute(query(name), parameters or None)).fetchall()


async def _put_keys(connection: Connection, keys: Sequence[SecurityKey], counters: Sequence[CounterRow]) -> None:
    if keys:
        arrays = {
            "meter_ids": [key.meter_id for key in keys],
            "clients": [key.client for key in keys],
            "names": [key.name for key in keys],
            "keys": [key.key for key in keys],
        }
        await connection.execute(query("put_keys"), arrays)
    if counters:
        await connection.execute(query("put_counters"), _counter_arrays(counters))


async def _numbered(connection: Connection, batch: Numbered) -> Sequence[Rows]:
    return batch.rows(await draw_ids(connection, batch.table, batch.count))


def _counter_arrays(rows: Sequence[CounterRow]) -> dict[str, list[Any]]:
    return {
        "meter_ids": [row.meter_id for row in rows],
        "clients": [row.client for row in rows],
        "keys": [row.key for row in rows],
        "lowest": [row.lowest for row in rows],
    }
