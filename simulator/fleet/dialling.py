# SPDX-License-Identifier: MIT
"""Meters that call the head-end themselves (auto connect, class 29) and serve it on that connection.

Driven by `tick`. A bounded number of calls is under way at once; who was refused, or was cut off soon, waits longer.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections import deque
from collections.abc import Callable
from zlib import crc32

import numpy as np

from simulator.fleet.connection import monotonic_ms
from simulator.fleet.listen import Listen
from simulator.fleet.sessions import Residents
from simulator.ports import LogicalDevice

log = logging.getLogger(__name__)

_AT_ONCE = 256
_CONNECT_S = 10.0
_FIRST_WAIT_MS, _LONGEST_WAIT_MS = 1_000, 60_000
_SETTLED_MS = 10_000  # after so long a call was a good one, and the next is tried as if for the first time
_WAITING, _QUEUED, _CALLING, _CONNECTED = range(4)
Sources = Callable[[int], str | None]


class Dialler:
    """All meters of one `--listen dial`. `connection` makes the protocol of a meter; `source`: its own address."""

    def __init__(
        self, listen: Listen, residents: Residents, connection: Callable[[int], asyncio.Protocol], source: Sources
    ) -> None:
        self._listen, self._connection, self._source, self._device = listen, connection, source, residents.device
        count = residents.count
        self._state = np.full(count, _WAITING, np.uint8)
        self._tries = np.zeros(count, np.uint8)  # calls in a row that were no good
        self._due_ms = np.zeros(count, np.int64)
        self._since_ms = np.zeros(count, np.int64)  # when it was connected
        self._queue: deque[int] = deque()
        self._calls: set[asyncio.Task[None]] = set()
        self._lines: dict[int, tuple[asyncio.Transport, LogicalDevice]] = {}
        self._complained = False

    @property
    def connected(self) -> int:
        return len(self._lines)

    def tick(self, now_ms: int) -> None:
        """Notices connections that are gone, and makes the calls that are due."""
        for line, meter in self._lines.values():
            if meter.is_gone and not meter.is_dark:  # it has started again, and knows nothing of its old call
                line.abort()
        for index in [index for index, (line, _) in self._lines.items() if line.is_closing()]:
            del self._lines[index]
            self._put_off(index, now_ms, was_good=now_ms - int(self._since_ms[index]) >= _SETTLED_MS)
        due = np.flatnonzero((self._state == _WAITING) & (self._due_ms <= now_ms))
        self._state[due] = _QUEUED
        self._queue.extend(due.tolist())
        self._call_next()

    def close(self) -> None:
        self._queue.clear()
        for call in self._calls:
            call.cancel()
        for line, _ in self._lines.values():
            line.close()

    def _call_next(self) -> None:
        while self._queue and len(self._calls) < _AT_ONCE:
            index = self._queue.popleft()
            if self._device(index).is_dark:
                self._put_off(index, monotonic_ms(), was_good=True)
                continue
            self._state[index] = _CALLING
            call = asyncio.ensure_future(self._call(index))
            self._calls.add(call)
            call.add_done_callback(self._called)

    def _called(self, call: asyncio.Task[None]) -> None:
        self._calls.discard(call)
        if not call.cancelled():
            self._call_next()
            call.result()  # our bug, if it failed

    async def _call(self, index: int) -> None:
        source = self._source(index)
        try:
            async with asyncio.timeout(_CONNECT_S):
                line, _ = await asyncio.get_running_loop().create_connection(
                    lambda: self._connection(index),
                    self._listen.host,
                    self._listen.port,
                    local_addr=(source, 0) if source else None,
                )
        except OSError as error:  # a TimeoutError is one too
            self._complain(error)
            self._put_off(index, monotonic_ms(), was_good=False)
            return
        line.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._complained = False
        self._lines[index] = line, self._device(index)
        self._state[index], self._since_ms[index] = _CONNECTED, monotonic_ms()

    def _put_off(self, index: int, now_ms: int, *, was_good: bool) -> None:
        """Twice as long each time, spread by the meter's number, so that not all come back in one moment."""
        tries = 0 if was_good else min(int(self._tries[index]) + 1, 15)
        wait_ms = min(_FIRST_WAIT_MS << max(tries - 1, 0), _LONGEST_WAIT_MS)
        spread_ms = crc32(f"{index}/{tries}".encode()) % (wait_ms // 2)
        self._state[index], self._tries[index], self._due_ms[index] = _WAITING, tries, now_ms + wait_ms + spread_ms

    def _complain(self, error: OSError) -> None:
        if not self._complained:
            why = error.strerror or error or "no answer"
            log.warning("%s:%d does not take calls: %s; meters try again", self._listen.host, self._listen.port, why)
        self._complained = True
