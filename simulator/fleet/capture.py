# SPDX-License-Identifier: MIT
"""What went over the wire as a pcapng file (draft-ietf-opsawg-pcapng), for tools that dissect DLMS; keys beside it.

It is told packets and keys. A disk that is full ends the capture, never a connection.
"""

from __future__ import annotations

import contextlib
import csv
import io
import logging
import os
import struct
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO

from simulator.errors import UserError
from simulator.fleet.pace import wall_now_ms

log = logging.getLogger(__name__)

_RAW_IP = 101  # LINKTYPE_RAW
_IN_MS = struct.pack("<HHB3xHH", 9, 1, 3, 0, 0)  # if_tsresol: 10^-3 s; opt_endofopt


class Capture:
    """Two files that are written anew, and are their owner's alone to read."""

    def __init__(self, path: Path) -> None:
        self._packets = _File(path)
        self._keys = _File(path.with_name(f"{path.name}.keys"))
        self._packets.write(_block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)))
        self._packets.write(_block(1, struct.pack("<HHI", _RAW_IP, 0, 0) + _IN_MS))

    def packet(self, octets: bytes) -> None:
        """An enhanced packet block."""
        now_ms, size = wall_now_ms(), len(octets)
        head = struct.pack("<IIIII", 0, now_ms >> 32, now_ms & 0xFFFFFFFF, size, size)
        self._packets.write(_block(6, head + octets + bytes(-size % 4)))

    def key_rows(self, rows: Iterable[Sequence[object]]) -> None:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(rows)
        self._keys.write(text.getvalue().encode())

    def flush(self) -> None:
        self._packets.flush()
        self._keys.flush()

    def close(self) -> None:
        self._packets.close()
        self._keys.close()


def open_capture(path: Path) -> Capture:
    """UserError if its files cannot be made."""
    try:
        return Capture(path)
    except OSError as error:
        raise UserError(f"--capture {path}: {error.strerror}") from None


class _File:
    """Empty at first, for its owner only even if it was there before with other rights; raises OSError only then."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[bytes] | None = os.fdopen(_anew(path), "wb")

    def write(self, octets: bytes) -> None:
        if self._file is not None:
            try:
                self._file.write(octets)
            except OSError as error:
                self._give_up(error)

    def flush(self) -> None:
        if self._file is not None:
            try:
                self._file.flush()
            except OSError as error:
                self._give_up(error)

    def close(self) -> None:
        self.flush()
        if self._file is not None:
            self._file.close()
            self._file = None

    def _give_up(self, error: OSError) -> None:
        log.warning("%s cannot be written (%s); the capture ends here", self._path, error.strerror)
        file, self._file = self._file, None
        if file is not None:
            with contextlib.suppress(OSError):
                file.close()


def _anew(path: Path) -> int:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    if path.is_file():
        path.chmod(0o600)
    return descriptor


def _block(kind: int, body: bytes) -> bytes:
    size = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + size + body + size
