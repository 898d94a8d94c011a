# SPDX-License-Identifier: GPL-2.0-only
"""Meters that have taken others' places: when one cannot be read any more, the inventory is asked who is there now.

It talks to no meter; where the inventory comes from is the business of who makes it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence

import psycopg

from simulator.errors import MeterfleetError
from simulator.headend.roster import KnownMeter
from simulator.hes.landing import Batch, LogEntry

log = logging.getLogger(__name__)
Renew = Callable[[], Sequence[KnownMeter]]
_PAUSE_S = 5.0
_SHARE = 10.0  # times as long as it took


class Renewal:
    """`renew` gives the inventory as it is now, its meters known to the database; without it nothing is ever new."""

    def __init__(self, renew: Renew | None) -> None:
        self._renew = renew
        self._doubt = threading.Event()
        self._again_s = 0.0
        self._is_away = False

    def doubt(self) -> None:
        """Something speaks for an inventory that is not up to date. From any thread."""
        self._doubt.set()

    def found(self) -> Mapping[str, KnownMeter] | None:
        """By serial number the meters there are, if it is time to ask; not too often, for an inventory may be long."""
        if self._renew is None or not self._doubt.is_set() or time.monotonic() < self._again_s:
            return None
        self._doubt.clear()
        began_s = time.monotonic()
        try:
            meters = {meter.serial: meter for meter in self._renew()}
            self._is_away = False
            return meters or None
        except (MeterfleetError, psycopg.Error) as error:
            self._doubt.set()
            if not self._is_away:
                log.warning("the inventory cannot be asked for now: %s", error)
            self._is_away = True
            return None
        finally:
            ended_s = time.monotonic()
            self._again_s = ended_s + max(_PAUSE_S, _SHARE * (ended_s - began_s))


def told(before: Mapping[str, KnownMeter], now: Mapping[str, KnownMeter]) -> Batch:
    """Who is gone and who is there for it, for the head-end's log; what was said before stays where it is."""
    left = {serial: meter for serial, meter in before.items() if serial not in now}
    # Who calls has no place of its own: there the head-end's is told, which is that of all of them.
    gone = {_place(meter): serial for serial, meter in left.items() if not meter.calls}
    batch = Batch(status=dict.fromkeys(left, "RETIRED"))
    for serial, meter in now.items():
        if serial not in before:
            old = gone.get(_place(meter))
            words = _in_place_of(old) if old else "it is new in the inventory"
            batch.log.append(LogEntry("METER_REPLACED" if old else "METER_ADDED", words, serial))
    return batch


def gone(replaced: Mapping[str, str], in_use: Collection[str]) -> Batch:
    """The same of meters that were replaced while nobody looked: `replaced` says by whom."""
    batch = Batch(status={old: "RETIRED" for old in replaced if old in in_use})
    for old in batch.status:
        if (new := replaced[old]) in in_use:
            batch.log.append(LogEntry("METER_REPLACED", _in_place_of(old), new))
    return batch


def _in_place_of(old: str) -> str:
    return f"it has taken the place of meter {old}"


def _place(meter: KnownMeter) -> object:
    return meter.host, meter.port, meter.server, meter.way
