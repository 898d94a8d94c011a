# SPDX-License-Identifier: MIT
"""Serial lines as asyncio transports: a device of this machine, or a pseudo-terminal that is made here.

A line is never closed by its protocol: whoever hangs up finds a new session on it. It speaks neither HDLC nor DLMS.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from simulator.dlms.mode_e_link import LineSpeed

if sys.platform != "win32":
    import fcntl
    import termios
    import tty

log = logging.getLogger(__name__)

_READ = 4096
_HIGH_WATER = 65_536


@dataclass(frozen=True, slots=True)
class OpenLine:
    """`device` is what a reader opens; `keep` a descriptor that keeps a pseudo-terminal alive without one."""

    device: str
    file: int
    keep: int | None = None


def open_device(device: str, speed: LineSpeed) -> OpenLine:
    """A serial device, raw and for us alone. Raises OSError."""
    file = os.open(device, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        tty.setraw(file)
        fcntl.ioctl(file, termios.TIOCEXCL)
        set_speed(file, speed)
    except (OSError, termios.error) as error:
        os.close(file)
        raise OSError(f"{device} is no serial device: {error}") from error
    return OpenLine(device, file)


def open_pseudo_terminal() -> OpenLine:
    """A new pseudo-terminal; a reader opens its device as it would a serial port."""
    file, keep = os.openpty()
    tty.setraw(keep)
    os.set_blocking(file, False)
    return OpenLine(os.ttyname(keep), file, keep)


def set_speed(file: int, speed: LineSpeed) -> None:
    """Takes force when what was written has left, so it may wait for that."""
    settings: list[Any] = termios.tcgetattr(file)
    settings[2] &= ~(termios.CSIZE | termios.PARENB | termios.PARODD | termios.CSTOPB)
    settings[2] |= termios.CLOCAL | termios.CREAD
    settings[2] |= (termios.CS7 | termios.PARENB) if speed.seven_bits_even else termios.CS8
    settings[4] = settings[5] = getattr(termios, f"B{speed.baud}")
    termios.tcsetattr(file, termios.TCSADRAIN, settings)


class SerialTransport(asyncio.Transport):
    """`speed` tells how fast the line should run now, and how long to wait before speaking, in seconds."""

    def __init__(
        self,
        line: OpenLine,
        protocols: Callable[[], asyncio.Protocol],
        speed: Callable[[], tuple[LineSpeed, float]],
    ) -> None:
        super().__init__({"sockname": (line.device, 0)})
        self._loop = asyncio.get_running_loop()
        self._line, self._protocols, self._wanted = line, protocols, speed
        self._speed = speed()[0]
        self._unsent = bytearray()
        self._ended = self._reading = False
        self._protocol = protocols()
        self._protocol.connection_made(self)
        self.resume_reading()

    def is_closing(self) -> bool:
        return self._ended

    def close(self) -> None:
        """Hangs up; the line itself goes on, with a new session."""
        self._loop.call_soon(self._renew)

    abort = close

    def end(self) -> None:
        """Gives the device back."""
        if not self._ended:
            self._ended = True
            self.pause_reading()
            self._loop.remove_writer(self._line.file)
            self._protocol.connection_lost(None)
            for file in (self._line.file, self._line.keep):
                if file is not None:
                    os.close(file)

    def pause_reading(self) -> None:
        if self._reading:
            self._reading = False
            self._loop.remove_reader(self._line.file)

    def resume_reading(self) -> None:
        if not self._reading and not self._ended:
            self._reading = True
            self._loop.add_reader(self._line.file, self._readable)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        wait_s = self._wanted()[1]
        if wait_s:
            self._loop.call_later(wait_s, self._write_now, bytes(data))
        else:
            self._write_now(bytes(data))

    def follow_speed(self) -> None:
        """Sets the line to what is wanted by now."""
        wanted = self._wanted()[0]
        if wanted != self._speed and not self._unsent and not self._ended:
            self._speed = wanted
            if self._line.keep is None:  # the reader alone sets a pseudo-terminal, which has no speed
                self._loop.run_in_executor(None, set_speed, self._line.file, wanted)

    def _write_now(self, data: bytes) -> None:
        if self._ended or not data:
            return
        if not self._unsent:
            self._loop.add_writer(self._line.file, self._writable)
        self._unsent += data
        if len(self._unsent) > _HIGH_WATER:
            self._protocol.pause_writing()
        self._writable()

    def _writable(self) -> None:
        try:
            written = os.write(self._line.file, self._unsent)
        except BlockingIOError:
            return
        except OSError as error:
            log.warning("%s cannot be written: %s", self._line.device, error.strerror)
            self.end()
            return
        was_high = len(self._unsent) > _HIGH_WATER
        del self._unsent[:written]
        if was_high and len(self._unsent) <= _HIGH_WATER:
            self._protocol.resume_writing()
        if not self._unsent:
            self._loop.remove_writer(self._line.file)
            self.follow_speed()

    def _readable(self) -> None:
        try:
            data = os.read(self._line.file, _READ)
        except BlockingIOError:
            return
        except OSError as error:
            log.warning("%s is gone: %s", self._line.device, error.strerror)
            self.end()
            return
        if data:
            self._protocol.data_received(data)
            self.follow_speed()

    def _renew(self) -> None:
        if not self._ended:
            self._protocol.connection_lost(None)
            self._protocol = self._protocols()
            self._protocol.connection_made(self)
            self.resume_reading()
