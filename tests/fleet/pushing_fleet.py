# SPDX-License-Identifier: GPL-2.0-only
"""A fleet in the test's own process that pushes to the gurux listener, its clock standing until a test steps it."""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from live import free_port

from simulator.cosem.types import parse_type
from simulator.fleet.listen import parse_listen
from simulator.fleet.push_options import parse_push
from simulator.fleet.runner import Fleet, RunOptions
from simulator.fleet.spec import FleetSpec, MeterGroup
from simulator.headend.keybook import KeyBook, KeyPair, Owner
from simulator.headend.listener import Listener
from simulator.headend.notifications import Notification
from simulator.meter.behaviour import story
from simulator.meter.happening import Happening
from simulator.meter.identity import key_of
from simulator.ports import ActItem, GetItem, SetItem
from simulator.store.database import Store
from simulator.values import attribute_key, instant_of, parse_obis
from simulator.wire.axdr import decode_whole

MIDNIGHT = "2025-06-01T00:00:00+05:30"
INSTANT, ALERT, BLOCK, DAILY, BILLING, TAMPER, REGISTRATION = (
    f"0.{group}.25.9.0.255" for group in (0, 4, 5, 6, 132, 134, 130)
)  # fmt: skip
SCHEDULE = "0.0.15.0.4.255"
UTILITY, PUSH_CLIENT = 48, 64
DAY_MS, HOUR_MS, MINUTE_MS = 86_400_000, 3_600_000, 60_000
DEADLINE_S = 30.0
PLAIN = "127.0.0.1:{port},security=0"
OWN_PORT = "127.83.0.1"


def local(moment: dt.datetime) -> int:
    return int(moment.replace(tzinfo=dt.UTC).timestamp())


@dataclass
class Pushing:
    fleet: Fleet
    dsn: str

    async def step(self, span_ms: int) -> None:
        """Live through a span; the attempts within it have come to their end."""
        await self.fleet.clock.turn(step_ms=span_ms)
        await self.until(lambda: not self.fleet.pushes.outbox.under_way)
        await self.fleet.pushes.journal.flush()

    async def until_landed(self) -> None:
        """What is to be pushed now is on its way and has come to its end, whatever the store does."""
        await self.fleet.clock.turn(step_ms=0)
        await self.fleet.pushes.outbox.landed()

    def device(self, index: int) -> Any:
        return self.fleet.device(index)

    async def get(self, index: int, class_id: int, code: str, attribute: int, client: int = UTILITY) -> bytes:
        key = attribute_key(class_id, parse_obis(code), attribute)
        return await done(self.device(index).get(client, GetItem(key, None)))

    async def set(self, index: int, class_id: int, code: str, attribute: int, kind: str, value: Any) -> int:
        key = attribute_key(class_id, parse_obis(code), attribute)
        data = decode_whole(parse_type(kind).encode(value))
        return int(await done(self.device(index).set(UTILITY, SetItem(key, None, data))))

    async def act(self, index: int, class_id: int, code: str, method: int) -> int:
        item = ActItem(attribute_key(class_id, parse_obis(code), method), decode_whole(b"\x0f\x00"))
        return int((await done(self.device(index).act(UTILITY, item))).result)

    async def happen(self, indices: list[int], *codes: int) -> None:
        for index in indices:
            cohort, row = self.fleet.place(index)
            await story.notice(cohort, [Happening(row_array(row), code) for code in codes])

    def sql(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.dsn) as connection:
            return connection.execute(statement.encode(), parameters or None).fetchall()

    def history(self, code: str, index: int = 0, what: str = "timestamp, status, retry_count") -> list[tuple[Any, ...]]:
        return self.sql(
            f"""SELECT {what} FROM sim.push_history h JOIN sim.push_setups s ON s.id = h.push_setup_id
                JOIN sim.obis_codes o ON o.id = s.obis_code_id
                WHERE o.logical_name = %s AND s.meter_id = %s ORDER BY h.id""",
            code,
            self.fleet.identity(index).id,
        )

    def alarms(self, what: str = "a.status, a.retry_count") -> list[tuple[Any, ...]]:
        return self.sql(
            f"""SELECT {what} FROM sim.eswf_push_alarms a JOIN sim.eswf_status s ON s.id = a.eswf_status_id
                JOIN sim.meters m ON m.id = s.meter_id ORDER BY m.meter_number, a.id"""
        )

    async def until(self, condition: Callable[[], Any]) -> Any:
        give_up = time.monotonic() + DEADLINE_S
        while not (seen := condition()):
            assert time.monotonic() < give_up, "it did not come true in time"
            await asyncio.sleep(0.02)
            await self.fleet.pushes.journal.flush()
        return seen


def row_array(row: int) -> Any:
    import numpy as np

    return np.array([row])


async def done(answer: Any) -> Any:
    return await answer if isinstance(answer, Awaitable) else answer


@asynccontextmanager
async def pushing(
    database: str,
    count: int,
    push: str | None,
    *,
    models: tuple[str, ...] = ("is15959-1ph",),
    schedule: str | None = None,
    start: str = MIDNIGHT,
    history_ms: int = 0,
    speed: float = 0.0,
    seed: int = 7,
    link: str = "",
    ways: tuple[str, ...] = (),
) -> AsyncIterator[Pushing]:
    """`count` meters of each model; `link`: a profile of their way by TCP, beside which there may be other `ways`."""
    groups = tuple(MeterGroup(count, model, "household", 30) for model in models)
    spec = FleetSpec(groups, seed, history_ms, instant_of(dt.datetime.fromisoformat(start)))
    words = f"wrapper,address={OWN_PORT},port={free_port()}"
    words = f"{words},link={link}" if link else words
    listens = [parse_listen(way, spec.count) for way in (words, *ways)]
    options = RunOptions(listens, speed, push=parse_push(push, schedule))
    fleet = Fleet(spec, options, await Store.open(database))
    await fleet.open()
    await fleet.listen()
    ready = asyncio.Event()
    serving = asyncio.create_task(fleet.serve(ready.set))
    await ready.wait()
    try:
        yield Pushing(fleet, database)
    finally:
        fleet.stop()
        await serving


def book_of(pushing: Pushing, client: int = PUSH_CLIENT) -> KeyBook:
    """A client's keys, as the inventory has them."""
    owners = {}
    for index in range(pushing.fleet.spec.count):
        identity, given = pushing.fleet.identity(index), pushing.fleet.given_keys(index)
        pair = KeyPair(*(key_of(identity, given, client, name) for name in ("ek", "ak")))
        owners[identity.system_title] = Owner(identity.serial, (pair,))
    return KeyBook(owners)


async def heard(ear: Listener, setup: str, *, serial: str = "", within_s: float = DEADLINE_S) -> Notification:
    """The next push of a setup, perhaps of one meter; others are passed over."""
    while True:
        note = await ear.next(within_s)
        assert not note.problem, note.problem
        if note.setup == setup and note.device.endswith(serial):
            return note
