# SPDX-License-Identifier: MIT
"""A head-end that reads what comes and answers nothing: when each connection ended, by the machine's clock.

`python -m bench.sink` prints its port, and one line of JSON for each storm of connections: the moments in seconds.
"""

from __future__ import annotations

import asyncio
import json
import time

import uvloop

_BACKLOG = 4096
_SILENCE_S = 1.5  # ends a storm
_SMALL = 500  # what comes between storms is not told


class Call(asyncio.Protocol):
    moments: list[float] = []  # noqa: RUF012 - of all calls

    def data_received(self, data: bytes) -> None:
        pass

    def connection_lost(self, exc: Exception | None) -> None:
        self.moments.append(time.time())


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(Call, "127.0.0.1", 0, backlog=_BACKLOG)
    print(server.sockets[0].getsockname()[1], flush=True)
    is_storm = False
    while True:
        before = len(Call.moments)
        await asyncio.sleep(_SILENCE_S)
        quiet = len(Call.moments) - before < _SMALL
        if quiet and is_storm:
            print(json.dumps(Call.moments), flush=True)
        if quiet:  # a storm may just have begun
            del Call.moments[:before]
        is_storm = not quiet


if __name__ == "__main__":
    uvloop.run(_serve())
