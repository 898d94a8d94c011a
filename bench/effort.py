# SPDX-License-Identifier: MIT
"""How much is measured and how often: the whole, or what fits in a minute. Numbers only."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Effort:
    pairs: int  # slices of load on each server, in turn
    slice_s: float
    get_connections: tuple[tuple[str, tuple[int, ...]], ...]  # by attribute
    way_connections: tuple[int, ...]  # of GETs that are ciphered, and that go over HDLC
    profiles: tuple[tuple[int, int, int], ...]  # days, PDU size, connections
    fleet_sizes: tuple[int, ...]
    memory_sizes: tuple[int, int]  # two of them, whose difference gives the memory per meter
    starts: int  # of each size
    history: tuple[int, int]  # meters, days
    fills: int
    pushes: int  # meters that push within one second
    storms: int  # how often they do
    collected: tuple[int, int]  # meters that the head-end reads, days of blocks that it lands of each
    landings: int
    compared: tuple[int, int]  # meters and days of blocks that are verified


QUICK = Effort(
    pairs=9,
    slice_s=0.08,
    get_connections=(("energy", (1, 50, 1000)), ("maker", (50,)), ("clock", (50,))),
    way_connections=(1, 50),
    profiles=((1, 1024, 8), (35, 65_535, 8)),
    fleet_sizes=(100, 10_000),
    memory_sizes=(100, 10_000),
    starts=1,
    history=(200, 10),
    fills=1,
    pushes=2_000,
    storms=1,
    collected=(40, 20),
    landings=3,
    compared=(100, 10),
)
FULL = Effort(
    pairs=25,
    slice_s=0.15,
    get_connections=tuple((name, (1, 50, 1000)) for name in ("energy", "maker", "clock")),
    way_connections=(1, 50),
    profiles=tuple((days, size, count) for days in (1, 35) for size in (1024, 65_535) for count in (1, 8)),
    fleet_sizes=(100, 1_000, 10_000, 100_000),
    memory_sizes=(1_000, 100_000),
    starts=3,
    history=(1_000, 30),
    fills=3,
    pushes=10_000,
    storms=3,
    collected=(200, 30),
    landings=7,
    compared=(1_000, 30),
)
