# SPDX-License-Identifier: MIT
"""The physical limit: a uvloop server that answers whatever comes with prepared bytes, one answer after the other.

It reads nothing of what it receives. `python -m bench.echo SIZE...` prints its port and serves until it is killed.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
from collections.abc import Sequence
from typing import cast

import uvloop

from simulator.wire import wrapper

_BACKLOG = 4096


class Echo(asyncio.Protocol):
    """Requests are smaller than a segment and come one at a time, so that each arrives in one piece."""

    __slots__ = ("_next", "_write")

    def __init__(self, answers: Sequence[bytes]) -> None:
        self._next = itertools.cycle(answers).__next__

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._write = cast(asyncio.Transport, transport).write

    def data_received(self, data: bytes) -> None:
        self._write(self._next())


async def _serve(sizes: Sequence[int]) -> None:
    answers = [wrapper.encode(1, 1, bytes(size - wrapper.HEADER_OCTETS)) for size in sizes]
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Echo(answers), "0.0.0.0", 0, backlog=_BACKLOG)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve([int(size) for size in sys.argv[1:]]))
