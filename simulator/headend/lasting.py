# SPDX-License-Identifier: GPL-2.0-only
"""A way into the head-end's tables that outlives a database which goes away."""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager

import psycopg

from simulator.errors import MeterfleetError, StoreUnavailable
from simulator.hes.landing import Batch, Landed, Landing

OpenLanding = Callable[[], AbstractContextManager[Landing]]
_BACK_OFF_S = (0.5, 1.0, 2.0, 4.0, 8.0)


class Lasting:
    """A landing that is opened again when it was lost, for as long as it takes."""

    def __init__(self, open_landing: OpenLanding, stop: threading.Event) -> None:
        self._open, self._stop = open_landing, stop
        self._opened: AbstractContextManager[Landing] | None = None
        self._landing: Landing | None = None

    def land(self, batch: Batch) -> Landed:
        for wait_s in itertools.chain(_BACK_OFF_S, itertools.repeat(_BACK_OFF_S[-1])):
            try:
                return self._ready().land_each(batch)
            except StoreUnavailable:
                self.close()
                if self._stop.is_set() and wait_s == _BACK_OFF_S[-1]:
                    raise
                time.sleep(wait_s)
        raise AssertionError("the waiting has no end")

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
