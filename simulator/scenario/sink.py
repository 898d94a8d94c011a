# SPDX-License-Identifier: MIT
"""A head-end that hears pushes and forgets them, for scenarios that only ask whether they were sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from simulator.fleet.push_options import PushOptions, parse_push
from simulator.scenario.scenario import Scenario

SINK = "sink"
_PIECE = 65_536


@asynccontextmanager
async def pushing(scenario: Scenario) -> AsyncIterator[PushOptions]:
    """Where the scenario's meters push by default; a destination `sink` is heard while the context lasts."""
    push = scenario.head.push
    if push is None:
        yield PushOptions()
    elif push.destination != SINK:
        yield parse_push(push.destination, push.schedule)
    else:
        async with sink() as address:
            yield parse_push(address, push.schedule)


@asynccontextmanager
async def sink() -> AsyncIterator[str]:
    """Host and port at which pushes are heard while the context lasts."""
    server = await asyncio.start_server(_hear, "127.0.0.1", 0, backlog=1024)
    host, port = server.sockets[0].getsockname()
    try:
        yield f"{host}:{port}"
    finally:
        server.close()


async def _hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while await reader.read(_PIECE):
            pass
    writer.close()
