# SPDX-License-Identifier: MIT
"""What tests of scenarios share: one played in this process, on the database that they give."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from live import free_port

from simulator.fleet.pace import MAX_SPEED
from simulator.fleet.runner import RunOptions
from simulator.scenario.replay import Result, replay
from simulator.scenario.scenario import Scenario
from simulator.store.database import Store

Play = Callable[..., Awaitable[Result]]


async def played(scenario: Scenario, dsn: str, *, speed: float = MAX_SPEED) -> Result:
    listens = scenario.listens([f"wrapper,address=127.62.0.1,port={free_port()}"])
    return await replay(scenario, RunOptions(listens, speed), await Store.open(dsn))
