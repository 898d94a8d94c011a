# SPDX-License-Identifier: GPL-2.0-only
"""Whole frames to and from a meter, with a time-out: the wrapper (Green Book 7.3.3.2) or HDLC, on any line of octets.

It knows nothing of what the frames carry.
"""

from __future__ import annotations

import socket
import time
from typing import Protocol

from simulator.headend.bounds import FrameTime
from simulator.headend.failures import BrokenAnswer, NotReachable
from simulator.headend.lines import Line, SerialLine, TcpLine, broken, no_answer
from simulator.headend.way import Transport, Way

HEADER_OCTETS = 8  # version, source wPort, destination wPort, length: two octets each
_ANY_NETWORK = 0
_FLAG = 0x7E
_LONGEST_FRAME = 2 + 0x07FF  # its flags, and what its length can say
_LONGEST_NOISE = 4096 + _LONGEST_FRAME  # octets without a whole frame, before a line is given up


class Link(Protocol):
    def send(self, frame: bytes) -> None: ...

    def receive(self) -> bytes:
        """The next frame, whole."""

    def close(self) -> None: ...


def open_link(host: str, port: int, way: Way, *, timeout_s: float) -> Link:
    """Raises NotReachable; for a serial line `host` is its device."""
    if way.transport is Transport.SERIAL:
        return HdlcLink(SerialLine(host, way, timeout_s=timeout_s))
    if way.transport is Transport.UDP:
        link = UdpLink(host, port, timeout_s=timeout_s)
        return link if way.gateway is None else GatewayLink(link, way.gateway)
    return link_on(TcpLine(host, port, timeout_s=timeout_s), way)


def link_on(line: Line, way: Way) -> Link:
    """On a line of octets that is open already."""
    if way.hdlc:
        return HdlcLink(line)
    return WrapperLink(line) if way.gateway is None else GatewayLink(WrapperLink(line), way.gateway)


class WrapperLink:
    """Frames of the wrapper."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self.send, self.close = line.send, line.close

    def receive(self) -> bytes:
        time_left = FrameTime(self._line.where, self._line.timeout_s)
        header = self._exactly(HEADER_OCTETS, time_left)
        if header[:2] != b"\x00\x01":
            raise BrokenAnswer(f"{self._line.where} does not speak the DLMS wrapper: it sent {header.hex(' ')}")
        return header + self._exactly(int.from_bytes(header[6:8], "big"), time_left)

    def _exactly(self, count: int, time_left: FrameTime) -> bytes:
        parts = []
        while count:
            part = self._line.some(count)
            parts.append(part)
            count -= len(part)
            time_left.took(len(part), time.monotonic())
        return b"".join(parts)


class GatewayLink:
    """Frames of the wrapper to one meter behind a gateway (Green Book 10.10); the prefix is put on and taken off here.

    Not by gurux's own gateway setting: with that, ciphered APDUs do not get through.
    """

    def __init__(self, link: Link, device: str) -> None:
        self._link, self.close = link, link.close
        name = device.encode("ascii")
        self._tail = bytes((_ANY_NETWORK, len(name))) + name

    def send(self, frame: bytes) -> None:
        self._link.send(_with_apdu(frame, b"\xe6" + self._tail + frame[HEADER_OCTETS:]))

    def receive(self) -> bytes:
        frame = self._link.receive()
        prefix = b"\xe7" + self._tail
        if not frame.startswith(prefix, HEADER_OCTETS):
            raise BrokenAnswer(f"no answer of a gateway: {frame[HEADER_OCTETS:].hex(' ')}")
        return _with_apdu(frame, frame[HEADER_OCTETS + len(prefix) :])


def _with_apdu(frame: bytes, apdu: bytes) -> bytes:
    return frame[:6] + len(apdu).to_bytes(2, "big") + apdu


class HdlcLink:
    """Frames of HDLC with their flags; gurux checks the rest of them."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self.send, self.close = line.send, line.close
        self._received = bytearray()

    def receive(self) -> bytes:
        time_left = FrameTime(self._line.where, self._line.timeout_s)
        while (frame := self._whole()) is None:
            if len(self._received) > _LONGEST_NOISE:
                raise BrokenAnswer(f"{self._line.where} does not speak HDLC")
            part = self._line.some(4096)
            self._received += part
            time_left.took(len(part), time.monotonic())
        return frame

    def _whole(self) -> bytes | None:
        """The first octets that look like a frame; what comes before them is noise, an echo of the sign-on perhaps."""
        received, start = self._received, 0
        while (start := received.find(_FLAG, start)) >= 0 and len(received) > start + 2:
            end = start + 1 + ((received[start + 1] << 8 | received[start + 2]) & 0x07FF)
            if received[start + 1] & 0xF0 == 0xA0:
                if end >= len(received):
                    return None
                if received[end] == _FLAG:
                    frame = bytes(received[start : end + 1])
                    del received[: end + 1]
                    return frame
            start += 1
        return None


class UdpLink:
    """Frames of the wrapper, each in a datagram."""

    def __init__(self, host: str, port: int, *, timeout_s: float) -> None:
        self._where, self.timeout_s = f"{host}:{port}", timeout_s
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
            self._socket = socket.socket(family, kind, protocol)
            self._socket.settimeout(timeout_s)
            self._socket.connect(address)
        except OSError as error:
            raise NotReachable(f"{self._where} cannot be reached: {error.strerror or error}") from error

    def send(self, frame: bytes) -> None:
        try:
            self._socket.send(frame)
        except OSError as error:
            raise broken(self._where, error) from error

    def receive(self) -> bytes:
        try:
            return self._socket.recv(65_535)
        except TimeoutError as error:
            raise no_answer(self._where, self.timeout_s) from error
        except OSError as error:
            raise broken(self._where, error) from error

    def close(self) -> None:
        self._socket.close()
