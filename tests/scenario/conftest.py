# SPDX-License-Identifier: MIT
"""Scenarios played in this process, on a fresh database each."""

from __future__ import annotations

from pathlib import Path

import pytest
from playing import Play, played

from simulator.fleet.pace import MAX_SPEED
from simulator.scenario.replay import Result
from simulator.scenario.scenario import load_scenario


@pytest.fixture
def play(database: str, tmp_path: Path) -> Play:
    """Text or the path of a scenario, and parameters, to what it came to."""

    async def make(text: str | Path, speed: float = MAX_SPEED, **settings: str) -> Result:
        path = text if isinstance(text, Path) else tmp_path / "scenario.yaml"
        if isinstance(text, str):
            path.write_text(text)
        return await played(load_scenario(path, settings), database, speed=speed)

    return make
