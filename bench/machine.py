# SPDX-License-Identifier: MIT
"""On what the figures were taken. It measures nothing."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

from simulator import __version__
from simulator.store.binaries import find_binaries

Facts = dict[str, str]


def facts() -> Facts:
    return {
        "processor": f"{_processor()}, {len(os.sched_getaffinity(0))} cores",
        "system": f"{platform.system()} {platform.release()}, {_memory_gib():.0f} GiB",
        "load before": " ".join(f"{load:.2f}" for load in os.getloadavg()),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "postgresql": _postgresql(),
        "meterfleet": __version__,
        **{package: version(package) for package in ("uvloop", "numpy", "psycopg")},
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _memory_gib() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


def _postgresql() -> str:
    program = find_binaries().folder / "postgres"
    return subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout.split()[-1]
