# SPDX-License-Identifier: GPL-2.0-only
"""Fleets that stand still at a fixed instant, with their profiles filled; one process each for a whole test run."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from live import Spawned, spawned
from memory import server_folder

from simulator.store.embedded import EmbeddedPostgres

AT = "2025-06-10T10:00:00+05:30"  # a block boundary, so that what is live is what was captured


@pytest.fixture(scope="session")
def home(postgres: EmbeddedPostgres) -> Path:
    return postgres.home


@pytest.fixture(scope="session")
def server() -> Iterator[EmbeddedPostgres]:
    """Another server, for tests that kill it or ask for the fleet that was started last."""
    with server_folder() as folder:
        server = EmbeddedPostgres(folder)
        server.start()
        try:
            yield server
        finally:
            server.stop()
            shutil.rmtree(server.cluster, ignore_errors=True)


@pytest.fixture(scope="session")
def floating(home: Path) -> Iterator[Spawned]:
    """Ten meters with floating-point registers, sixty days old, in blocks of 15 minutes."""
    with spawned(home, 10, "--block-minutes", 15, "--history", "60d", "--start", AT, "--speed", 0) as fleet:
        yield fleet


@pytest.fixture(scope="session")
def whole(home: Path) -> Iterator[Spawned]:
    """Ten meters with whole-number registers, forty days old."""
    options = ("--model", "is15959-1ph-integer", "--block-minutes", 15, "--history", "40d", "--load", "solar")
    with spawned(home, 10, *options, "--start", AT, "--speed", 0) as fleet:
        yield fleet


@pytest.fixture(params=["floating", "whole"])
def fleet(request: pytest.FixtureRequest) -> Spawned:
    """Both kinds of registers."""
    found: Spawned = request.getfixturevalue(request.param)
    return found
