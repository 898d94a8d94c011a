# SPDX-License-Identifier: MIT
"""What tests of behaviour share: installed meters, and the few things that a client does with one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from simulator.cosem.registry import load_registry
from simulator.cosem.types import parse_type
from simulator.errors import StoreUnavailable
from simulator.fleet.listen import parse_listen
from simulator.fleet.meters import add_meters
from simulator.fleet.spec import FleetSpec, build_cohorts
from simulator.meter.behaviour import story
from simulator.meter.change import plain_value
from simulator.meter.cohort import Cohort, Surroundings
from simulator.meter.device import Device
from simulator.ports import ActItem, GetItem, SetItem
from simulator.store.database import Store
from simulator.store.rows import ObisRow, RowsChange
from simulator.values import attribute_key, instant_of, parse_obis
from simulator.wire.axdr import Data, decode_whole
from simulator.world.shapes import load_world

START = "2025-05-20T00:00:00+05:30"
UTILITY, FIRMWARE = 48, 80
CLOCK, RELAY, LIMITER, CALENDAR = "0.0.1.0.0.255", "0.0.96.3.10.255", "0.0.17.0.0.255", "0.0.13.0.0.255"
BLOCK, DAILY, BILLING, IMAGE = "1.0.99.1.0.255", "1.0.99.2.0.255", "1.0.98.1.0.255", "0.0.44.0.0.255"
ENERGY, VOLTAGE = "1.0.1.8.0.255", "1.0.12.7.0.255"
CLASSES = {entry.logical_name: entry.class_id for entry in load_registry("is15959").values()}


def local(text: str) -> int:
    """Seconds since 1970 of a meter-local moment."""
    return int(dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC).timestamp())


def data(kind: str, value: Any) -> Data:
    return decode_whole(parse_type(kind).encode(value))


def key(code: str, index: int) -> bytes:
    return attribute_key(CLASSES[code], parse_obis(code), index)


async def done(answer: Any) -> Any:
    return await answer if isinstance(answer, Awaitable) else answer


class Meters:
    """A cohort, its store and its clock."""

    def __init__(self, store: Store, cohort: Cohort, now_ms: int) -> None:
        self.store, self.cohort, self.now_ms = store, cohort, now_ms

    async def until(self, text: str) -> None:
        """Live on to a moment of true local time."""
        await self.until_ms(instant_of(dt.datetime.fromisoformat(text + "+05:30")))

    async def until_ms(self, instant_ms: int) -> None:
        self.now_ms = instant_ms
        await story.bring(self.cohort, instant_ms)

    async def read(self, code: str, index: int = 2, *, row: int = 0, client: int = UTILITY) -> Any:
        answer = await done(Device(self.cohort, row).get(client, GetItem(key(code, index), None)))
        assert isinstance(answer, bytes), answer
        return plain_value(decode_whole(answer))

    async def write(self, code: str, index: int, value: Data, *, row: int = 0, client: int = UTILITY) -> int:
        return int(await done(Device(self.cohort, row).set(client, SetItem(key(code, index), None, value))))

    async def act(
        self, code: str, index: int, parameter: Data | None = None, *, row: int = 0, client: int = UTILITY
    ) -> int:
        item = ActItem(key(code, index), data("integer", 0) if parameter is None else parameter)
        return int((await done(Device(self.cohort, row).act(client, item))).result)

    def sql(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.store.dsn) as connection:
            return connection.execute("SET search_path = sim", ()).connection.execute(statement, parameters).fetchall()

    def of_meter(self, what: str, table: str, *, row: int = 0, order: str = "id") -> list[tuple[Any, ...]]:
        statement = f"SELECT {what} FROM {table} WHERE meter_id = %s ORDER BY {order}"
        return self.sql(statement, self.cohort.identities[row].id)

    async def restarted(self) -> Meters:
        """As after kill -9: a new cohort with nothing but what the store has."""
        count = len(self.cohort.identities)
        again = await _cohort(self.store, self.cohort.model.name, count=count, load="mixed", block_minutes=30)
        again.now_ms = self.now_ms
        checkpoints, rows = await self.store.checkpoints(), await self.store.row_checkpoints()
        name = again.cohort.name
        again.cohort.resume(checkpoints.get(name), rows.get(name, {}), instant_of(dt.datetime.fromisoformat(START)))
        rows_of = {identity.id: row for row, identity in enumerate(again.cohort.identities)}
        for value in await self.store.attributes():
            place = attribute_key(value.class_id, parse_obis(value.logical_name), value.attribute_index)
            if value.meter_id in rows_of:
                again.cohort.overrides[rows_of[value.meter_id], place] = value.encoded
        story.restore(again.cohort)
        await story.bring(again.cohort, again.now_ms)
        return again


@contextmanager
def lost_answers(meters: Meters) -> Iterator[None]:
    """The store takes what it is given, and the word that it has is lost."""
    write_rows = meters.store.write_rows

    async def cut(change: RowsChange) -> None:
        await write_rows(change)
        raise StoreUnavailable("the line is cut")

    with pytest.MonkeyPatch.context() as lossy:
        lossy.setattr(meters.store, "write_rows", cut)
        yield


Install = Callable[..., Awaitable[Meters]]


async def installed(
    store: Store, model: str, *, count: int = 3, load: str = "mixed", block_minutes: int = 30
) -> Meters:
    """Meters that are new at START."""
    meters = await _cohort(store, model, count=count, load=load, block_minutes=block_minutes)
    meters.cohort.begin(meters.now_ms)
    spec = FleetSpec.single(count, model, load, seed=7, block_minutes=block_minutes)
    await add_meters(store, spec, [meters.cohort], [parse_listen("wrapper", count)])
    story.restore(meters.cohort)
    return meters


async def _cohort(store: Store, model: str, *, count: int, load: str, block_minutes: int) -> Meters:
    names = [ObisRow(entry.logical_name, entry.class_id) for entry in load_registry("is15959").values()]
    codes = await store.put_obis_codes(names)
    start_ms = instant_of(dt.datetime.fromisoformat(START))
    clock = [lambda: start_ms]
    around = Surroundings(load_world(7), store, codes, lambda: clock[0]())
    (cohort,) = build_cohorts(FleetSpec.single(count, model, load, seed=7, block_minutes=block_minutes), around)
    meters = Meters(store, cohort, start_ms)
    clock[0] = lambda: meters.now_ms
    return meters
