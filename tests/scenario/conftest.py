# SPDX-License-Identifier: MIT
"""Scenarios played in this process, on a fresh database each."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from simulator.fleet.pace import MAX_SPEED
from simulator.fleet.runner import RunOptions
from simulator.scenario.replay import Result, replay
from simulator.scenario.scenario import Scenario, load_scenario
from simulator.store.database import Store

Play = Callable[..., Awaitable[Result]]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def played(scenario: Scenario, dsn: str, *, speed: float = MAX_SPEED) -> Result:
    listens = scenario.listens([f"wrapper,address=127.62.0.1,port={free_port()}"])
    return await replay(scenario, RunOptions(listens, speed), await Store.open(dsn))


@pytest.fixture
def play(database: str, tmp_path: Path) -> Play:
    """Text or the path of a scenario, and parameters, to what it came to."""

    async def make(text: str | Path, speed: float = MAX_SPEED, **settings: str) -> Result:
        path = text if isinstance(text, Path) else tmp_path / "scenario.yaml"
        if isinstance(text, str):
            path.write_text(text)
        return await played(load_scenario(path, settings), database, speed=speed)

    return make
