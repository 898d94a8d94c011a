# SPDX-License-Identifier: MIT
"""Codes of IS 15959 that the meter's own behaviour raises, and to which log a code belongs; words are in obis/."""

from __future__ import annotations

POWER_FAILED, POWER_RETURNED = 101, 102
CLOCK_SET, DEMAND_PERIOD, CAPTURE_PERIOD, BILLING_DATES, CALENDAR = range(151, 156)
FIRMWARE, LOAD_LIMIT, LIMIT_ENABLED, LIMIT_DISABLED = 157, 158, 159, 160
LLS_CHANGED, US_CHANGED, FU_CHANGED, GLOBAL_KEYS = 161, 162, 163, 164
STATUS_FILTER, MD_RESET, METERING_MODE, IMAGE_SCHEDULE = 165, 166, 167, 169
OVERLOAD, OVERLOAD_ENDED = 215, 216
DISCONNECTED, CONNECTED = 301, 302
LOGIN_REFUSED = 893  # of the makers' range: IS 15959 has no code for it
NON_ROLLOVER = 5  # the log that keeps its first entries, not its last
_PROGRAMMING = range(151, 201)


def log_code(log: int) -> str:
    """The event log 0 to 6."""
    return f"0.0.99.98.{log}.255"


def is_programming(code: int) -> bool:
    """Whether the meter counts it among its programmings (0.0.96.2.0.255)."""
    return code in _PROGRAMMING
