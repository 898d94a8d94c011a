# SPDX-License-Identifier: MIT
"""Packets of IPv4 with TCP and UDP that could have carried what a capture keeps (RFC 791, RFC 9293, RFC 768).

Pure; headers are made up, checksums are right.
"""

from __future__ import annotations

import socket
import struct
from typing import NamedTuple

FIN, SYN, PSH, ACK = 1, 2, 8, 16
HEADERS = 40  # octets of IPv4 and TCP
MOST = 65_535 - HEADERS  # octets in one segment
_TCP, _UDP = 6, 17


class End(NamedTuple):
    host: bytes
    port: int


def end_of(name: tuple[str, int]) -> End:
    return End(socket.inet_aton(name[0]), name[1])


class Stream:
    """Segments between a client and a meter; `side` 0 is the client's."""

    def __init__(self, client: End, meter: End) -> None:
        self._ends = client, meter
        self._sent = [0, 0]  # sequence numbers of both

    def segment(self, side: int, flags: int, data: bytes = b"") -> bytes:
        source, target = self._ends[side], self._ends[1 - side]
        acknowledged = self._sent[1 - side] if flags & ACK else 0
        packet = _tcp(source, target, self._sent[side], acknowledged, flags, data)
        self._sent[side] = self._sent[side] + (len(data) or 1) & 0xFFFFFFFF  # SYN and FIN count as one octet
        return packet


def datagram(source: End, target: End, data: bytes) -> bytes:
    size = 8 + len(data)
    head = struct.pack(">HHH", source.port, target.port, size)
    pseudo = source.host + target.host + struct.pack(">HH", _UDP, size)
    return _ipv4(source, target, _UDP, head + _checksum(pseudo + head + bytes(2) + data) + data)


def _tcp(source: End, target: End, sequence: int, acknowledged: int, flags: int, data: bytes) -> bytes:
    pseudo = source.host + target.host + struct.pack(">HH", _TCP, 20 + len(data))
    ports = struct.pack(">HH", source.port, target.port)
    head = ports + struct.pack(">IIBBH", sequence, acknowledged, 5 << 4, flags, 0xFFFF)
    return _ipv4(source, target, _TCP, head + _checksum(pseudo + head + bytes(4) + data) + bytes(2) + data)


def _ipv4(source: End, target: End, protocol: int, payload: bytes) -> bytes:
    front = struct.pack(">BBHHHBB", 0x45, 0, 20 + len(payload), 0, 0x4000, 64, protocol)
    return front + _checksum(front + source.host + target.host) + source.host + target.host + payload


def _checksum(octets: bytes) -> bytes:
    """RFC 1071. Octets are a number to the base 65536, and 65536 is 1 modulo 65535."""
    total = int.from_bytes(octets + bytes(len(octets) % 2), "big") % 0xFFFF
    return (0xFFFF - total).to_bytes(2, "big")
