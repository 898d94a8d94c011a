# SPDX-License-Identifier: MIT
"""The store against a real server: what is written is read back, and a server that goes away is outlived."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from simulator.errors import StoreError, StoreUnavailable, UserError
from simulator.store.copy import Column, Int4, Jsonb, Null, Numeric, Rows, Text, Timestamp, Uuid, encode_rows
from simulator.store.database import CHECKED_BY_STATEMENT, Store
from simulator.store.embedded import EmbeddedPostgres
from simulator.store.migrating import SIM
from simulator.store.rows import AttributeValue, Checkpoint, FleetRow, ObisRow

METERS = np.arange(4 * 16, dtype=np.uint8).reshape(4, 16)
FLEET = FleetRow("hello", 42, "0.1.0", {"meters": 4}, 1_700_000_000_000, 1_700_000_000_000, "60")


@pytest.fixture
async def store(database: str) -> AsyncIterator[Store]:
    store = await Store.open(database)
    await store.write([meters()])
    yield store
    await store.close()


def meters() -> Rows:
    numbers = [f"M{index:03}" for index in range(len(METERS))]
    columns: dict[str, Column] = {
        "id": Uuid(METERS),
        "meter_number": Text(numbers),
        "meter_type": Text("1ph"),
        "config": Jsonb("{}"),
    }
    return encode_rows("meters", columns)


def blocks(time_s: int, *, meters: Any = METERS, obis_code_id: int | None = None) -> Rows:
    columns: dict[str, Column] = {
        "meter_id": Uuid(meters),
        "capture_time": Timestamp(time_s),
        "kwh_import": Numeric(125, 3),
        "obis_code_id": Null() if obis_code_id is None else Int4(obis_code_id),
    }
    return encode_rows("block_load_profile", columns, count=len(meters))


async def test_meters_come_back_in_order_with_their_defaults(store: Store) -> None:
    first, *_, last = await store.meters()
    assert (first.meter_number, first.id, first.phases, first.config) == ("M000", UUID(bytes=bytes(range(16))), 3, {})
    assert last.meter_number == "M003"


async def test_status_of_all_and_of_some(store: Store) -> None:
    await store.set_status("RUNNING")
    await store.set_status("FAILED", meter_numbers=["M002"])
    assert [meter.status for meter in await store.meters()] == ["RUNNING", "RUNNING", "FAILED", "RUNNING"]


async def test_fleet_and_its_clock(store: Store) -> None:
    assert await store.fleet() is None
    await store.save_fleet(FLEET)
    await store.save_fleet(FLEET)
    await store.save_clock(FLEET.clock_ms + 1)
    found = await store.fleet()
    assert found is not None
    assert (found.spec, found.seed, found.clock_ms) == ({"meters": 4}, 42, FLEET.clock_ms + 1)


async def test_codes_keep_their_ids(store: Store) -> None:
    energy = ObisRow("1.0.1.8.0.255", 3, "Energy", "Wh", 0)
    first = await store.put_obis_codes([energy, ObisRow("1.0.99.1.0.255", 7)])
    again = await store.put_obis_codes([ObisRow("1.0.1.8.0.255", 3, "Active energy", "Wh", -3)])
    assert first == again == await store.obis_ids()
    assert set(first) == {"1.0.1.8.0.255", "1.0.99.1.0.255"}


async def test_attributes_are_replaced(store: Store) -> None:
    meter = UUID(bytes=bytes(range(16)))
    await store.put_attribute(AttributeValue(meter, 8, "0.0.1.0.0.255", 3, b"\x10\x01\x4a", 330))
    written = AttributeValue(meter, 8, "0.0.1.0.0.255", 3, b"\x10\x00\x00", {"minutes": 0})
    await store.put_attribute(written)
    assert await store.attributes() == [written]


async def test_rows_and_their_checkpoint_are_one_transaction(store: Store) -> None:
    done = Checkpoint("household/30", 1_700_000_000_000, b"\x00\x01")
    await store.write([blocks(1_700_000_000)], checkpoint=done)
    with pytest.raises(StoreError, match="duplicate key"):
        await store.write([blocks(1_700_001_800), blocks(1_700_000_000)], checkpoint=Checkpoint(done.cohort, 0, b""))
    assert await store.checkpoints() == {done.cohort: done}
    assert (await store.counts())["block_load_profile"] == 4


async def test_counts_name_every_table(store: Store) -> None:
    counts = await store.counts()
    assert counts["meters"] == 4
    assert {"fleet", "push_history", "attribute_values", "checkpoints"} <= set(counts)


async def test_tier_without_the_extension(store: Store) -> None:
    assert await store.tier() == "none"


@pytest.fixture(params=["set_config privilege", "ordinary role"])
async def writer(request: pytest.FixtureRequest, store: Store, postgres: EmbeddedPostgres) -> AsyncIterator[Store]:
    """The store as a superuser, and as a role that may not switch the row checks off."""
    if request.param == "ordinary role":
        with psycopg.connect(store.dsn) as connection:
            connection.execute("DROP ROLE IF EXISTS ordinary")
            connection.execute("CREATE ROLE ordinary LOGIN")
            connection.execute("GRANT USAGE ON SCHEMA sim TO ordinary")
            connection.execute("GRANT ALL ON ALL TABLES IN SCHEMA sim TO ordinary")
            connection.execute("GRANT ALL ON ALL SEQUENCES IN SCHEMA sim TO ordinary")
        writer = await Store.open(store.dsn.replace("postgres@", "ordinary@"))
    else:
        writer = await Store.open(store.dsn)
    yield writer
    await writer.close()
    if request.param == "ordinary role":
        with psycopg.connect(store.dsn) as connection:
            connection.execute("DROP OWNED BY ordinary")
            connection.execute("DROP ROLE ordinary")


async def test_orphans_are_refused_by_copy_too(writer: Store) -> None:
    """S004-30: with the foreign keys, and with the check per statement that stands in for them."""
    ids = await writer.put_obis_codes([ObisRow("1.0.99.1.0.255", 7)])
    await writer.write([blocks(0, obis_code_id=ids["1.0.99.1.0.255"])])
    for orphans in (blocks(1800, meters=METERS + 1), blocks(1800, obis_code_id=99)):
        with pytest.raises(StoreError) as refused:
            await writer.write([orphans])
        assert isinstance(refused.value.__cause__, psycopg.errors.ForeignKeyViolation)
    assert (await writer.counts())["block_load_profile"] == 4


async def test_a_copy_waits_for_a_meter_that_is_being_deleted(store: Store) -> None:
    """The check per statement locks the parents as a foreign key does: no row may outlive its meter."""
    async with await psycopg.AsyncConnection.connect(store.dsn) as other:
        await other.execute("DELETE FROM sim.meters WHERE meter_number = 'M000'")
        writing = asyncio.create_task(store.write([blocks(0)]))
        await _until_somebody_waits_for_a_lock(other)
        await other.commit()
    with pytest.raises(StoreError, match="not in"):
        await writing


async def _until_somebody_waits_for_a_lock(connection: psycopg.AsyncConnection[Any]) -> None:
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    while (await (await connection.execute(waiting)).fetchone()) == (0,):
        await asyncio.sleep(0.005)


async def test_the_tables_with_the_check_are_those_that_the_store_knows(store: Store) -> None:
    async with await psycopg.AsyncConnection.connect(store.dsn) as connection:
        triggers = await connection.execute(
            "SELECT relname FROM pg_trigger JOIN pg_class c ON c.oid = tgrelid WHERE tgenabled = 'R'"
        )
        assert {name for (name,) in await triggers.fetchall()} == CHECKED_BY_STATEMENT


async def test_one_process_serves_a_fleet(store: Store) -> None:
    other = await Store.open(store.dsn)
    try:
        assert await store.lock_fleet()
        assert await store.lock_fleet()
        assert not await other.lock_fleet()
        await store.close()
        assert await other.lock_fleet()
    finally:
        await other.close()


async def test_a_lock_that_another_process_took_meanwhile_stops_the_writer(store: Store) -> None:
    other = await Store.open(store.dsn)
    try:
        assert await store.lock_fleet()
        async with await psycopg.AsyncConnection.connect(store.dsn, autocommit=True) as administrator:
            await administrator.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_locks WHERE locktype = 'advisory'"
            )
        assert await other.lock_fleet()
        with pytest.raises(StoreUnavailable, match="taken over"):
            await store.save_clock(1)
    finally:
        await other.close()


async def test_schema_is_applied_once_by_racing_processes(postgres: EmbeddedPostgres) -> None:
    postgres.ensure_database("schema_race")
    stores = [await Store.open(postgres.dsn("schema_race")) for _ in range(3)]
    await asyncio.gather(*(store.ensure_schema() for store in stores))
    assert (await stores[0].counts())["schema_version"] == SIM.version
    for store in stores:
        await store.close()
    with psycopg.connect(postgres.dsn("postgres"), autocommit=True) as connection:
        connection.execute("DROP DATABASE schema_race WITH (FORCE)")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("INSERT INTO sim.schema_version VALUES (99)", "version 99"),
        ("DROP SCHEMA sim CASCADE; CREATE SCHEMA sim", "not meterfleet's"),
    ],
)
async def test_a_schema_that_is_not_ours_is_refused(database: str, change: str, message: str) -> None:
    with psycopg.connect(database) as connection:
        connection.execute(change.encode())
    store = await Store.open(database)
    with pytest.raises(UserError, match=message):
        await store.ensure_schema()
    await store.close()


@pytest.mark.parametrize("wrong", [{"dbname": "nope"}, {"user": "nobody"}, {"port": 99999}])
async def test_a_connection_that_waiting_does_not_give_is_no_outage(database: str, wrong: dict[str, Any]) -> None:
    with pytest.raises(StoreUnavailable, match="refuses this connection; check"):
        await Store.open(make_conninfo(database, **wrong))


async def test_who_may_not_make_a_schema_is_told_the_right_that_is_missing(database: str) -> None:
    with psycopg.connect(database) as connection:
        connection.execute("DROP SCHEMA sim CASCADE")
    store = await Store.open(make_conninfo(database, options="-c role=pg_monitor"))
    with pytest.raises(StoreError, match=r"permission denied for database .*; .* needs GRANT CREATE ON DATABASE"):
        await store.ensure_schema()
    await store.close()


async def test_a_cancelled_call_leaves_the_store_usable(store: Store) -> None:
    writes = [asyncio.create_task(store.write([blocks(slot * 1800)])) for slot in range(12)]
    await asyncio.sleep(0)
    for write in writes[::2]:
        write.cancel()
    outcomes = await asyncio.gather(*writes, return_exceptions=True)
    assert any(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes)
    kept = sum(outcome is None for outcome in outcomes)
    assert (await store.counts())["block_load_profile"] >= 4 * kept > 0


async def test_a_server_that_is_away_fails_fast_and_is_found_again(postgres: EmbeddedPostgres, store: Store) -> None:
    postgres.stop()
    try:
        for _ in range(3):
            began = time.monotonic()
            with pytest.raises(StoreUnavailable):
                await store.meters()
            assert time.monotonic() - began < 10
        with pytest.raises(StoreUnavailable):
            await store.write([blocks(0)])
    finally:
        postgres.start()
    await store.write([blocks(0)])
    assert len(await store.meters()) == 4


async def test_a_cohort_is_told_once_that_the_server_was_away(postgres: EmbeddedPostgres, store: Store) -> None:
    """Its last write may be forgotten, although it had returned: synchronous_commit is off for captures."""
    await store.write([blocks(0)], checkpoint=Checkpoint("a", 0, b""))
    await store.write([], checkpoint=Checkpoint("b", 0, b""))
    postgres.stop()
    postgres.start()
    await store.write([blocks(1800)])
    for cohort in ("a", "b"):
        with pytest.raises(StoreUnavailable, match="since the last write"):
            await store.write([blocks(3600)], checkpoint=Checkpoint(cohort, 1, b""))
        await store.write([blocks(3600)] if cohort == "a" else [], checkpoint=Checkpoint(cohort, 1, b""))
    assert (await store.counts())["block_load_profile"] == 3 * 4


async def test_a_restart_between_two_calls_is_not_noticed(postgres: EmbeddedPostgres, store: Store) -> None:
    await asyncio.gather(*(store.meters() for _ in range(4)))
    postgres.stop()
    postgres.start()
    assert len(await asyncio.gather(*(store.meters() for _ in range(4)))) == 4


async def test_kill_9_of_the_server_under_load_is_survived(postgres: EmbeddedPostgres, database: str) -> None:
    """With `revive`, readers and a writer go on; no row is lost or doubled, and the fleet is still locked."""
    store = await Store.open(database, revive=postgres.start)
    await store.write([meters()])
    assert await store.lock_fleet()
    written = asyncio.Event()
    load = [asyncio.create_task(_read_until(store, written)) for _ in range(3)]
    await _write_until(store, 20)
    os.kill(_postmaster(postgres), signal.SIGKILL)
    await _write_until(store, 60)
    written.set()
    assert max(await asyncio.gather(*load)) < 15  # nobody hangs
    assert (await store.counts())["block_load_profile"] == 60 * 4
    other = await Store.open(database)
    assert not await other.lock_fleet()
    await other.close()
    await store.close()


async def _write_until(store: Store, last: int) -> None:
    """As a caller of `write` must: after a failure the checkpoint says from where on to write again."""
    slot = await _settled(store) + 1
    while slot <= last:
        try:
            await store.write([blocks(slot * 1800)], checkpoint=Checkpoint("all", slot, b""))
            slot += 1
        except StoreUnavailable:
            slot = await _settled(store) + 1


async def _settled(store: Store) -> int:
    while True:
        try:
            return (await store.checkpoints()).get("all", Checkpoint("all", 0, b"")).settled_ms
        except StoreUnavailable:
            await asyncio.sleep(0.01)


async def _read_until(store: Store, finished: asyncio.Event) -> float:
    slowest = 0.0
    while not finished.is_set():
        began = time.monotonic()
        try:
            await store.meters()
        except StoreUnavailable:
            await asyncio.sleep(0.01)
        slowest = max(slowest, time.monotonic() - began)
    return slowest


def _postmaster(server: EmbeddedPostgres) -> int:
    return int(Path(server.data / "postmaster.pid").read_text().split()[0])


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://me:hush@server/meters?nonsense=1",
        "host=server password=hush nonsense=1",
        "password='hush' nonsense",
    ],
)
async def test_a_password_in_a_dsn_is_not_repeated(dsn: str) -> None:
    with pytest.raises(UserError) as told:
        await Store.open(dsn)
    assert "names no database" in str(told.value)
    assert "hush" not in str(told.value)
