# SPDX-License-Identifier: MIT
"""Alerts on associations that are open: their clients hear at once of a status word that has changed.

It knows who listens to which meter; an alert asks nobody else, however many are connected.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from simulator.cosem.stamps import stamp
from simulator.fleet.connection import Connection
from simulator.meter.clocks import shown_s
from simulator.meter.cohort import Cohort
from simulator.meter.columns import Ints
from simulator.meter.status import WORD, encoded_word
from simulator.wire.notification import EventNotification

_FEW = 1_000
Listener = tuple[Connection, int]  # and the number of the server that it listens to
MeterOf = Callable[[Connection, int], int]
"""The meter, by its number from 0, that a server's number means on a connection; -1 if none."""


class Notices:
    def __init__(self, meter_of: MeterOf) -> None:
        self._meter_of = meter_of
        self._listeners: dict[int, list[Listener]] = {}  # by meter; those that have hung up go at the next look
        self._room = _FEW  # for so many meters, until all are looked at

    def watch(self, connection: Connection, server: int) -> None:
        """Somebody on this connection may come to listen to a server."""
        meter = self._meter_of(connection, server)
        known = [one for one in self._listeners.get(meter, ()) if one != (connection, server)]
        self._listeners[meter] = [*filter(_is_open, known), (connection, server)]
        if len(self._listeners) > self._room:
            self._forget()

    def _forget(self) -> None:
        """Who has hung up, be nothing told of its meter any more."""
        left = ((meter, list(filter(_is_open, told))) for meter, told in self._listeners.items())
        self._listeners = {meter: told for meter, told in left if told}
        self._room = _FEW + 2 * len(self._listeners)

    def alert(self, cohort: Cohort, rows: Ints, instant_ms: int) -> None:
        """The status words of these meters have changed in what their filters pass."""
        for row in self._watched(cohort, rows):
            meter = cohort.first + row
            self._listeners[meter] = list(filter(_is_open, self._listeners[meter]))
            for connection, server in self._listeners[meter]:
                if connection.session is not None and server in connection.session.listening:
                    connection.notify(server, _event(cohort, row, instant_ms))
            if not self._listeners[meter]:
                del self._listeners[meter]

    def _watched(self, cohort: Cohort, rows: Ints) -> list[int]:
        """Those of these meters that have listeners, by looking at the fewer of both."""
        if len(rows) <= len(self._listeners):
            return [row for row in rows.tolist() if cohort.first + row in self._listeners]
        listened = np.fromiter(self._listeners, np.int64) - cohort.first
        return [int(row) for row in np.intersect1d(rows, listened)]


def _is_open(listener: Listener) -> bool:
    return listener[0].session is not None


def _event(cohort: Cohort, row: int, instant_ms: int) -> EventNotification:
    """The time is that of the meter's own clock."""
    offset_minutes = cohort.calendar.utc_offset_minutes
    (local_s,) = shown_s(cohort.columns, offset_minutes, instant_ms, slice(row, row + 1))
    time = stamp(int(local_s), offset_minutes)
    return EventNotification(time, WORD, encoded_word(cohort.columns.status_word[:, row]))
