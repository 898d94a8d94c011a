# SPDX-License-Identifier: MIT
"""An event loop in a thread of its own, and the one way from a test into it. It knows no fleet."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from simulator.errors import MeterfleetError

T = TypeVar("T")
_JOIN_S = 10.0


class TookTooLong(MeterfleetError):
    """Something that the test asked for is not done within its limit."""


class LoopThread:
    def __init__(self, name: str) -> None:
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._loop: asyncio.AbstractEventLoop
        self._over: asyncio.Event
        self._thread.start()
        self._ready.wait()

    def call(self, doing: Coroutine[Any, Any, T], within_s: float, what: str) -> T:
        """What it returns or raises; TookTooLong if neither comes in time."""
        if not self._thread.is_alive():
            doing.close()
            raise MeterfleetError(f"{what}: the fleet is closed")
        future = asyncio.run_coroutine_threadsafe(doing, self._loop)
        try:
            return future.result(within_s)
        except TimeoutError:
            if future.done():
                raise  # it is the coroutine's own
            future.cancel()
            raise TookTooLong(f"{what}: not done within {within_s:g} s") from None

    def close(self) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._over.set)
            self._thread.join(_JOIN_S)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(self._live())

    async def _live(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        self._ready.set()
        await self._over.wait()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if sys.platform == "win32":
        return None
    import uvloop

    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory
