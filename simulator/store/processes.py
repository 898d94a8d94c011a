# SPDX-License-Identifier: MIT
"""Whether a process is what its pid file says. It never signals a process.

A pid alone proves nothing: after a reboot, or in a new container, it is another program's.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def serves(pid: int, data: Path) -> bool:
    """Whether the process is the PostgreSQL server of this data folder: its command line names it after -D."""
    if sys.platform == "linux":
        return b"\0-D\0" + os.fsencode(data) + b"\0" in _arguments(pid)
    return _ps_names(pid, data)


def has_ended(pid: int) -> bool:
    if sys.platform == "linux":
        return _state(pid) in ("", "Z", "X")  # in a container nobody may ever reap a zombie
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def _state(pid: int) -> str:
    """A letter (proc_pid_stat(5)); empty if there is no such process. Arguments tell nothing: a process in the middle
    of execve has none for a moment."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[0]
    except OSError:
        return ""


def _arguments(pid: int) -> bytes:
    """Readable for everyone, unlike /proc/<pid>/cwd, which root cannot follow in an ordinary container."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _ps_names(pid: int, data: Path) -> bool:
    answer = subprocess.run(
        ["ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return f" -D {data} " in answer.stdout
