# SPDX-License-Identifier: GPL-2.0-only
"""Orders to a running fleet: long ones hold up no others, and whoever waits hears that the fleet is at it."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Mapping
from typing import Any

import psycopg
import pytest
from pushing_fleet import INSTANT, MINUTE_MS, Pushing, pushing

from simulator.errors import MeterfleetError, StoreUnavailable, UserError
from simulator.fleet import control
from simulator.fleet.control import obey, order
from simulator.meter.columns import NATURAL
from simulator.store.database import Store


async def test_a_long_order_holds_up_no_other_and_says_that_it_is_followed(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes two minutes of the loop's clock, which this test moves ahead, twice as long as it may be silent."""
    monkeypatch.setattr(control, "_BEAT_S", 0.05)
    store, beats, go_on, listening = await Store.open(database), list[int](), asyncio.Event(), asyncio.Event()
    loop, ahead_s = asyncio.get_running_loop(), [0.0]
    real = loop.time

    async def long(told: Mapping[str, Any]) -> Mapping[str, Any]:
        await go_on.wait()
        return {"long": "done"}

    async def quick(told: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"quick": "done"}

    fleet = asyncio.ensure_future(obey(store, {"long": long, "quick": quick}, listening, lambda: {"now_ms": 7}))
    await listening.wait()

    def waiting(state: Mapping[str, Any]) -> None:
        beats.append(state["now_ms"])

    first = asyncio.ensure_future(order(store, "long", timeout_s=60, waiting=waiting))
    assert await order(store, "quick") == {"quick": "done"}
    monkeypatch.setattr(loop, "time", lambda: real() + sum(ahead_s))
    for _ in range(3):
        beats.clear()
        ahead_s.append(40)
        while not (beats or first.done()):
            await asyncio.sleep(0.01)
        assert set(beats) == {7}
    assert not first.done()
    go_on.set()
    assert await first == {"long": "done"}
    fleet.cancel()
    await asyncio.wait({fleet})
    with pytest.raises(UserError, match="no fleet answers"):
        await order(store, "quick", timeout_s=0.1)
    await store.close()


async def give(fleet: Pushing, name: str, **values: Any) -> dict[str, Any]:
    store = await Store.open(fleet.dsn)
    try:
        return await order(store, name, **values)
    finally:
        await store.close()


def outages(meters: Pushing) -> list[tuple[int, str]]:
    return meters.sql(
        "SELECT event_code, to_char(event_timestamp, 'HH24:MI') FROM sim.event_logs"
        " WHERE event_code IN (7, 8, 101, 102) ORDER BY event_timestamp, event_code"
    )


async def test_an_outage_ends_when_promised_though_the_fleet_was_stopped_meanwhile(database: str) -> None:
    """The first end comes while the next fleet runs, the second one while none did; each is logged at its time."""
    async with pushing(database, 2, None) as meters:
        await give(meters, "power", meters="1", on=False, for_ms=10 * MINUTE_MS)
        await give(meters, "supply", meters="2", voltage=1.3, for_ms=40 * MINUTE_MS)
        await meters.step(6 * MINUTE_MS)
        assert outages(meters) == [(101, "00:00"), (7, "00:05")]
    async with pushing(database, 2, None) as meters:
        await meters.step(10 * MINUTE_MS)
        ((_, returned),) = outages(meters)[2:]
        assert "00:10" <= returned <= "00:12"  # it needs its time to start
        ((at_ms,),) = meters.sql("SELECT at_ms FROM sim.supply_ends")
        assert dt.datetime.fromtimestamp(at_ms / 1000, dt.UTC).isoformat() == "2025-05-31T19:10:00+00:00"
    assert meters.sql("UPDATE sim.fleet SET clock_ms = clock_ms + 7200000 RETURNING 1") == [(1,)]
    async with pushing(database, 2, None) as meters:
        assert outages(meters)[3:] == [(8, "00:42")]
        assert meters.sql("SELECT count(*) FROM sim.supply_ends") == [(0,)]


async def test_an_answer_of_any_length_costs_nobody_anything(database: str) -> None:
    """A notification of PostgreSQL has less than 8,000 octets; the mistakes in an order may be more words than that."""
    store, listening = await Store.open(database), asyncio.Event()

    async def refused(told: Mapping[str, Any]) -> Mapping[str, Any]:
        raise UserError("\n".join(f"'ü{number}' is no meter" for number in range(10_000)))

    fleet = asyncio.ensure_future(obey(store, {"refused": refused}, listening, lambda: {"now_ms": 7}))
    await listening.wait()
    for _ in range(2):
        with pytest.raises(UserError, match="'ü1' is no meter"):
            await order(store, "refused", timeout_s=5)
    with pytest.raises(UserError, match="name meters by ranges"):
        await order(store, "refused", meters=",".join(map(str, range(2_000))))
    assert not fleet.done()
    fleet.cancel()
    await asyncio.wait({fleet})
    await store.close()


async def test_a_mistake_of_ours_in_one_order_does_not_end_the_fleet(database: str) -> None:
    store, listening = await Store.open(database), asyncio.Event()

    async def mistaken(told: Mapping[str, Any]) -> Mapping[str, Any]:
        raise IndexError("a bug")

    fleet = asyncio.ensure_future(obey(store, {"mistaken": mistaken}, listening, lambda: {"now_ms": 7}))
    await listening.wait()
    for _ in range(2):
        with pytest.raises(MeterfleetError, match="mistaken") as caught:
            await order(store, "mistaken", timeout_s=5)
        assert not isinstance(caught.value, UserError)
    fleet.cancel()
    await asyncio.wait({fleet})
    await store.close()


