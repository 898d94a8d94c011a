# SPDX-License-Identifier: MIT
"""Who is told of a status word that has changed: the clients that listen to that meter, and no other is looked at."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pytest
from pushing_fleet import pushing

from simulator.fleet.connection import Connection
from simulator.fleet.notices import Notices
from simulator.wire.notification import EventNotification


class Client:
    """A connection to one meter, as far as it is looked at."""

    def __init__(self, notices: Notices, meter: int) -> None:
        self.told: list[EventNotification] = []
        self.meter, self.looks, self.is_open = meter, 0, True
        notices.watch(cast(Connection, self), 1)

    @property
    def session(self) -> Client | None:
        self.looks += 1
        return self if self.is_open else None

    listening = (1,)

    def notify(self, server: int, event: EventNotification) -> None:
        self.told.append(event)


@pytest.mark.parametrize("rows", [[1], [0, 1], list(range(8))])
async def test_an_alert_looks_at_the_listeners_of_its_meters_only(database: str, rows: list[int]) -> None:
    notices = Notices(lambda connection, server: cast(Any, connection).meter)
    async with pushing(database, 8, None, models=("every-class",)) as meters:
        (cohort,) = meters.fleet.cohorts
        first, gone, *others = clients = [Client(notices, meter) for meter in (1, 1, 9, 10)]
        gone.is_open = False
        looks = [one.looks for one in others]
        notices.alert(cohort, np.array(rows), cohort.around.now_ms())
        assert [len(one.told) for one in clients] == [1, 0, 0, 0]
        assert [one.looks for one in others] == looks
        first.is_open = False
        notices.alert(cohort, np.array(rows), cohort.around.now_ms())
        assert list(notices._listeners) == [9, 10]


def test_who_has_hung_up_is_forgotten_though_no_meter_tells_anything() -> None:
    notices = Notices(lambda connection, server: cast(Any, connection).meter)
    Client(notices, 0)
    for meter in range(1, 5_000):
        Client(notices, meter).is_open = False
    assert 0 in notices._listeners
    assert len(notices._listeners) < 2_000
