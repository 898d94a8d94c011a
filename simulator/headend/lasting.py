# SPDX-License-Identifier: GPL-2.0-only
"""A way into the head-end's tables that outlives a database which goes away."""

from __future__ import annotations

import contextlib
import itertools
import logging
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from uuid import UUID

import psycopg

from simulator.errors import MeterfleetError
from simulator.hes.landing import Batch, Landed, Landing

log = logging.getLogger(__name__)
OpenLanding = Callable[[], AbstractContextManager[Landing]]
_BACK_OFF_S = (0.5, 1.0, 2.0, 4.0, 8.0)
_LOOK_S = 2.0


class Lasting:
    """A landing that is opened again when it was lost, or when the database takes nothing, for as long as it takes."""

    def __init__(self, open_landing: OpenLanding, stop: threading.Event) -> None:
        self._open, self._stop = open_landing, stop
        self._opened: AbstractContextManager[Landing] | None = None
        self._landing: Landing | None = None
        self._ids: Mapping[str, UUID] = {}  # of meters, as they were last known
        self._is_away = False
        self._again_s = 0.0

    def land(self, batch: Batch) -> Landed:
        for wait_s in itertools.chain(_BACK_OFF_S, itertools.repeat(_BACK_OFF_S[-1])):
            try:
                landing = self._ready()
                landed = landing.land_each(batch)
            except MeterfleetError as error:
                self.close()
                if self._stop.is_set() and wait_s == _BACK_OFF_S[-1]:
                    raise
                self._tell(error)
                time.sleep(wait_s)
            else:
                self._tell(None)
                return replace(landed, forgotten=self._forgotten(landing.ids))
        raise AssertionError("the waiting has no end")

    def look(self) -> None:
        """Whether the database is there while nothing is to land: else nobody would be told before the next poll."""
        if time.monotonic() < self._again_s:
            return
        try:
            self._ready().check()
        except MeterfleetError as error:
            self.close()
            self._tell(error)
        else:
            self._tell(None)
        self._again_s = time.monotonic() + _LOOK_S

    def close(self) -> None:
        opened, self._opened, self._landing = self._opened, None, None
        if opened is not None:
            with contextlib.suppress(psycopg.Error, MeterfleetError):
                opened.__exit__(None, None, None)

    def _ready(self) -> Landing:
        if self._landing is None:
            self._opened = self._open()
            self._landing = self._opened.__enter__()
        return self._landing

    def _forgotten(self, ids: Mapping[str, UUID]) -> frozenset[str]:
        """Meters that somebody has deleted, with all that was read of them; they may be there again."""
        before, self._ids = self._ids, ids
        if before is ids:
            return frozenset()
        return frozenset(serial for serial, known in before.items() if ids.get(serial) != known)

    def _tell(self, trouble: MeterfleetError | None) -> None:
        """Once, and once when it is over."""
        if trouble and not self._is_away:
            log.warning("what is read waits for the database, which is tried again: %s", trouble)
        elif self._is_away and not trouble:
            log.warning("the database is back, and takes what is read")
        self._is_away = trouble is not None
