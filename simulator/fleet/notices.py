# SPDX-License-Identifier: MIT
"""Alerts on associations that are open: their clients hear at once of a status word that has changed.

It asks only connections of meters whose model lets a client negotiate EventNotification; most fleets have none.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from simulator.cosem.model import Model
from simulator.cosem.stamps import stamp
from simulator.fleet.connection import Connection
from simulator.meter.clocks import shown_s
from simulator.meter.cohort import Cohort
from simulator.meter.columns import Ints
from simulator.meter.status import WORD, encoded_word
from simulator.wire.codes import Conformance
from simulator.wire.notification import EventNotification

MeterOf = Callable[[Connection, int], int]
"""The meter, by its number from 0, that a server's number means on a connection; -1 if none."""


class Notices:
    def __init__(self, connections: set[Connection], meter_of: MeterOf) -> None:
        self._connections, self._meter_of = connections, meter_of

    def alert(self, cohort: Cohort, rows: Ints, instant_ms: int) -> None:
        """The status words of these meters have changed in what their filters pass."""
        if not _offers(cohort.model):
            return
        for connection in list(self._connections):
            for server in connection.session.listening if connection.session is not None else ():
                row = self._meter_of(connection, server) - cohort.first
                if 0 <= row < len(cohort.identities) and row in rows:
                    connection.notify(server, _event(cohort, row, instant_ms))


def _event(cohort: Cohort, row: int, instant_ms: int) -> EventNotification:
    """The time is that of the meter's own clock."""
    offset_minutes = cohort.calendar.utc_offset_minutes
    (local_s,) = shown_s(cohort.columns, offset_minutes, instant_ms, slice(row, row + 1))
    time = stamp(int(local_s), offset_minutes)
    return EventNotification(time, WORD, encoded_word(cohort.columns.status_word[:, row]))


@lru_cache(maxsize=64)
def _offers(model: Model) -> bool:
    offered = (client.conformance_block for client in model.spec.clients.values())
    return any(block & Conformance.EVENT_NOTIFICATION for block in offered)
