# SPDX-License-Identifier: MIT
"""Verification of blocks that are all equal, beside a bare query that reads the same columns of the same rows."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import psycopg

from bench.effort import Effort
from bench.figures import Figure, spread
from bench.fleets import fleet
from simulator.commands.place import Place
from simulator.commands.verify import read_groups
from simulator.hes.asking import Limits
from simulator.hes.database import HesDatabase
from simulator.hes.maps import read_maps
from simulator.hes.verifying import compare, reading
from simulator.store.embedded import EmbeddedPostgres

_TABLE = "block_load_profile"
_COLUMNS = ("kwh_import", "kwh_export", "kvah_import", "kvah_export", "average_current_r", "average_voltage_r")
_FILL = f"""
INSERT INTO public.meters (id, meter_number, meter_type, timezone)
SELECT id, meter_number, 'D1', 'Asia/Kolkata' FROM sim.meters;
INSERT INTO hes.{_TABLE} (meter_id, capture_time, {", ".join(_COLUMNS)})
SELECT meter_id, capture_time AT TIME ZONE 'Asia/Kolkata', {", ".join(_COLUMNS)} FROM sim.{_TABLE};
ANALYZE"""
_BARE = f"SELECT count(*), {', '.join(f'sum({column})' for column in _COLUMNS)} FROM {{}}.{_TABLE}"


def verifying(effort: Effort, place: EmbeddedPostgres) -> Iterator[Figure]:
    meters, days = effort.compared
    with fleet(place, meters, history=f"{days}d") as ours:
        with HesDatabase.open(ours.dsn) as database:
            database.install()
            database.connection.execute(_FILL.encode())
        pairs = [(_verified(ours.dsn), _bare(ours.dsn)) for _ in range(effort.fills)]
    (rows, ours_s), bare_s = sorted(pairs, key=lambda pair: pair[0][1] / pair[1])[len(pairs) // 2]
    yield Figure(
        what=f"verify: {rows:,} equal blocks of each side",
        unit="rows/s",
        ours=rows / ours_s,
        limit=rows / bare_s,
        ratio=spread([bare / mine for (_, mine), bare in pairs]),
        note=f"{ours_s:.1f} s; sums of both sides, one after the other, {bare_s:.1f} s",
    )


def _verified(dsn: str) -> tuple[int, float]:
    """Rows and seconds."""
    groups = asyncio.run(read_groups(Place(dsn)))
    began_s = time.perf_counter()
    with reading(dsn) as sim, reading(dsn) as hes:
        (outcome,) = compare(sim, hes, {_TABLE: read_maps(None).tables()[_TABLE]}, groups, Limits())
    assert not outcome.findings
    return outcome.rows, time.perf_counter() - began_s


def _bare(dsn: str) -> float:
    with psycopg.connect(dsn) as connection:
        connection.execute("SET max_parallel_workers_per_gather = 0")
        began_s = time.perf_counter()
        for schema in ("sim", "hes"):
            connection.execute(_BARE.format(schema).encode()).fetchall()
        return time.perf_counter() - began_s
