# SPDX-License-Identifier: MIT
"""A gateway between a session and its wrapper: each request says by a prefix which meter it is for (Green Book 10.10).

Servers get numbers that hold the meter and the address behind it. The gateway itself is nobody: what comes without a
prefix, or for a meter that it does not know, is passed over.
"""

from __future__ import annotations

from collections.abc import Callable

from simulator.dlms.framing import Framing, Lost, Poll, Word
from simulator.wire import gateway
from simulator.wire.gateway import Prefix

_METER_SHIFT = 16


def meter_of(number: int) -> int:
    """The meter's number, from 0, of a server; -1: the gateway itself."""
    return (number >> _METER_SHIFT) - 1


def server_of(number: int) -> int:
    return number & ((1 << _METER_SHIFT) - 1)


class GatewayLink:
    """A Framing on another one."""

    word = Word.NEVER  # which prefix an unasked APDU would have is not known to us

    def __init__(self, below: Framing, find: Callable[[bytes], int | None]) -> None:
        self._below = below
        self._find = find
        self._asked: Prefix | None = None  # by the request that was handed out last

    @property
    def broken(self) -> bool:
        return self._below.broken

    @property
    def buffered(self) -> int:
        return self._below.buffered

    def feed(self, data: bytes, now_ms: int) -> None:
        self._below.feed(data, now_ms)

    def next(self) -> tuple[int, int, bytes] | bytes | Lost | Poll | None:
        while (frame := self._below.next()) is not None:
            if isinstance(frame, bytes | Lost | Poll):
                return frame
            source, destination, apdu = frame
            parts = gateway.split(apdu)
            meter = self._find(parts[0].device) if parts is not None else None
            if parts is not None and meter is not None:
                self._asked = parts[0]
                return source, (meter + 1) << _METER_SHIFT | destination, parts[1]
        return None

    def encode(self, source: int, destination: int, apdu: bytes) -> bytes:
        assert self._asked is not None
        return self._below.encode(server_of(source), destination, self._asked.encode(gateway.RESPONSE) + apdu)

    def want_poll(self, source: int, destination: int, *, wanted: bool) -> None:
        """There is none."""

    def unasked(self, source: int, destination: int, apdu: bytes) -> bytes:
        return b""
