# SPDX-License-Identifier: MIT
"""The world of seed 42 with the shipped loads, and populations in it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from simulator.world.population import Population, build_population
from simulator.world.shapes import World, load_world


@pytest.fixture(scope="session")
def world() -> World:
    return load_world(42)


@pytest.fixture(scope="session")
def populate(world: World) -> Callable[..., Population]:
    def build(count: int, load: str = "mixed", phases: int = 1, nominal_v: float = 240.0) -> Population:
        keys = np.arange(1000, 1000 + count, dtype=np.uint64)
        return build_population(world, keys, load=load, phases=phases, feeders=keys % np.uint64(3), nominal_v=nominal_v)

    return build
