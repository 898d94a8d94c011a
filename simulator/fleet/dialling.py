# SPDX-License-Identifier: MIT
"""Meters that call the head-end themselves (auto connect, class 29) and serve it on that connection.

Driven by `tick`. A bounded number of calls is under way at once; who was refused, or was cut off soon, waits longer.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections import deque
from collections.abc import Callable, Sequence
from zlib import crc32

import numpy as np

from simulator.fleet.callers import Callers
from simulator.fleet.connection import monotonic_ms
from simulator.fleet.sender import can_reach
from simulator.fleet.sessions import Residents
from simulator.meter.push.setup import Destination
from simulator.ports import LogicalDevice

log = logging.getLogger(__name__)

_AT_ONCE = 256
_CONNECT_S = 10.0
_FIRST_WAIT_MS, _LONGEST_WAIT_MS = 1_000, 60_000
_SETTLED_MS = 10_000  # after so long a call was a good one, and the next is tried as if for the first time
_ENDLESS = 15  # tries, after which the wait is the longest
_WAITING, _QUEUED, _CALLING, _CONNECTED = range(4)
Sources = Callable[[int], str | None]
Caller = Callable[[int], asyncio.Protocol]


class Diallers:
    """All calls of a fleet: to each of a meter's destinations one. `caller` makes the protocol of those to a place, the
    first of a destination_list being 0; `source` is a meter's own address."""

    def __init__(
        self,
        callers: Callers,
        residents: Residents,
        caller: Callable[[int], Caller],
        source: Sources,
        clock: Callable[[], int] = monotonic_ms,
    ) -> None:
        self._callers, self._residents, self._caller, self._source = callers, residents, caller, source
        self._clock, self._diallers = clock, list[Dialler]()

    def tick(self) -> None:
        self._follow()
        if self._diallers:
            self._callers.update()
        for dialler in self._diallers:
            dialler.tick()

    def connect(self, meter: int) -> None:
        """The method connect: at once."""
        self._follow()
        for dialler in self._diallers:
            dialler.invoke(meter)

    def close(self) -> None:
        for dialler in self._diallers:
            dialler.close()

    def _follow(self) -> None:
        changed = self._callers.follow()
        for place in range(len(self._diallers), self._callers.places):
            caller = self._caller(place)
            self._diallers.append(Dialler(place, self._callers, self._residents, caller, self._source, self._clock))
        for dialler in self._diallers:
            dialler.begin_anew(changed)


