# SPDX-License-Identifier: MIT
"""What went over TCP as a pcapng file (draft-ietf-opsawg-pcapng), for tools that dissect DLMS; keys in a file beside.

The IPv4 and TCP headers are made up, for the fleet sees streams and no packets; octets, order and time are real. A disk
that is full ends the capture, never a connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import csv
import logging
import os
import socket
import struct
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, NamedTuple

from simulator.errors import UserError
from simulator.fleet.connection import Connection, SessionAt
from simulator.fleet.pace import wall_now_ms

log = logging.getLogger(__name__)

_HEADERS = 40  # octets of IPv4 and TCP
_MOST = 65_535 - _HEADERS  # octets in one packet
_RAW_IP = 101  # LINKTYPE_RAW
_IN_MS = struct.pack("<HHB3xHH", 9, 1, 3, 0, 0)  # if_tsresol: 10^-3 s; opt_endofopt
_FIN, _SYN, _PSH, _ACK = 1, 2, 8, 16
_SECRETS = ("ek", "ak", "master", "secret", "password")
_KEY_COLUMNS = ("serial", "host", "port", "system_title", "client", *_SECRETS)


class _End(NamedTuple):
    host: bytes
    port: int


class Capture:
    """A file that is written anew; it and the keys beside it are its owner's alone to read."""

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        self.path = path
        self._file: IO[bytes] | None = file
        self._write(_block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)))
        self._write(_block(1, struct.pack("<HHI", _RAW_IP, 0, 0) + _IN_MS))

    def packet(self, octets: bytes) -> None:
        """An enhanced packet block."""
        now_ms, size = wall_now_ms(), len(octets)
        head = struct.pack("<IIIII", 0, now_ms >> 32, now_ms & 0xFFFFFFFF, size, size)
        self._write(_block(6, head + octets + bytes(-size % 4)))

    def write_keys(self, entries: Iterable[Mapping[str, Any]]) -> None:
        """As the fleet starts; `entries` as the inventory has them."""
        path = self.path.with_name(f"{self.path.name}.keys")
        try:
            with open(_anew(path), "w", encoding="utf-8", newline="") as file:
                csv.writer(file, lineterminator="\n").writerows([_KEY_COLUMNS, *_key_rows(entries)])
        except OSError as error:
            log.warning("%s cannot be written: %s", path, error.strerror)

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

    def _write(self, block: bytes) -> None:
        if self._file is not None:
            try:
                self._file.write(block)
            except OSError as error:
                self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        log.warning("%s cannot be written (%s); the capture ends here", self.path, error.strerror)
        file, self._file = self._file, None
        if file is not None:
            with contextlib.suppress(OSError):
                file.close()


def open_capture(path: Path) -> Capture:
    """UserError if the file cannot be made."""
    try:
        return Capture(path, open(_anew(path), "wb"))
    except OSError as error:
        raise UserError(f"--capture {path}: {error.strerror}") from None


def _anew(path: Path) -> int:
    """A descriptor of an empty file for its owner only, even if it was there before with other rights."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    if path.is_file():
        path.chmod(0o600)
    return descriptor


def _key_rows(entries: Iterable[Mapping[str, Any]]) -> Iterator[list[Any]]:
    for entry in entries:
        place = [entry["serial"], entry.get("host"), entry.get("port"), entry["system_title"]]
        for one in entry["clients"]:
            yield [*place, one["sap"], *(one.get(name, "") for name in _SECRETS)]


class CapturedConnection(Connection):
    """A connection whose octets are kept, with the packets that could have carried them."""

    __slots__ = ("_capture", "_ends", "_sent")

    def __init__(self, session_at: SessionAt, known: set[Connection], capture: Capture) -> None:
        super().__init__(session_at, known)
        self._capture = capture
        self._ends: tuple[_End, _End] | None = None  # the client and the meter
        self._sent = [0, 0]  # sequence numbers of both

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        peer = transport.get_extra_info("peername")
        if self.session is not None and peer is not None:
            self._ends = _end(peer), _end(transport.get_extra_info("sockname"))
            self._packet(0, _SYN)
            self._packet(1, _SYN | _ACK)

    def connection_lost(self, exc: Exception | None) -> None:
        self._packet(1, _FIN | _ACK)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._keep(0, data)
        super().data_received(data)

    def _send(self, out: list[bytes]) -> None:
        self._keep(1, b"".join(out))
        super()._send(out)

    def _keep(self, side: int, data: bytes) -> None:
        for at in range(0, len(data), _MOST):
            self._packet(side, _PSH | _ACK, data[at : at + _MOST])

    def _packet(self, side: int, flags: int, data: bytes = b"") -> None:
        if self._ends is None:
            return
        source, target = self._ends[side], self._ends[1 - side]
        acknowledged = self._sent[1 - side] if flags & _ACK else 0
        self._capture.packet(_tcp(source, target, self._sent[side], acknowledged, flags, data))
        self._sent[side] = self._sent[side] + (len(data) or 1) & 0xFFFFFFFF  # SYN and FIN count as one octet


def _end(name: tuple[str, int]) -> _End:
    return _End(socket.inet_aton(name[0]), name[1])


def _tcp(source: _End, target: _End, sequence: int, acknowledged: int, flags: int, data: bytes) -> bytes:
    """A packet of IPv4 (RFC 791) with a segment of TCP (RFC 9293), checksums and all."""
    size = 20 + len(data)
    pseudo = source.host + target.host + struct.pack(">HH", 6, size)
    ports = struct.pack(">HH", source.port, target.port)
    head = ports + struct.pack(">IIBBH", sequence, acknowledged, 5 << 4, flags, 0xFFFF)
    segment = head + _checksum(pseudo + head + bytes(4) + data) + bytes(2) + data
    front = struct.pack(">BBHHHBB", 0x45, 0, 20 + size, 0, 0x4000, 64, 6)
    return front + _checksum(front + source.host + target.host) + source.host + target.host + segment


def _checksum(octets: bytes) -> bytes:
    """RFC 1071. Octets are a number to the base 65536, and 65536 is 1 modulo 65535."""
    total = int.from_bytes(octets + bytes(len(octets) % 2), "big") % 0xFFFF
    return (0xFFFF - total).to_bytes(2, "big")


def _block(kind: int, body: bytes) -> bytes:
    size = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + size + body + size
