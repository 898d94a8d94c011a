# SPDX-License-Identifier: GPL-2.0-only
"""The event of a refused login (893) is in the log once, whatever becomes of the store meanwhile."""

from __future__ import annotations

import pytest
from pushing_fleet import Pushing, pushing

from simulator.errors import StoreUnavailable
from simulator.fleet import runner
from simulator.store.database import Store
from simulator.store.rows import RowsChange

REFUSED = "SELECT sequence_number FROM sim.event_logs WHERE event_code = 893 ORDER BY 1"
READER = 32


def refused(meters: Pushing) -> list[int]:
    return [number for (number,) in meters.sql(REFUSED)]


@pytest.mark.parametrize("is_taken", [False, True])
async def test_a_refused_login_is_logged_when_the_store_is_back(
    database: str, monkeypatch: pytest.MonkeyPatch, *, is_taken: bool
) -> None:
    """The store goes away before it takes the event, or before it can say that it has."""
    monkeypatch.setattr(runner, "_SWEEP_S", 0.05)
    write_rows, losses = Store.write_rows, [0, 0]

    async def lossy(self: Store, change: RowsChange) -> None:
        if is_taken or not losses:
            await write_rows(self, change)
        if losses:
            losses.pop()
            raise StoreUnavailable("it is being killed")

    async with pushing(database, 2, None) as meters:
        monkeypatch.setattr(Store, "write_rows", lossy)
        for _ in range(2):
            meters.fleet.device(1).login(READER, granted=False)
        await meters.until(lambda: not losses and not meters.fleet.cohorts[0].vault.refused)
        assert refused(meters) == [1, 2]
        meters.fleet.device(1).login(READER, granted=False)
    assert refused(meters) == [1, 2, 3]
