# SPDX-License-Identifier: MIT
"""Folders for servers of tests: in memory where that can be, for each test makes and drops some 350 files."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from simulator.store import processes
from simulator.store.embedded import EmbeddedPostgres

_PLACE = "/dev/shm"
_PREFIX = "meterfleet-test-"
_LEFT_S = 3600.0
_OCTETS = 3 << 30  # three workers use half of it


def _usable() -> bool:
    if not os.access(_PLACE, os.W_OK) or os.statvfs(_PLACE).f_flag & os.ST_NOEXEC:  # programs may be copied there
        return False
    return shutil.disk_usage(_PLACE).free > _OCTETS


IN_MEMORY = _usable()


@contextmanager
def server_folder() -> Iterator[Path]:
    """Short and open to others, unlike tmp_path: the server runs as another user when we are root."""
    _sweep()
    with tempfile.TemporaryDirectory(prefix=_PREFIX, dir=_PLACE if IN_MEMORY else None) as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@cache
def _sweep() -> None:
    """What killed runs have left: folders in which no server runs, nor was started or stopped within the hour."""
    for folder in (one for place in (_PLACE, tempfile.gettempdir()) for one in Path(place).glob(f"{_PREFIX}*")):
        with suppress(OSError, ValueError):  # others sweep, too
            if _is_old(folder) and not any(map(_is_used, folder.glob("**/postgres/data"))):
                shutil.rmtree(folder, ignore_errors=True)


def _is_old(folder: Path) -> bool:
    return time.time() - folder.stat().st_mtime > _LEFT_S


def _is_used(data: Path) -> bool:
    """A server makes its pid file when it is started, and removes it when it is stopped."""
    told = data / "postmaster.pid"
    is_served = told.exists() and processes.serves(int(told.read_text().partition("\n")[0]), data)
    return is_served or not _is_old(data)


def family(server: EmbeddedPostgres) -> list[int]:
    """The server's process, and those that it has started (proc(5): /proc/pid/task/tid/children)."""
    pid = int((server.data / "postmaster.pid").read_text().split()[0])
    return [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]
