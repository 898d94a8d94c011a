# SPDX-License-Identifier: GPL-2.0-only
"""The head-end's side: profiles that it reads and lands per second; rows landed, beside a bare COPY of the same."""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from functools import partial

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from bench.effort import Effort
from bench.figures import Figure, at_least, spread
from bench.fleets import fleet
from bench.processes import cpu_s
from simulator.commands.inventory import read_inventory
from simulator.commands.place import Place
from simulator.headend.collecting import Collector, Manners, Schedule
from simulator.headend.options import CLIENTS
from simulator.headend.roster import known_meters
from simulator.hes.database import HesDatabase
from simulator.hes.landing import Batch, Landing, Registered
from simulator.hes.tables import BLOCK, Row
from simulator.store.embedded import EmbeddedPostgres

Connection = psycopg.Connection[tuple[object, ...]]
_WORKERS = 8
_BATCH_METERS = 40
_NAMES = sql.SQL(", ").join(map(sql.Identifier, BLOCK.columns))
_OUT = sql.SQL("COPY hes.block_load_profile ({}) TO STDOUT").format(_NAMES)
_IN = sql.SQL("COPY hes.block_load_profile ({}) FROM STDIN").format(_NAMES)


@dataclass(slots=True)
class Taken:
    wall_s: float = 0.0
    cpu_s: float = 0.0


def collecting(effort: Effort, place: EmbeddedPostgres) -> Iterator[Figure]:
    meters, days = effort.collected
    yield _reading(place, meters)
    yield _landing(place, meters, days, effort.landings)


def _reading(place: EmbeddedPostgres, meters: int) -> Figure:
    """A day of blocks of each meter, by gurux, over one association each."""
    with fleet(place, meters, history="1d") as ours, _database(place, "bench_reading") as dsn:
        known = known_meters(asyncio.run(read_inventory(Place(ours.dsn))), CLIENTS["mr"])
        with HesDatabase.open(dsn) as database:
            Landing(database.connection).register([Registered(one.serial, "D1", None, None) for one in known], "UTC")
        collector = Collector(known, {}, Manners(_WORKERS), partial(_landing_on, dsn))
        began_s = time.perf_counter()
        collector.run(Schedule({"block": 1.0}, once=True))
        took_s = time.perf_counter() - began_s
    note = f"{collector.tally.rows / took_s:,.0f} rows/s, {_WORKERS} at once, with association and landing"
    return Figure(what="head-end: profile 1 d, 48 rows, by gurux", unit="reads/s", ours=meters / took_s, note=note)


def _landing(place: EmbeddedPostgres, meters: int, days: int, turns: int) -> Figure:
    """Rows that are new, from Python's objects; the bare COPY has its octets ready and no view of what is there."""
    with _database(place, "bench_landing") as dsn, HesDatabase.open(dsn) as database:
        connection = database.connection
        serials = [f"{number:010}" for number in range(meters)]
        landing = Landing(connection)
        landing.know([(BLOCK.code, 7, "block load", "")])
        landing.register([Registered(serial, "D1", None, None) for serial in serials], "UTC")
        rows = _blocks(days)
        pairs = [(_landed(landing, connection, serials, rows), _bare_copy(connection)) for _ in range(turns)]
    count = meters * len(rows)
    ours, bare = sorted(pairs, key=lambda pair: pair[0].wall_s / pair[1].wall_s)[len(pairs) // 2]
    ratio = spread([limit.wall_s / mine.wall_s for mine, limit in pairs])
    return Figure(
        what=f"head-end: {count:,} blocks landed",
        unit="rows/s",
        ours=count / ours.wall_s,
        limit=count / bare.wall_s,
        ratio=ratio,
        cpu_us=ours.cpu_s / count * 1e6,
        limit_cpu_us=bare.cpu_s / count * 1e6,
        cpu_ratio=spread([mine.cpu_s / limit.cpu_s for mine, limit in pairs]),
        note="CPU with PostgreSQL's",
        targets=(at_least("ratio", ratio.median, least=0.5),),
    )


def _landed(landing: Landing, connection: Connection, serials: list[str], rows: list[Row]) -> Taken:
    connection.execute("TRUNCATE hes.block_load_profile")
    with _taken(connection) as taken:
        for at in range(0, len(serials), _BATCH_METERS):
            batch = Batch()
            for serial in serials[at : at + _BATCH_METERS]:
                batch.add(BLOCK, serial, rows)
            landing.land(batch)
    return taken


@contextmanager
def _taken(connection: Connection) -> Iterator[Taken]:
    """By this process and by the connection's backend together."""
    server, taken = connection.info.backend_pid, Taken()
    before_s, began_s = time.process_time() + cpu_s(server), time.perf_counter()
    yield taken
    taken.wall_s, taken.cpu_s = time.perf_counter() - began_s, time.process_time() + cpu_s(server) - before_s


def _blocks(days: int) -> list[Row]:
    first = dt.datetime(2025, 6, 1, tzinfo=dt.UTC)
    moments = [first + dt.timedelta(minutes=30 * (number + 1)) for number in range(48 * days)]
    energies = (Decimal("0.211"), Decimal("0.000"), Decimal("0.221"), Decimal("0.000"))
    values = (*energies, Decimal("1.777"), None, None, Decimal("248.57"), None, None, 30)
    return [(at, at.replace(tzinfo=None), *values, "NORMAL_READ", "SUCCESS") for at in moments]


def _bare_copy(connection: Connection) -> Taken:
    """Into the same table, emptied before."""
    with connection.cursor() as cursor:
        with cursor.copy(_OUT) as out:
            octets = b"".join(map(bytes, out))
        cursor.execute("TRUNCATE hes.block_load_profile")
        with _taken(connection) as taken, cursor.copy(_IN) as back:
            back.write(octets)
    return taken


@contextmanager
def _database(place: EmbeddedPostgres, name: str) -> Iterator[str]:
    """With the head-end's tables."""
    place.start()
    dsn = place.dsn("postgres")
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
        mine = make_conninfo(dsn, dbname=name)
        with HesDatabase.open(mine) as database:
            database.install("UTC")
        yield mine
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@contextmanager
def _landing_on(dsn: str) -> Iterator[Landing]:
    with HesDatabase.open(dsn) as database:
        yield Landing(database.connection)
