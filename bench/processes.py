# SPDX-License-Identifier: MIT
"""Processes and what they cost: CPU, memory, threads, as Linux tells them. It starts and ends only its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from bench.plan import Outcome, Plan

_CPUCLOCK_SCHED = 2  # clock_getcpuclockid(3): the CPU clock of a process, in nanoseconds where /proc counts 10 ms ticks


class Memory(NamedTuple):
    rss: int  # octets
    pss: int
    threads: int


def cpu_s(pid: int) -> float:
    """CPU seconds of a process and all its threads so far."""
    return time.clock_gettime((~pid << 3) | _CPUCLOCK_SCHED)


def busy_s() -> float:
    """CPU seconds of all programs so far, and those that the hypervisor gave to other machines (proc(5), stat)."""
    user, nice, system, _idle, _iowait, _irq, _softirq, steal = map(int, Path("/proc/stat").read_text().split()[1:9])
    return (user + nice + system + steal) / os.sysconf("SC_CLK_TCK")


def memory(pid: int) -> Memory:
    rollup = _fields(Path(f"/proc/{pid}/smaps_rollup"))
    return Memory(rollup["Rss"] * 1024, rollup["Pss"] * 1024, _fields(Path(f"/proc/{pid}/status"))["Threads"])


def children(pid: int) -> tuple[int, ...]:
    return tuple(int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split())


def _fields(file: Path) -> dict[str, int]:
    """The lines `name: number` of a file of /proc."""
    lines = (line.split() for line in file.read_text().splitlines())
    return {words[0].rstrip(":"): int(words[1]) for words in lines if len(words) > 1 and words[1].isdigit()}


class Server(NamedTuple):
    pid: int
    port: int


@contextmanager
def echo(sizes: Sequence[int]) -> Iterator[Server]:
    """The bare server that answers with these many octets in turn."""
    command = [sys.executable, "-m", "bench.echo", *map(str, sizes)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield Server(process.pid, int(process.stdout.readline()))
        finally:
            process.kill()


def load(plan: Plan) -> Outcome:
    """What two servers do under a plan; SystemExit if one does not do what the plan expects."""
    command = [sys.executable, "-m", "bench.load"]
    ran = subprocess.run(command, input=plan.to_json(), capture_output=True, text=True, check=False)
    if ran.returncode:
        sys.exit(f"the load generator gave up: {ran.stderr.strip()}")
    return Outcome.from_json(ran.stdout)
