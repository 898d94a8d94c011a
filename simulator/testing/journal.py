# SPDX-License-Identifier: MIT
"""What the clients of a fleet asked and got: bounded, written by the fleet's thread, read and awaited by the test's."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from simulator.testing.meters import Meter

_KEPT = 100_000


@dataclass(frozen=True, slots=True)
class Entry:
    number: int  # from 1; without gaps
    at: dt.datetime  # simulated time
    meter: Meter
    client: int  # service access point
    kind: str  # get, set, act; login: an LLS or HLS client has proved who it is, or has failed to
    what: str  # 1.0.1.8.0.255:2, logical name and attribute or method; of a login empty
    result: str  # success, or the name of the result code: read-write-denied, temporary-failure …
    octets: int  # of the value in the answer, A-XDR encoded
    value: Any = None  # that was written, or the method's parameter, as JSON would have it
    selection: Any = None  # selective access as it was asked for (simulator.wire.selection)

    def __str__(self) -> str:
        words = [f"{self.at:%Y-%m-%d %H:%M:%S}", str(self.meter), f"client {self.client}", self.kind, self.what]
        value = [f"<- {self.value!r}"] if self.kind in ("set", "act") else []
        size = [f"{self.octets} octets"] if self.octets else []
        return " ".join([word for word in words if word] + value + [f"-> {self.result}", *size])


class Journal:
    """Each entry can be taken by one expectation."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque(maxlen=_KEPT)
        self._changed = threading.Condition()
        self._numbers = 0
        self._taken: set[int] = set()

    def add(self, make: Callable[[int], Entry]) -> None:
        """`make` of its number."""
        with self._changed:
            self._numbers += 1
            self._entries.append(make(self._numbers))
            self._changed.notify_all()

    def entries(self, meter: Meter | None = None) -> list[Entry]:
        """The oldest first."""
        with self._changed:
            return [entry for entry in self._entries if meter is None or entry.meter.number == meter.number]

    def take(self, fits: Callable[[Entry], bool], within_s: float) -> Entry | None:
        """The first that fits and was not taken yet, as soon as it is there; None: it did not come in time."""
        give_up = time.monotonic() + within_s
        with self._changed:
            while (found := self._untaken(fits)) is None:
                if not self._changed.wait(give_up - time.monotonic()):
                    return None
            self._taken.add(found.number)
            return found

    def _untaken(self, fits: Callable[[Entry], bool]) -> Entry | None:
        return next((entry for entry in self._entries if entry.number not in self._taken and fits(entry)), None)