class Dialler:
    """The calls of all meters to that one of their destinations."""

    def __init__(
        self,
        place: int,
        callers: Callers,
        residents: Residents,
        caller: Caller,
        source: Sources,
        clock: Callable[[], int],
    ) -> None:
        self._place, self._callers, self._caller, self._source = place, callers, caller, source
        self._device, self._clock = residents.device, clock
        count = residents.count
        self._state = np.full(count, _WAITING, np.uint8)
        self._invoked = np.zeros(count, bool)  # called, or to be called, because a client said connect
        self._tries = np.zeros(count, np.uint8)  # calls in a row that were no good
        self._failed = np.zeros(count, np.int16)  # of the running series of trials
        self._due_ms = np.zeros(count, np.int64)
        self._since_ms = np.zeros(count, np.int64)  # when it was connected
        self._queue: deque[int] = deque()
        self._calls: set[asyncio.Task[None]] = set()
        self._lines: dict[int, tuple[asyncio.Transport, LogicalDevice]] = {}
        self._complained: set[Destination] = set()

    def tick(self) -> None:
        """Notices connections that are gone, ends those that a window bars, and makes the calls that are due."""
        now_ms = self._clock()
        self._hang_up()
        for index in [index for index, (line, _) in self._lines.items() if line.is_closing()]:
            del self._lines[index]
            self._hung_up(index, now_ms)
        wanted = self._callers.wanted(self._place) | self._invoked
        due = np.flatnonzero((self._state == _WAITING) & (self._due_ms <= now_ms) & wanted)
        self._state[due] = _QUEUED
        self._queue.extend(due.tolist())
        self._call_next()

    def begin_anew(self, meters: Sequence[int]) -> None:
        """They have other rules: what failed before does not count."""
        for index in meters:
            self._tries[index], self._failed[index], self._due_ms[index] = 0, 0, 0
            self._invoked[index] &= self._state[index] != _WAITING

    def invoke(self, index: int) -> None:
        """One meter calls now, whether it would have by itself or not, if it is not connected."""
        if self._destination(index) is None or self._state[index] in (_CALLING, _CONNECTED):
            return
        self._invoked[index] = not self._callers.keeps_connected(index)
        self._tries[index] = self._failed[index] = 0
        if self._state[index] == _WAITING:
            self._state[index] = _QUEUED
            self._queue.appendleft(index)
            self._call_next()

    def close(self) -> None:
        self._queue.clear()
        for call in self._calls:
            call.cancel()
        for line, _ in self._lines.values():
            line.close()

    def _hang_up(self) -> None:
        for line, meter in self._lines.values():
            if meter.is_gone and not meter.is_dark:  # it has started again, and knows nothing of its old call
                line.abort()
        barred = self._callers.shut & (self._state == _CONNECTED) & ~self._invoked
        for index in np.flatnonzero(barred).tolist():
            self._lines[index][0].close()

    def _hung_up(self, index: int, now_ms: int) -> None:
        self._invoked[index] = False
        self._put_off(index, now_ms, was_good=now_ms - int(self._since_ms[index]) >= _SETTLED_MS)

    def _call_next(self) -> None:
        while self._queue and len(self._calls) < _AT_ONCE:
            index = self._queue.popleft()
            destination = self._destination(index)
            if destination is None or self._device(index).is_dark:
                self._invoked[index] = False
                self._put_off(index, self._clock(), was_good=True)
                continue
            self._state[index] = _CALLING
            call = asyncio.ensure_future(self._call(index, destination))
            self._calls.add(call)
            call.add_done_callback(self._called)

    def _called(self, call: asyncio.Task[None]) -> None:
        self._calls.discard(call)
        if not call.cancelled():
            self._call_next()
            call.result()  # our bug, if it failed

    async def _call(self, index: int, destination: Destination) -> None:
        source = self._source(index)
        try:
            async with asyncio.timeout(_CONNECT_S):
                line, _ = await asyncio.get_running_loop().create_connection(
                    lambda: self._caller(index),
                    destination.host,
                    destination.port,
                    local_addr=(source, 0) if source and can_reach(source, destination.host) else None,
                )
        except (OSError, ValueError) as error:  # a TimeoutError is an OSError; ValueError: a name that is none
            self._complain(destination, error)
            self._failed[index] += 1
            self._put_off(index, self._clock(), was_good=False)
            return
        line.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._complained.discard(destination)
        self._lines[index] = line, self._device(index)
        self._state[index], self._failed[index], self._since_ms[index] = _CONNECTED, 0, self._clock()

    def _destination(self, index: int) -> Destination | None:
        destinations = self._callers.rules(index).destinations
        return destinations[self._place] if len(destinations) > self._place else None

    def _put_off(self, index: int, now_ms: int, *, was_good: bool) -> None:
        """Until it calls again, if it is to."""
        tries = 0 if was_good else min(int(self._tries[index]) + 1, _ENDLESS)
        wait_ms = self._retry_ms(index) if self._failed[index] else None
        self._state[index], self._tries[index] = _WAITING, tries
        self._due_ms[index] = now_ms + (_spread_ms(index, tries) if wait_ms is None else wait_ms)

    def _retry_ms(self, index: int) -> int | None:
        """repetition_delay after an attempt that has failed (None: it is not specified). When the repetitions are used
        up, a call that a client has asked for is given up; a permanent one is tried for anew, a minute later."""
        rules = self._callers.rules(index)
        if self._failed[index] <= rules.repetitions:
            return rules.delay_s * 1000 or None
        self._failed[index], self._invoked[index] = 0, False
        return max(rules.delay_s * 1000, _spread_ms(index, _ENDLESS))

    def _complain(self, destination: Destination, error: OSError | ValueError) -> None:
        if destination not in self._complained:
            why = (error.strerror if isinstance(error, OSError) else None) or error or "no answer"
            log.warning("%s does not take calls: %s; meters try again", destination.place, why)
        self._complained.add(destination)


def _spread_ms(index: int, tries: int) -> int:
    """Twice as long each time, spread by the meter's number, so that not all come back in one moment."""
    wait_ms = min(_FIRST_WAIT_MS << max(tries - 1, 0), _LONGEST_WAIT_MS)
    return wait_ms + crc32(f"{index}/{tries}".encode()) % (wait_ms // 2)
