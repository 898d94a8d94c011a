# SPDX-License-Identifier: MIT
"""A cohort of a few meters on a real store, and a simulated clock that the test moves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from meter_bench import Install, Meters, installed

from simulator.store.database import Store


@pytest.fixture
async def install(database: str) -> AsyncIterator[Install]:
    """Install meters of a model on the test's database."""
    store = await Store.open(database)

    async def make(model: str, **options: Any) -> Meters:
        return await installed(store, model, **options)

    yield make
    await store.close()
