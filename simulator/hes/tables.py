# SPDX-License-Identifier: MIT
"""What each table that readings land in is made of: its columns, its key, and which columns make a row a new one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Table:
    """`columns` as they are copied, the meter first; a row whose `told` columns are equal is the same row again."""

    relation: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    told: tuple[str, ...]
    code: str = ""  # the object whose rows these are; `channel_id`: each row says it; empty: none is kept
    is_record: bool = False  # what a meter keeps: it does not change
    fill: str = ""  # fills what follows from successive rows, which the last column of `key` numbers


Row = tuple[Any, ...]
"""The values of a table's columns without the first, which is the meter."""

_READING = (
    "timestamp", "reading_type", "value", "quality", "unit", "source", "capture_period", "validation_flags",
    "communication_status", "retry_count", "original_value", "scaling_factor", "channel_id",
)  # fmt: skip
_JUDGED = ("value", "quality", "unit", "scaling_factor")
_PHASES = "ryb"
_ENERGIES = ("kwh_import", "kwh_export", "kvah_import", "kvah_export")
_CUMULATIVE = tuple(f"cumulative_{name}" for name in _ENERGIES)
_HOW = ("source", "communication_status")


def _reading(relation: str, key: tuple[str, ...], more: tuple[str, ...] = ()) -> Table:
    code = "channel_id" if more else ""
    return Table(relation, ("meter_id", *_READING, *more), ("meter_id", *key, "timestamp"), _JUDGED, code)


def _profile(relation: str, time: tuple[str, ...], told: tuple[str, ...], code: str) -> Table:
    key = ("meter_id", *time)
    return Table(relation, (*key, "rtc_timestamp", *told, *_HOW), key, told, code, is_record=time != ("timestamp",))


READINGS = _reading("public.meter_readings", ("reading_type",))
POWER = _reading("hes.power_readings", ("reading_type",), ("phase",))
ENERGY = _reading("hes.energy_measurements", ("reading_type", "measurement_type"), ("measurement_type",))
VOLTAGE = _reading("hes.voltage_measurements", ("phase",), ("phase",))
CURRENT = _reading("hes.current_measurements", ("phase",), ("phase",))
INSTANT = _profile(
    "hes.instant_profile",
    ("timestamp",),
    (
        *(f"{what}_{phase}" for what in ("voltage", "current", "active_power", "power_factor") for phase in _PHASES),
        "frequency",
    ),
    "1.0.94.91.0.255",
)
BLOCK = _profile(
    "hes.block_load_profile",
    ("capture_time",),
    (
        *_ENERGIES,
        *(f"average_{what}_{phase}" for what in ("current", "voltage") for phase in _PHASES),
        "block_interval_minutes",
    ),
    "1.0.99.1.0.255",
)
DAILY = replace(_profile("hes.daily_load_profile", ("capture_date",), _CUMULATIVE, "1.0.99.2.0.255"), fill="fill_days")
BILLING = replace(
    _profile(
        "hes.billing_profile",
        ("billing_date", "reset_count"),
        (*_CUMULATIVE, "max_demand_kw", "max_demand_date", "power_factor"),
        "1.0.98.1.0.255",
    ),
    fill="fill_bills",
)
EVENTS = Table(
    "public.meter_events",
    ("meter_id", "timestamp", "event_code", "event_type", "severity", "description", "source", "additional_data"),
    ("meter_id", "timestamp", "event_code", "source"),
    ("additional_data",),
)
READING_TYPES = (
    *(f"{kind}_ENERGY_{way}" for kind in ("ACTIVE", "APPARENT") for way in ("IMPORT", "EXPORT")),
    *(f"{kind}_POWER_IMPORT" for kind in ("ACTIVE", "REACTIVE", "APPARENT")),
    *(f"ACTIVE_POWER_IMPORT_{phase}" for phase in "RYB"),
    *(f"VOLTAGE_{phase}" for phase in "RYB"),
    *(f"CURRENT_{phase}" for phase in "RYBN"),
    "MAX_DEMAND_ACTIVE_IMPORT",
    "MAX_DEMAND_APPARENT_IMPORT",
    "POWER_FAILURES",
    "TAMPERS",
)
"""What the head-end calls the readings that it makes; the tables take any other name, too."""
_UNITS = {
    "ACTIVE_ENERGY": "Wh", "APPARENT_ENERGY": "VAh", "ACTIVE_POWER": "W", "REACTIVE_POWER": "var",
    "APPARENT_POWER": "VA", "VOLTAGE": "V", "CURRENT": "A", "MAX_DEMAND_ACTIVE": "W", "MAX_DEMAND_APPARENT": "VA",
}  # fmt: skip


def unit_of(reading_type: str) -> str | None:
    """In which the head-end keeps one of its own types; None of a count, and of a type that is not its own."""
    if reading_type not in READING_TYPES:
        return None
    return next((unit for kind, unit in _UNITS.items() if reading_type.startswith(f"{kind}_")), None)
