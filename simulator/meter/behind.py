# SPDX-License-Identifier: MIT
"""Work behind the answers: nobody waits for it, and what comes within a moment is done together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")
_TOGETHER_S = 0.1


class Behind(Generic[Item]):
    """`work` deals with the errors that it can meet; `running` has the task, so that a fleet that ends waits for it."""

    def __init__(self, running: set[asyncio.Future[None]], work: Callable[[list[Item]], Awaitable[None]]) -> None:
        self._running, self._work = running, work
        self._waiting: list[Item] = []
        self._task: asyncio.Task[None] | None = None

    def add(self, item: Item) -> None:
        self._waiting.append(item)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
            self._running.add(self._task)
            self._task.add_done_callback(self._running.discard)

    async def _run(self) -> None:
        while self._waiting:
            await asyncio.sleep(_TOGETHER_S)
            items, self._waiting = self._waiting, []
            await self._work(items)
