# SPDX-License-Identifier: GPL-2.0-only
"""Octets to and from a meter, with a time-out: a TCP connection, or a serial line. Of frames it knows the sign-on's.

A plain socket and not gurux-net's GXNet: that has no time-out for connecting, computes a waiting time modulo one
second, and spins on one core once the meter has closed. A plain device and not gurux-serial's GXSerial: that sets modem
lines, which a pseudo-terminal has not, and fails.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import socket
import sys
import time
from typing import Any, Protocol

from simulator.errors import UserError
from simulator.headend.bounds import FrameTime
from simulator.headend.failures import BrokenAnswer, ConnectionBroken, NoAnswer, NotReachable
from simulator.headend.way import Way

if sys.platform != "win32":
    import termios
    import tty

_OPENING_BAUD = 300
_BAUDS = {"0": 300, "1": 600, "2": 1200, "3": 2400, "4": 4800, "5": 9600, "6": 19200}
_ECHO_S = 1.0  # meters may confirm the sign-on at the new speed, or not
_LONGEST_IDENTIFICATION = 64


class Line(Protocol):
    where: str
    timeout_s: float

    def send(self, octets: bytes) -> None: ...

    def some(self, count: int) -> bytes:
        """Up to so many octets, one at least. Raises NoAnswer, ConnectionBroken."""

    def close(self) -> None: ...


def no_answer(where: str, timeout_s: float) -> NoAnswer:
    return NoAnswer(f"{where} did not answer within {timeout_s:g} s")


def broken(where: str, error: OSError) -> NoAnswer | ConnectionBroken:
    if isinstance(error, TimeoutError):
        return NoAnswer(f"{where} takes no octets")
    return ConnectionBroken(f"the connection to {where} broke: {error}")


class _SocketLine:
    """A connected socket."""

    def __init__(self, connected: socket.socket, where: str, *, timeout_s: float) -> None:
        self.where, self._socket, self.timeout_s = where, connected, timeout_s

    def send(self, octets: bytes) -> None:
        try:
            self._socket.sendall(octets)
        except OSError as error:
            raise broken(self.where, error) from error

    def some(self, count: int) -> bytes:
        try:
            part = self._socket.recv(count)
        except TimeoutError as error:
            raise no_answer(self.where, self.timeout_s) from error
        except OSError as error:
            raise broken(self.where, error) from error
        if not part:
            raise ConnectionBroken(f"{self.where} closed the connection instead of answering")
        return part

    def close(self) -> None:
        self._socket.close()


class TcpLine(_SocketLine):
    """One that is made to a meter."""

    def __init__(self, host: str, port: int, *, timeout_s: float) -> None:
        where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        try:
            connected = socket.create_connection((host, port), timeout=timeout_s)
        except OSError as error:
            raise NotReachable(_why_not(where, timeout_s, error)) from error
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().__init__(connected, where, timeout_s=timeout_s)


class HeldLine(_SocketLine):
    """One that a meter has made: it outlives each of the associations on it, so that others close it."""

    def __init__(self, connected: socket.socket, where: str, *, timeout_s: float) -> None:
        connected.settimeout(timeout_s)
        super().__init__(connected, where, timeout_s=timeout_s)

    def close(self) -> None:
        pass


def _why_not(where: str, timeout_s: float, error: OSError) -> str:
    if isinstance(error, ConnectionRefusedError):
        return f"nothing listens on {where}; is the fleet running, and on this address and port?"
    if isinstance(error, TimeoutError):
        return f"{where} did not accept a connection within {timeout_s:g} s"
    if isinstance(error, socket.gaierror):
        return f"{where}: the host name is not known"
    return f"{where} cannot be reached: {error.strerror or error}"


class SerialLine:
    """A serial device at the speed of its way, or signed on by mode E of IEC 62056-21."""

    def __init__(self, device: str, way: Way, *, timeout_s: float) -> None:
        if sys.platform == "win32":
            raise UserError("serial lines can be read on Linux and macOS only")
        self.where, self.timeout_s = device, timeout_s
        try:
            self._file = os.open(device, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        except OSError as error:
            raise NotReachable(f"{device} cannot be opened: {error.strerror}") from error
        try:
            self._set(_OPENING_BAUD if way.mode_e else way.baud, opening=way.mode_e)
            termios.tcflush(self._file, termios.TCIFLUSH)
            if way.mode_e:
                self._sign_on(way)
        except BaseException:
            self.close()
            raise

    def send(self, octets: bytes) -> None:
        try:
            while octets:
                octets = octets[self._write(octets) :]
        except OSError as error:
            raise broken(self.where, error) from error

    def some(self, count: int) -> bytes:
        return self._some(count, self.timeout_s)

    def close(self) -> None:
        os.close(self._file)

    def _write(self, octets: bytes) -> int:
        if not select.select((), (self._file,), (), self.timeout_s)[1]:
            raise NoAnswer(f"{self.where} takes no octets")
        return os.write(self._file, octets)

    def _some(self, count: int, timeout_s: float) -> bytes:
        if not select.select((self._file,), (), (), timeout_s)[0]:
            raise no_answer(self.where, timeout_s)
        try:
            part = os.read(self._file, count)
        except OSError as error:
            raise broken(self.where, error) from error
        if not part:
            raise ConnectionBroken(f"{self.where} is gone")
        return part

    def _set(self, baud: int, *, opening: bool) -> None:
        """7E1 for characters, 8N1 for HDLC; takes force when what was sent has left."""
        try:
            if opening and self._is_set(baud, termios.CS7 | termios.PARENB):
                return
            if not self._is_set(baud, termios.CS8):  # a pseudo-terminal knows octets only, and no parity
                raise NotReachable(f"{self.where} does not run at {baud} baud, 8N1")
        except (termios.error, AttributeError) as error:
            raise NotReachable(f"{self.where} is no serial device that runs at {baud} baud: {error}") from error

    def _is_set(self, baud: int, format_bits: int) -> bool:
        """False if the device does not know the format of characters."""
        tty.setraw(self._file, termios.TCSADRAIN)
        settings: list[Any] = termios.tcgetattr(self._file)
        settings[2] &= ~(termios.CSIZE | termios.PARENB | termios.PARODD | termios.CSTOPB)
        settings[2] |= format_bits | termios.CLOCAL | termios.CREAD
        settings[4] = settings[5] = getattr(termios, f"B{baud}")
        try:
            termios.tcsetattr(self._file, termios.TCSADRAIN, settings)
        except termios.error as error:
            if error.args[0] == errno.EINVAL:
                return False
            raise
        return True

    def _sign_on(self, way: Way) -> None:
        """6.4: request, identification, acknowledgement, and HDLC from then on, at the meter's speed."""
        self.send(f"/?{way.device_address}!\r\n".encode("ascii"))
        identification = self._identification()
        speed = identification[4:5]
        if speed not in _BAUDS or "\\2" not in identification:
            raise BrokenAnswer(f"{self.where} does not offer mode E: it says {identification!r}")
        self.send(f"\x062{speed}2\r\n".encode("ascii"))
        self._set(_BAUDS[speed], opening=False)
        with contextlib.suppress(NoAnswer):
            self._some(_LONGEST_IDENTIFICATION, _ECHO_S)

    def _identification(self) -> str:
        """From its slash to the end of its line, without parity bits."""
        line, time_left = "", FrameTime(self.where, self.timeout_s)
        while not line.endswith("\n"):
            line += "".join(chr(octet & 0x7F) for octet in self._some(1, self.timeout_s))
            time_left.took(1, time.monotonic())
            if len(line) > _LONGEST_IDENTIFICATION:
                raise BrokenAnswer(f"{self.where} does not identify itself: it says {line!r}")
        return line[max(line.rfind("/"), 0) :].strip()
