# SPDX-License-Identifier: MIT
"""Entries of the meter's event logs (IS 15959: codes 1 to 50 voltage ... 301 to 350 control) as rows of the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from simulator.store.copy import Int4, Rows, Text, Timestamp, Uuid, encode_rows

CLOCK_SET, DEMAND_PERIOD, CAPTURE_PERIOD, BILLING_DATES, CALENDAR = range(151, 156)
FIRMWARE, LOAD_LIMIT, STATUS_FILTER, MD_RESET, METERING_MODE, IMAGE_SCHEDULE = 157, 158, 165, 166, 167, 169
DISCONNECTED, CONNECTED = 301, 302
EVENTS = {  # code -> type of sim.event_logs, words
    CLOCK_SET: ("CLOCK", "Real time clock set"),
    DEMAND_PERIOD: ("CONFIGURATION", "Demand integration period changed"),
    CAPTURE_PERIOD: ("CONFIGURATION", "Profile capture period changed"),
    BILLING_DATES: ("CONFIGURATION", "Billing dates changed"),
    CALENDAR: ("CONFIGURATION", "Activity calendar changed"),
    FIRMWARE: ("FIRMWARE", "New firmware activated"),
    LOAD_LIMIT: ("CONFIGURATION", "Load limit set"),
    STATUS_FILTER: ("CONFIGURATION", "Event status word filter changed"),
    METERING_MODE: ("CONFIGURATION", "Metering mode changed"),
    MD_RESET: ("BILLING", "MD reset"),
    IMAGE_SCHEDULE: ("CONFIGURATION", "Image activation schedule changed"),
    DISCONNECTED: ("CONFIGURATION", "Load switch disconnected"),
    CONNECTED: ("CONFIGURATION", "Load switch connected"),
}
_RANGE = 50  # codes of one log; the transactions begin at 151 and so on
_TRANSACTIONS = range(151, 201)


def log_of(code: int) -> int:
    """The event log, 0 to 6, that a code belongs to."""
    return (code - 1) // _RANGE


def is_programming(code: int) -> bool:
    """Whether the meter counts it among its programmings (0.0.96.2.0.255)."""
    return code in _TRANSACTIONS


def event_rows(
    meter: npt.NDArray[np.uint8], codes: Mapping[str, int], local_s: int, events: Sequence[int]
) -> list[Rows]:
    """One row per event; `codes` are the ids of sim.obis_codes."""
    return [
        encode_rows(
            "event_logs",
            {
                "meter_id": Uuid(meter),
                "obis_code_id": Int4(codes[f"0.0.99.98.{log_of(event)}.255"]),
                "event_timestamp": Timestamp(np.array([local_s])),
                "event_code": Int4(event),
                "event_type": Text(EVENTS[event][0]),
                "description": Text(EVENTS[event][1]),
            },
        )
        for event in events
    ]
