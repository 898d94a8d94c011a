# SPDX-License-Identifier: MIT
"""How fast a history is computed and stored, beside a bare COPY of the same rows into the same table's shape."""

from __future__ import annotations

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


def _fill(meters: int, days: int) -> Fill:
    """Both fleets start on a server that runs; the one without history tells what a start costs anyway."""
    with home() as place:
        place.start()
        with fleet(place, meters) as empty:
            start_s, start_cpu_s = empty.ready_s, cpu_s(empty.pid)
        with fleet(place, meters, history=f"{days}d") as filled:
            ours_s, ours_cpu_s, dsn = filled.ready_s - start_s, cpu_s(filled.pid) - start_cpu_s, filled.dsn
        rows, bare_s = _bare_copy(dsn)
    return Fill(rows, ours_s, ours_cpu_s, bare_s)


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
