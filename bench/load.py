# SPDX-License-Identifier: MIT
"""The load generator: `python -m bench.load` reads a plan from stdin, carries it out and prints the outcome.

It loads the two servers in turn, a fraction of a second each, so that what else the machine does meets both alike.
"""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import suppress
from typing import NamedTuple

import uvloop

from bench.crew import Crew
from bench.plan import Outcome, Plan, Slice
from bench.processes import busy_s, children, cpu_s


class Sample(NamedTuple):
    wall_s: float
    done: int
    server_s: float
    load_s: float
    database_s: dict[int, float]  # by process


def _sample(crew: Crew, database: int | None) -> Sample:
    return Sample(time.perf_counter(), crew.done, cpu_s(crew.side.pid), time.process_time(), _database_s(database))


def _database_s(postmaster: int | None) -> dict[int, float]:
    """CPU of each process of the database; some come and go by themselves."""
    found: dict[int, float] = {}
    for pid in () if postmaster is None else children(postmaster):
        with suppress(OSError):
            found[pid] = cpu_s(pid)
    return found


def _between(before: Sample, after: Sample) -> Slice:
    done = after.done - before.done
    database_s = sum(late_s - before.database_s.get(pid, 0.0) for pid, late_s in after.database_s.items())
    return Slice(
        rate=done / (after.wall_s - before.wall_s),
        cpu_us=(after.server_s - before.server_s) / done * 1e6,
        database_us=database_s / done * 1e6,
        load_us=(after.load_s - before.load_s) / done * 1e6,
    )


async def _slice(crew: Crew, seconds: float, database: int | None = None) -> Slice:
    crew.prepare()
    before = _sample(crew, database)
    await crew.work(seconds)
    return _between(before, _sample(crew, database))


async def _carry_out(plan: Plan) -> Outcome:
    ours, bare = (Crew(side, reconnect=plan.reconnect) for side in (plan.ours, plan.bare))
    _part(plan)
    for crew in (ours, bare):
        await crew.open()
        crew.prepare()
        await crew.work(plan.slice_s)  # to warm up
    foreign_s, began_s = _foreign_s(plan), time.perf_counter()
    pairs = [
        (await _slice(ours, plan.slice_s, plan.database), await _slice(bare, plan.slice_s)) for _ in range(plan.pairs)
    ]
    disturbance = (_foreign_s(plan) - foreign_s) / (time.perf_counter() - began_s)
    return Outcome(pairs, max(disturbance, 0.0))


def _part(plan: Plan) -> None:
    """Server and load each on a processor of its own: where the scheduler would put them changes from run to run."""
    processors = sorted(os.sched_getaffinity(0))
    if len(processors) > 1:
        os.sched_setaffinity(0, processors[:1])
        for server in (plan.ours.pid, plan.bare.pid):
            os.sched_setaffinity(server, processors[-1:])


def _foreign_s(plan: Plan) -> float:
    """CPU seconds so far of all programs that have no part in this."""
    part_s = time.process_time() + cpu_s(plan.ours.pid) + cpu_s(plan.bare.pid)
    return busy_s() - part_s - sum(_database_s(plan.database).values())


if __name__ == "__main__":
    print(json.dumps(uvloop.run(_carry_out(Plan.from_json(sys.stdin.read())))))
