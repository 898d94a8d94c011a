# SPDX-License-Identifier: MIT
"""How fast time passes: a history computed and stored, and the same time lived through by a running fleet as fast as
the work goes, beside a bare COPY of the same rows into the same table's shape."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Iterator
from typing import NamedTuple

import psycopg
from psycopg import sql

from bench.effort import Effort
from bench.figures import Figure, spread
from bench.fleets import fleet, home
from bench.processes import cpu_s
from simulator.fleet.control import order
from simulator.store.database import Store
from simulator.values import MS_PER_DAY

_COLUMNS = """SELECT column_name FROM information_schema.columns
WHERE table_schema = 'sim' AND table_name = 'block_load_profile' AND column_name NOT IN ('id', 'created_at')"""
_SHAPE = "CREATE TABLE public.bare (LIKE sim.block_load_profile INCLUDING ALL)"
_OUT = sql.SQL("COPY sim.block_load_profile ({columns}) TO STDOUT (FORMAT BINARY)")
_IN = sql.SQL("COPY public.bare ({columns}) FROM STDIN (FORMAT BINARY)")
_CHUNK = 1 << 18


class Fill(NamedTuple):
    rows: int
    ours_s: float
    cpu_s: float
    bare_s: float
    lived_s: float
    lived_cpu_s: float


def filling(effort: Effort) -> Iterator[Figure]:
    meters, days = effort.history
    fills = sorted((_fill(meters, days) for _ in range(effort.fills)), key=lambda fill: fill.ours_s / fill.bare_s)
    middle = fills[len(fills) // 2]
    yield Figure(
        what=f"history of {meters:,} meters x {days} d, {middle.rows:,} blocks",
        unit="rows/s",
        ours=middle.rows / middle.ours_s,
        limit=middle.rows / middle.bare_s,
        ratio=spread([fill.bare_s / fill.ours_s for fill in fills]),
        cpu_us=middle.cpu_s / middle.rows * 1e6,
        note=f"{middle.ours_s:.1f} s on top of a start without history; bare COPY {middle.bare_s:.1f} s",
    )
    yield Figure(
        what=f"{meters:,} meters live {days} d at max, {middle.rows:,} blocks",
        unit="rows/s",
        ours=middle.rows / middle.lived_s,
        limit=middle.rows / middle.bare_s,
        ratio=spread([fill.bare_s / fill.lived_s for fill in fills]),
        cpu_us=middle.lived_cpu_s / middle.rows * 1e6,
        note=f"{middle.lived_s:.1f} s, {days / middle.lived_s:.1f} simulated days a second",
    )


def _fill(meters: int, days: int) -> Fill:
    """Both fleets start on a server that runs; the one without history tells what a start costs anyway."""
    with home() as place:
        place.start()
        with fleet(place, meters, options=("--speed", "0")) as empty:
            start_s, start_cpu_s = empty.ready_s, cpu_s(empty.pid)
            lived_s = asyncio.run(_live(empty.dsn, days))
            lived_cpu_s = cpu_s(empty.pid) - start_cpu_s
        with fleet(place, meters, history=f"{days}d") as filled:
            ours_s, ours_cpu_s, dsn = filled.ready_s - start_s, cpu_s(filled.pid) - start_cpu_s, filled.dsn
        rows, bare_s = _bare_copy(dsn)
    return Fill(rows, ours_s, ours_cpu_s, bare_s, lived_s, lived_cpu_s)


async def _live(dsn: str, days: int) -> float:
    """Seconds in which a running fleet lives through so many days."""
    store = await Store.open(dsn)
    try:
        began_s = time.perf_counter()
        await order(store, "clock", step_ms=days * MS_PER_DAY, timeout_s=600.0)
        return time.perf_counter() - began_s
    finally:
        await store.close()


def _bare_copy(dsn: str) -> tuple[int, float]:
    """Rows and seconds: binary rows from a file, with the indexes and checks of the table, without its triggers."""
    with psycopg.connect(dsn) as connection, tempfile.TemporaryFile() as rows, connection.cursor() as cursor:
        columns = sql.SQL(", ").join(sql.Identifier(name) for (name,) in cursor.execute(_COLUMNS))
        cursor.execute(_SHAPE)
        with cursor.copy(_OUT.format(columns=columns)) as out:
            for part in out:
                rows.write(part)
        connection.commit()
        rows.seek(0)
        began_s = time.perf_counter()
        with cursor.copy(_IN.format(columns=columns)) as back:
            while part := rows.read(_CHUNK):
                back.write(part)
        connection.commit()
        return cursor.rowcount, time.perf_counter() - began_s
