# SPDX-License-Identifier: MIT
"""Files that commands write: whether there is a place for them is asked before the work, not after it; and an older
file is there, whole, until the new one is."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import sys
from pathlib import Path

from simulator.errors import MeterfleetError, UserError

_ITSELF_ONLY = (errno.EACCES, errno.EPERM, errno.EBUSY)  # nothing may be made beside it, or it is a mount of its own


def check_output(option: str, path: Path | None) -> None:
    """UserError if nothing can be written there."""
    if path is None:
        return
    if path.is_dir():
        raise UserError(f"{option} {path}: this is a folder; name a file in it")
    if not path.parent.is_dir():
        raise UserError(f"{option} {path}: there is no folder {path.parent}; make it first")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise UserError(f"{option} {path}: you may not write there")


def check_apart(option: str, path: Path | None, other: str, there: Path | None) -> None:
    """UserError if one would overwrite the other."""
    if path and there and os.path.realpath(path) == os.path.realpath(there) and not _is_stream(path):
        raise UserError(f"{option} and {other} name the same file, {path}; give each one of its own")


def write_whole(path: Path, octets: bytes, *, mode: int = 0o666) -> None:
    """All of it; else OSError, and an older file is as it was, its rights and links to it too. `mode`: of a new one."""
    if _is_stream(path):
        path.write_bytes(octets)
        return
    target = Path(os.path.realpath(path))
    try:
        _replace(target, octets, mode)
    except OSError as error:
        if error.errno not in _ITSELF_ONLY:
            raise
        target.write_bytes(octets)


def _is_stream(path: Path) -> bool:
    """A device, a pipe, or our own output by another name: nothing can take its place."""
    try:
        found = path.stat()
    except OSError:
        return False
    return not path.is_file() or any(os.path.samestat(found, os.fstat(own)) for own in _outputs())


def _outputs() -> list[int]:
    files = []
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, AttributeError):  # closed, or a test's
            files.append(stream.fileno())
    return files


def _replace(target: Path, octets: bytes, mode: int) -> None:
    beside = target.with_name(f".meterfleet-{secrets.token_hex(8)}")
    try:
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(octets)
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            _take_rights(beside, target)
        os.replace(beside, target)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def _take_rights(path: Path, of: Path) -> None:
    found = of.stat()
    with contextlib.suppress(PermissionError, AttributeError):  # of another user's file only root can; not on Windows
        os.chown(path, found.st_uid, found.st_gid)
    shutil.copymode(of, path)


def unwritten(path: Path, error: OSError) -> MeterfleetError:
    return MeterfleetError(f"{path} cannot be written: {error.strerror or error}")
