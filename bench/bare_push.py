# SPDX-License-Identifier: MIT
"""The physical limit of pushing: connect from a meter's address, write prepared bytes, close; so many at once.

`python -m bench.bare_push PORT COUNT OCTETS` ends when all are sent, and prints the CPU microseconds of each.
"""

from __future__ import annotations

import asyncio
import sys
import time
from ipaddress import IPv4Address
from typing import cast

import uvloop

from simulator.fleet.sender import PER_DESTINATION

_FIRST = IPv4Address("127.7.0.1")


class Push(asyncio.Protocol):
    def __init__(self, octets: bytes, ended: asyncio.Future[None]) -> None:
        self._octets, self._ended = octets, ended

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        line = cast(asyncio.Transport, transport)
        line.write(self._octets)
        line.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended.set_result(None)


async def _send(port: int, count: int, size: int) -> None:
    loop, left, octets = asyncio.get_running_loop(), iter(range(count)), bytes(size)

    async def work() -> None:
        for number in left:
            ended = loop.create_future()
            local = (str(_FIRST + number), 0)
            await loop.create_connection(lambda ended=ended: Push(octets, ended), "127.0.0.1", port, local_addr=local)
            await ended

    before_s = time.process_time()
    await asyncio.gather(*(work() for _ in range(PER_DESTINATION)))
    print(1e6 * (time.process_time() - before_s) / count)


if __name__ == "__main__":
    uvloop.run(_send(*map(int, sys.argv[1:])))
