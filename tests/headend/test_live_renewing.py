# SPDX-License-Identifier: GPL-2.0-only
"""The reference head-end while a meter is replaced: it notices, reads the new one, and files nothing under another."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from databases_bench import headend_line, made, started
from live import DEADLINE_S, Spawned, eventually, free_port, run, spawned, sql

from simulator.store.embedded import EmbeddedPostgres
from simulator.values import MS_PER_HOUR, MS_PER_MINUTE

_METERS = 3
_AT = ("--start", "2025-06-02T10:05:00+05:30", "--speed", 0, "--seed", 65)
_LONG_S = 60.0


@pytest.fixture(scope="module")
def port() -> int:
    """Where the fleet pushes to."""
    return free_port()


@pytest.fixture(scope="module")
def fleet(postgres: EmbeddedPostgres, port: int) -> Iterator[Spawned]:
    with spawned(postgres.home, _METERS, *_AT, "--push", f"127.0.0.1:{port}") as fleet:
        fleet.step(2 * MS_PER_HOUR)
        yield fleet


@pytest.fixture
def database(postgres: EmbeddedPostgres) -> Iterator[str]:
    with made(postgres) as dsn:
        yield dsn


@contextmanager
def reading(fleet: Spawned, dsn: str, *words: object) -> Iterator[None]:
    """The head-end's process, reading all the time; it ends in good order."""
    process = started(
        *headend_line(fleet, dsn, "--every", "1s", "--profiles", "block,daily", *words), home=fleet.log.parent
    )
    try:
        eventually(lambda: sql(dsn, "SELECT to_regclass('hes.settings') IS NOT NULL")[0][0], within_s=_LONG_S)
        eventually(lambda: read_up_to_date(fleet, dsn), within_s=_LONG_S)
        yield
    finally:
        process.terminate()
        _, errors = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 0, errors


def read_up_to_date(fleet: Spawned, dsn: str) -> bool:
    """Every meter that is there now has been read, to its last block."""
    told = """SELECT m.meter_number, count(*) FROM {}.block_load_profile b JOIN {}.meters m ON m.id = b.meter_id
               WHERE m.status <> '{}' GROUP BY 1 ORDER BY 1"""
    return sql(dsn, told.format("hes", "public", "RETIRED")) == fleet.sql(told.format("sim", "sim", "REMOVED"))


def replaced(fleet: Spawned, meter: int, **settings: object) -> dict[str, str]:
    """Serial numbers: what was there and what is."""
    (swap,) = fleet.order("replace", meters=str(meter), **settings)["replaced"]
    return dict(swap)


def findings(fleet: Spawned, dsn: str, tables: str) -> object:
    words = ("--hes", dsn, "--database", fleet.dsn, "--tables", tables, "--json")
    return json.loads(run("verify", *words, home=fleet.log.parent).stdout)["findings"]


def logged(dsn: str, kind: str) -> list[tuple[str, str]]:
    told = """SELECT m.meter_number, e.description FROM hes.event_logs e JOIN public.meters m ON m.id = e.meter_id
               WHERE e.event_type = %s ORDER BY e.id"""
    return sql(dsn, told, kind)  # type: ignore[return-value]


def test_it_takes_up_the_new_meter_by_itself(fleet: Spawned, database: str) -> None:
    """Ciphering fails, since the keys are others now."""
    with reading(fleet, database, "--client", "us", "--retries", 0):
        swap = replaced(fleet, 2, reading_wh=7_000)
        fleet.inject(2, 251)
        fleet.step(MS_PER_HOUR)
        eventually(lambda: logged(database, "METER_REPLACED"), within_s=_LONG_S)
        eventually(lambda: read_up_to_date(fleet, database), within_s=_LONG_S)
    assert logged(database, "METER_REPLACED") == [(swap["is"], f"it has taken the place of meter {swap['was']}")]
    status = dict(sql(database, "SELECT meter_number, status FROM public.meters"))
    assert (status[swap["was"]], status[swap["is"]]) == ("RETIRED", "CONNECTED")
    assert findings(fleet, database, "block_load_profile,daily_load_profile") == []


def test_a_push_of_the_new_meter_makes_it_known(fleet: Spawned, port: int, database: str) -> None:
    with reading(fleet, database, "--every", "1h", "--listen", f"127.0.0.1:{port}"):
        swap = replaced(fleet, 3)
        fleet.step(10 * MS_PER_MINUTE)
        pushed = """SELECT count(*) FROM hes.push_history h JOIN hes.push_setups s ON s.id = h.push_setup_id
                    JOIN public.meters m ON m.id = s.meter_id WHERE m.meter_number = %s"""
        eventually(lambda: sql(database, pushed, swap["is"])[0][0], within_s=_LONG_S)
        eventually(lambda: logged(database, "METER_REPLACED"), within_s=_LONG_S)
    refused = sql(database, "SELECT count(*) FROM hes.event_logs WHERE event_type IN ('UNDECODABLE', 'UNKNOWN_METER')")
    assert refused == [(0,)]


def test_who_was_replaced_while_nobody_looked_is_retired_at_the_next_start(fleet: Spawned, database: str) -> None:
    words = ("headend", "--database", fleet.dsn, "--hes-database", database, "--once", "--profiles", "daily")
    assert run(*words, home=fleet.log.parent).returncode == 0
    swap = replaced(fleet, 1)
    for _ in range(2):  # said once
        assert run(*words, home=fleet.log.parent).returncode == 0
    status = dict(sql(database, "SELECT meter_number, status FROM public.meters"))
    assert (status[swap["was"]], status[swap["is"]]) == ("RETIRED", "CONNECTED")
    assert logged(database, "METER_REPLACED") == [(swap["is"], f"it has taken the place of meter {swap['was']}")]