async def test_an_order_that_fails_for_the_database_is_no_mistake_of_the_users(database: str) -> None:
    store, listening = await Store.open(database), asyncio.Event()

    async def away(told: Mapping[str, Any]) -> Mapping[str, Any]:
        raise StoreUnavailable("the database was away " * 1_000)

    fleet = asyncio.ensure_future(obey(store, {"away": away}, listening, lambda: {"now_ms": 7}))
    await listening.wait()
    with pytest.raises(MeterfleetError, match=r"^give the order again; the database was away") as caught:
        await order(store, "away", timeout_s=5)
    assert not isinstance(caught.value, UserError)
    fleet.cancel()
    await asyncio.wait({fleet})
    await store.close()


async def test_a_fleet_without_a_write_to_do_takes_its_lock_again(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the server was away: else whoever empties the database believes that nobody serves it."""
    monkeypatch.setattr(control, "_AGAIN_S", 0.01)
    store, listening = await Store.open(database), asyncio.Event()
    assert await store.lock_fleet()
    fleet = asyncio.ensure_future(obey(store, {}, listening, lambda: {"now_ms": 7}))
    await listening.wait()
    locks = (
        "SELECT pid FROM pg_locks JOIN pg_database d ON d.oid = database"
        " WHERE datname = current_database() AND locktype = 'advisory' AND objid = 2"
    )
    with psycopg.connect(database, autocommit=True) as administrator:
        (before,) = administrator.execute(locks).fetchall()
        administrator.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        async with asyncio.timeout(60):
            while not (after := administrator.execute(locks).fetchall()) or after == [before]:
                await asyncio.sleep(0.01)
    fleet.cancel()
    await asyncio.wait({fleet})
    await store.close()


async def test_two_who_replace_the_same_meter_at_once_replace_it_once(database: str) -> None:
    """Who comes second names a serial number that nobody has any more."""
    async with pushing(database, 2, None) as meters:
        old = meters.fleet.identity(0)
        orders = (give(meters, "replace", meters=old.serial) for _ in range(2))
        done = await asyncio.gather(*orders, return_exceptions=True)
        new = meters.fleet.identity(0)
        assert new == old.successor(1)
    told = [one for one in done if isinstance(one, dict)]
    assert told == [{"meters": 1, "replaced": [{"was": old.serial, "is": new.serial}]}]
    (refused,) = (str(one) for one in done if isinstance(one, UserError))
    assert f"meter 1 is {new.serial}" in refused


async def test_a_fleet_that_lags_behind_tells_its_clock_at_once(database: str) -> None:
    async with pushing(database, 1, None) as meters:
        clock = meters.fleet.clock
        hold = clock.hold(clock.now_ms())
        stepping = asyncio.ensure_future(give(meters, "clock", step_ms=60 * MINUTE_MS))
        while not (told := await give(meters, "clock"))["behind_ms"]:
            pass
        assert told["behind_ms"] >= 59 * MINUTE_MS
        assert not stepping.done()
        clock.release(hold)
        assert (await stepping)["now_ms"] >= told["now_ms"] + told["behind_ms"]


async def test_orders_that_come_while_the_clock_steps_lose_nothing(database: str) -> None:
    """What they came to is the same in the store and in the meters, whichever of them was first."""
    models = ("is15959-1ph", "is15959-3ph")
    async with pushing(database, 20, "127.0.0.1:9", models=models) as meters:
        orders = [
            give(meters, "clock", step_ms=60 * MINUTE_MS),
            give(meters, "event", meters="1-10,25", codes=[201, 203]),
            give(meters, "replace", meters=f"6-8,{meters.fleet.identity(30).serial}", reading_wh=5000),
            give(meters, "power", meters="15-30", on=False, for_ms=10 * MINUTE_MS),
            give(meters, "supply", meters="1-5", voltage=1.3, for_ms=20 * MINUTE_MS),
            give(meters, "push", meters="all", setup=INSTANT),
        ]
        done = await asyncio.gather(*orders)
        await meters.step(60 * MINUTE_MS)
        columns = [cohort.columns for cohort in meters.fleet.cohorts]
        serials = [identity.serial for cohort in meters.fleet.cohorts for identity in cohort.identities]
    logged = dict(meters.sql("SELECT event_code, count(*)::int FROM sim.event_logs GROUP BY 1"))
    assert (logged[201], logged[101], logged[102]) == (done[1]["meters"], 16, 16)
    assert meters.sql("SELECT count(*) FROM sim.supply_ends") == [(0,)]
    assert all((one.powered == 1).all() and (one.voltage_milli == NATURAL).all() for one in columns)
    assert [int(one.generation.sum()) for one in columns] == [3, 1]
    async with pushing(database, 20, None, models=models) as meters:
        assert [identity.serial for cohort in meters.fleet.cohorts for identity in cohort.identities] == serials
        for cohort, before in zip(meters.fleet.cohorts, columns, strict=True):
            assert before.dump() == cohort.columns.dump()
