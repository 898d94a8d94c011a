# SPDX-License-Identifier: MIT
"""What meters told of themselves, as the store has it: pushes and entries of event logs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from simulator.testing.meters import Meter


@dataclass(frozen=True, slots=True)
class Pushed:
    """An attempt to push, and what came of it."""

    id: int
    meter: Meter
    setup: str  # logical name
    status: str  # SUCCESS, FAILED, RETRY, CANCELLED
    at: dt.datetime  # what the meter's clock showed
    trigger: str  # SCHEDULE, ALARM, MANUAL
    retries: int
    destination: str | None
    payload: bytes | None  # the APDU as it went out
    error: str | None
    values: Mapping[str, Any]  # by logical name and attribute, as JSON has them; of the last attempt only

    def __str__(self) -> str:
        why = f": {self.error}" if self.error else ""
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.meter} {self.setup} {self.trigger} {self.status}{why}"


@dataclass(frozen=True, slots=True)
class Logged:
    """An entry of an event log."""

    id: int
    meter: Meter
    code: int
    at: dt.datetime  # what the meter's clock showed
    type: str
    snapshot: Mapping[str, Any]  # what the log captures

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.meter} event {self.code}"
