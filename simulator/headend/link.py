# SPDX-License-Identifier: GPL-2.0-only
"""Wrapper frames over one TCP connection, with a time-out (Green Book 7.3.3.2).

A plain socket and not gurux-net's GXNet: that has no time-out for connecting, computes a waiting time modulo one
second, and spins on one core once the meter has closed. It knows nothing of what the frames carry.
"""

from __future__ import annotations

import socket

from simulator.headend.failures import BrokenAnswer, NoAnswer, NotReachable

HEADER_OCTETS = 8  # version, source wPort, destination wPort, length: two octets each


class Link:
    """A TCP connection that sends and receives whole wrapper frames."""

    def __init__(self, host: str, port: int, *, timeout_s: float) -> None:
        self._where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._timeout_s = timeout_s
        try:
            self._socket = socket.create_connection((host, port), timeout=timeout_s)
        except OSError as error:
            raise NotReachable(self._why_not(error)) from error
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, frame: bytes) -> None:
        try:
            self._socket.sendall(frame)
        except OSError as error:
            raise NoAnswer(f"the connection to {self._where} broke: {error}") from error

    def receive(self) -> bytes:
        """The next frame with its header."""
        header = self._exactly(HEADER_OCTETS)
        if header[:2] != b"\x00\x01":
            raise BrokenAnswer(f"{self._where} does not speak the DLMS wrapper: it sent {header.hex(' ')}")
        return header + self._exactly(int.from_bytes(header[6:8], "big"))

    def close(self) -> None:
        self._socket.close()

    def _exactly(self, count: int) -> bytes:
        parts = []
        while count:
            part = self._some(count)
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    def _some(self, count: int) -> bytes:
        try:
            part = self._socket.recv(count)
        except TimeoutError as error:
            raise NoAnswer(f"{self._where} did not answer within {self._timeout_s:g} s") from error
        except OSError as error:
            raise NoAnswer(f"the connection to {self._where} broke: {error}") from error
        if not part:
            raise NoAnswer(f"{self._where} closed the connection instead of answering")
        return part

    def _why_not(self, error: OSError) -> str:
        if isinstance(error, ConnectionRefusedError):
            return f"nothing listens on {self._where}; is the fleet running, and on this address and port?"
        if isinstance(error, TimeoutError):
            return f"{self._where} did not accept a connection within {self._timeout_s:g} s"
        if isinstance(error, socket.gaierror):
            return f"{self._where}: the host name is not known"
        return f"{self._where} cannot be reached: {error.strerror or error}"
