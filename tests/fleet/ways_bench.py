# SPDX-License-Identifier: GPL-2.0-only
"""Gurux clients on every way to a meter: HDLC and the wrapper, over TCP, UDP, a serial line, with gateway and sign-on.

gurux-dlms lays out and checks the frames; the octets go over plain sockets and devices of these tests.
"""

from __future__ import annotations

import os
import select
import socket
import tty
from typing import Any, Protocol

from gurux_dlms import GXByteBuffer, GXDLMSClient, GXReplyData
from gurux_dlms.enums import Authentication, InterfaceType
from gurux_dlms.GXDLMSGateway import GXDLMSGateway
from live import DEADLINE_S, EVERYTHING, READER, Judge


class Octets(Protocol):
    def send_octets(self, octets: bytes) -> None: ...

    def receive_frame(self) -> bytes: ...

    def close(self) -> None: ...


class Datagrams:
    def __init__(self, host: str, port: int) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.settimeout(DEADLINE_S)
        self._socket.connect((host, port))
        self.send_octets, self.close = self._socket.send, self._socket.close

    def receive_frame(self) -> bytes:
        return self._socket.recv(65_535)

    def is_silent(self, within_s: float = 0.3) -> bool:
        return not select.select([self._socket], [], [], within_s)[0]


class Stream:
    """Octets of a TCP connection, perhaps one that the meter has `opened`, or of a serial device."""

    def __init__(
        self, host: str | None, port: int | None, device: str | None = None, opened: socket.socket | None = None
    ) -> None:
        self._socket = opened
        if not device and opened is None:
            self._socket = socket.create_connection((host, port), timeout=DEADLINE_S)
        self._file = os.open(device, os.O_RDWR | os.O_NOCTTY) if device else self._socket.fileno()  # type: ignore[union-attr]
        if device:
            tty.setraw(self._file)
        self._rest = b""

    def send_octets(self, octets: bytes) -> None:
        os.write(self._file, octets)

    def some(self, within_s: float = DEADLINE_S) -> bytes:
        """b"" for silence."""
        if not select.select([self._file], [], [], within_s)[0]:
            return b""
        return os.read(self._file, 4096)

    def close(self) -> None:
        if self._socket:
            self._socket.close()
        else:
            os.close(self._file)

    def until(self, size: int) -> None:
        while len(self._rest) < size:
            octets = self.some()
            assert octets, "the meter is silent"
            self._rest += octets

    def take(self, size: int) -> bytes:
        self.until(size)
        octets, self._rest = self._rest[:size], self._rest[size:]
        return octets


class HdlcStream(Stream):
    def receive_frame(self) -> bytes:
        self.until(3)
        assert self._rest[0] == 0x7E
        return self.take(((self._rest[1] << 8 | self._rest[2]) & 0x07FF) + 2)

    def sign_on(self, address: str = "") -> str:
        """Mode E of IEC 62056-21; returns what the meter says of itself."""
        self.send_octets(f"/?{address}!\r\n".encode())
        said = b""
        while not said.endswith(b"\r\n"):
            octets = self.some()
            assert octets
            said += octets
        choice = b"\x062" + said[4:5] + b"2\r\n"
        self.send_octets(choice)
        assert self.take(len(choice)) == choice
        return said.decode()


class WrapperStream(Stream):
    def receive_frame(self) -> bytes:
        self.until(8)
        return self.take(8 + int.from_bytes(self._rest[6:8], "big"))


def octets_at(place: dict[str, Any], address: str = "") -> Octets:
    if place["framing"] == "udp":
        return Datagrams(place["host"], place["port"])
    if place["framing"] in ("hdlc", "serial"):
        stream = HdlcStream(place.get("host"), place.get("port"), place.get("device"), place.get("opened"))
        if address:
            stream.sign_on(address)
        return stream
    return WrapperStream(place.get("host"), place.get("port"), opened=place.get("opened"))


class WayJudge(Judge):
    """An association of the meter reader at a place of the ready event; `address`: in a sign-on."""

    def __init__(
        self,
        place: dict[str, Any],
        password: str,
        *,
        gateway: str | None = None,
        address: str = "",
        information: int = 128,
        lower: bool = True,
        octets: int = 4,
        max_pdu: int = 0xFFFF,
    ) -> None:
        self.hdlc = place["framing"] in ("hdlc", "serial")
        server = place["server"]
        if self.hdlc and lower:
            server = server << (14 if octets == 4 else 7) | place["physical"]
        interface = InterfaceType.HDLC if self.hdlc else InterfaceType.WRAPPER
        self.protocol: Any = GXDLMSClient(True, READER, server, Authentication.LOW, password, interface)
        self.protocol.serverAddressSize = (octets if lower else 1) if self.hdlc else 0
        self.protocol.proposedConformance = EVERYTHING
        self.protocol.maxReceivePDUSize = max_pdu
        if self.hdlc:
            self.protocol.hdlcSettings.maxInfoTX = self.protocol.hdlcSettings.maxInfoRX = information
        if gateway:
            self.protocol.gateway = GXDLMSGateway()
            self.protocol.gateway.physicalDeviceAddress = gateway.encode()
        self.wire: Any = octets_at(place, address)
        self.blocks = 0

    def __enter__(self) -> WayJudge:
        if self.hdlc:
            self.protocol.parseUAResponse(self._ask([self.protocol.snrmRequest()]).data)
        super().__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        if self.hdlc:
            reply = GXReplyData()
            self.wire.send_octets(bytes(self.protocol.disconnectRequest(True)))
            self.protocol.getData(GXByteBuffer(self.wire.receive_frame()), reply, GXReplyData())
            assert reply.command == 0x73  # UA
        self.wire.close()

    def everything(self) -> dict[tuple[int, str, int], tuple[int, bytes]]:
        """Each readable attribute of each object of the association view: result and octets."""
        view = self.get(15, "0.0.40.0.0.255").value
        return {
            (class_id, name, index): self.get(class_id, name, index)[:2]
            for class_id, _, name, readable in map(_entry, view)
            for index in readable
        }


def _entry(row: Any) -> tuple[int, int, str, list[int]]:
    class_id, version, name, rights = row
    return class_id, version, ".".join(map(str, name)), [right[0] for right in rights[0] if right[1] & 1]
