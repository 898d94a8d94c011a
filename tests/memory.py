# SPDX-License-Identifier: MIT
"""Folders for servers of tests: in memory where that can be, for each test makes and drops some 350 files."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PLACE = "/dev/shm"
_OCTETS = 3 << 30  # three workers use half of it


def _usable() -> bool:
    if not os.access(_PLACE, os.W_OK) or os.statvfs(_PLACE).f_flag & os.ST_NOEXEC:  # programs may be copied there
        return False
    return shutil.disk_usage(_PLACE).free > _OCTETS


IN_MEMORY = _usable()


@contextmanager
def server_folder() -> Iterator[Path]:
    """Short and open to others, unlike tmp_path: the server runs as another user when we are root."""
    with tempfile.TemporaryDirectory(prefix="meterfleet-test-", dir=_PLACE if IN_MEMORY else None) as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)
