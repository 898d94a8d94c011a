# SPDX-License-Identifier: GPL-2.0-only
"""A peer on a real socket that answers from a table of octets, in blocks of the client's PDU size.

It has no protocol engine of ours in it: its frames are laid out by hand from the Green Book, so that the reader is
judged by the standard's octets and not by the server's idea of them.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass, field

from simulator.values import parse_obis
from simulator.wire.axdr import sequence_of

# application context LN, result 0, diagnostic 0 of the service user
_AARE_HEAD = bytes.fromhex("a109060760857405080101 a203020100 a305a103020100")
_CONFORMANCE = bytes.fromhex("00121d")  # block get, multiple references, get, set, selective access, action


def build_aare(head: bytes = _AARE_HEAD, conformance: bytes = _CONFORMANCE, max_pdu: int = 1024) -> bytes:
    """Green Book 9.4.2; user-information: InitiateResponse with DLMS version 6 and VAA 0007."""
    initiate = bytes.fromhex("0800065f1f0400") + conformance + max_pdu.to_bytes(2, "big") + b"\x00\x07"
    body = head + bytes((0xBE, len(initiate) + 2, 0x04, len(initiate))) + initiate
    return bytes((0x61, len(body))) + body


def octets_of(count: int) -> bytes:
    return bytes((count,)) if count < 128 else b"\x82" + count.to_bytes(2, "big")


@dataclass
class Peer:
    """`values`: A-XDR octets or a data-access-result by (class, OBIS octets, attribute)."""

    values: dict[tuple[int, bytes, int], bytes | int] = field(default_factory=dict)
    answer_aarq: bytes = field(default_factory=build_aare)
    instead: Callable[[bytes], bytes | None] | None = None  # an APDU of one's own for a request, b"" to close
    requests: list[bytes] = field(default_factory=list)
    block_octets: int = 60_000
    port: int = 0

    def put(self, class_id: int, obis: str, attribute: int, value: bytes | int) -> None:
        self.values[class_id, bytes(int(group) for group in obis.split(".")), attribute] = value

    def answer(self, request: bytes) -> bytes:
        self.requests.append(request)
        own = self.instead(request) if self.instead else None
        if own is not None:
            return own
        if request[0] == 0x60:
            return self.answer_aarq
        if request[0] == 0x62:
            return bytes.fromhex("6303800100")
        return {0xC0: self._get, 0xC1: self._set, 0xC3: self._act}[request[0]](request)

    def _get(self, request: bytes) -> bytes:
        kind, invoke = request[1], request[2:3]
        if kind == 2:
            return self._block(invoke, int.from_bytes(request[3:7], "big") + 1)
        if kind == 3:
            items = [request[4 + 10 * at : 14 + 10 * at] for at in range(request[3])]
            self._rest = bytes((len(items),)) + b"".join(self._result(item) for item in items)
            if len(self._rest) < self.block_octets:
                return b"\xc4\x03" + invoke + self._rest
            return self._block(invoke, 1)
        result = self._result(request[3:12])
        if len(result) < self.block_octets:
            return b"\xc4\x01" + invoke + result
        self._rest = result[1:]
        return self._block(invoke, 1)

    def _block(self, invoke: bytes, number: int) -> bytes:
        part, self._rest = self._rest[: self.block_octets], self._rest[self.block_octets :]
        last = b"\x00" if self._rest else b"\x01"
        return b"\xc4\x02" + invoke + last + number.to_bytes(4, "big") + b"\x00" + octets_of(len(part)) + part

    def _result(self, descriptor: bytes) -> bytes:
        key = (int.from_bytes(descriptor[:2], "big"), descriptor[2:8], descriptor[8])
        value = self.values.get(key, 4)
        return bytes((1, value)) if isinstance(value, int) else b"\x00" + value

    def _set(self, request: bytes) -> bytes:
        key = (int.from_bytes(request[3:5], "big"), request[5:11], request[11])
        if key not in self.values:
            return b"\xc5\x01" + request[2:3] + b"\x03"
        self.values[key] = request[13:]
        return b"\xc5\x01" + request[2:3] + b"\x00"

    def _act(self, request: bytes) -> bytes:
        return b"\xc7\x01" + request[2:3] + (b"\x00\x00" if request[11] == 1 else b"\x03\x00")

    def serve(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return  # the listener was closed: the test is over
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with connection:
                self._converse(connection)

    def _converse(self, connection: socket.socket) -> None:
        stream = connection.makefile("rb")
        while header := stream.read(8):
            request = stream.read(int.from_bytes(header[6:8], "big"))
            apdu = self.answer(request)
            if not apdu:
                return
            # Byte by byte at the head: the reader must not take a segment for a frame.
            frame = b"\x00\x01" + header[4:6] + header[2:4] + len(apdu).to_bytes(2, "big") + apdu
            connection.sendall(frame[:3])
            connection.sendall(frame[3:])


CLOCK, ENERGY, VOLTAGE, SERIAL, RELAY = (
    "0.0.1.0.0.255",
    "1.0.1.8.0.255",
    "1.0.12.7.0.255",
    "0.0.96.1.0.255",
    "0.0.96.3.10.255",
)
BLOCK, BLOCK_ENERGY = "1.0.99.1.0.255", "1.0.1.29.0.255"
EMPTY = "0.0.13.0.0.255"
WH, CENTIVOLT = bytes.fromhex("02020f03161e"), bytes.fromhex("02020ffe1623")
ROW_COUNT = 200


def row_of(number: int) -> bytes:
    """clock, voltage as uint16, block energy as float32"""
    stamp = struct.pack(">HBBBBBBBhB", 2025, 6, 1 + number // 96, 7, number % 96 // 4, number % 4 * 15, 0, 0, -330, 0)
    energy = struct.pack(">f", number / 10)
    return b"\x02\x03\x09\x0c" + stamp + b"\x12" + (23000 + number).to_bytes(2, "big") + b"\x17" + energy


def capture(class_id: int, obis: str, attribute: int = 2) -> bytes:
    name = b"\x09\x06" + parse_obis(obis)
    return b"\x02\x04\x12" + class_id.to_bytes(2, "big") + name + bytes((15, attribute, 18, 0, 0))


def listed(class_id: int, obis: str, modes: dict[int, int]) -> bytes:
    """object_list_element (Blue Book 4.4.4)"""
    rights = b"".join(bytes((2, 3, 15, index, 22, mode, 0)) for index, mode in modes.items())
    head = b"\x02\x04\x12" + class_id.to_bytes(2, "big") + b"\x11\x00\x09\x06" + parse_obis(obis)
    return head + b"\x02\x02\x01" + bytes((len(modes),)) + rights + bytes.fromhex("01010202 0f01 1601")


def furnish(peer: Peer) -> None:
    """A small meter: clock, registers, serial number, relay, a calendar and a block load profile."""
    objects = [
        listed(8, CLOCK, {1: 1, 2: 3}),
        listed(3, ENERGY, {1: 1, 2: 1, 3: 1}),
        listed(3, VOLTAGE, {2: 1, 3: 0}),
        listed(1, SERIAL, {2: 1}),
        listed(70, RELAY, {3: 1}),
        listed(20, EMPTY, {3: 1}),
        listed(7, BLOCK, {2: 1, 3: 1}),
    ]
    peer.put(15, "0.0.40.0.0.255", 2, sequence_of(objects))
    peer.put(8, CLOCK, 1, b"\x09\x06" + parse_obis(CLOCK))
    peer.put(8, CLOCK, 2, bytes.fromhex("090c07e90601070b1e0000feb600"))
    peer.put(3, ENERGY, 2, b"\x17" + struct.pack(">f", 847.8488))
    peer.put(3, ENERGY, 3, WH)
    peer.put(3, VOLTAGE, 2, b"\x12\x59\xd8")
    peer.put(3, VOLTAGE, 3, CENTIVOLT)
    peer.put(1, SERIAL, 2, b"\x0a\x05MF001")
    peer.put(70, RELAY, 3, b"\x16\x01")
    peer.put(20, EMPTY, 3, b"\x01\x00")
    peer.put(7, BLOCK, 3, sequence_of([capture(8, CLOCK), capture(3, VOLTAGE), capture(3, BLOCK_ENERGY)]))
    peer.put(7, BLOCK, 2, sequence_of([row_of(number) for number in range(ROW_COUNT)]))
