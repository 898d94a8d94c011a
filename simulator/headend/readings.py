# SPDX-License-Identifier: GPL-2.0-only
"""One value as a row of a reading table: `value = original * 10 ^ scaler`, in the object's own unit. Pure."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from simulator.headend.judging import Circumstances
from simulator.headend.profiles import Column
from simulator.hes.tables import Row

REGISTERS = {
    "1.0.1.8.0.255": "ACTIVE_ENERGY_IMPORT",
    "1.0.2.8.0.255": "ACTIVE_ENERGY_EXPORT",
    "1.0.9.8.0.255": "APPARENT_ENERGY_IMPORT",
    "1.0.10.8.0.255": "APPARENT_ENERGY_EXPORT",
    "1.0.1.6.0.255": "MAX_DEMAND_ACTIVE_IMPORT",
    "1.0.9.6.0.255": "MAX_DEMAND_APPARENT_IMPORT",
    "0.0.96.7.0.255": "POWER_FAILURES",
    "0.0.94.91.0.255": "TAMPERS",
}
_KINDS = {"1": "ACTIVE", "3": "REACTIVE", "9": "APPARENT"}
POWERS = {
    **{f"1.0.{group}.7.0.255": (f"{kind}_POWER_IMPORT", "TOTAL") for group, kind in _KINDS.items()},
    **{
        f"1.0.{group}.7.0.255": (f"ACTIVE_POWER_IMPORT_{phase}", phase)
        for group, phase in (("21", "R"), ("41", "Y"), ("61", "B"))
    },
}
VOLTAGES = {
    f"1.0.{group}.7.0.255": (f"VOLTAGE_{phase}", phase)
    for group, phase in (("12", "R"), ("32", "R"), ("52", "Y"), ("72", "B"))
}
CURRENTS = {
    f"1.0.{group}.7.0.255": (f"CURRENT_{phase}", phase)
    for group, phase in (("11", "R"), ("31", "R"), ("51", "Y"), ("71", "B"), ("91", "N"))
}


def reading(
    moment: dt.datetime, kind: str, value: Decimal, column: Column, how: Circumstances,
    verdict: tuple[int, tuple[int, ...]], *, period_s: int | None = None,
) -> Row:  # fmt: skip
    quality, flags = verdict
    original = value.scaleb(-column.scaler)
    return (
        moment, kind, value, quality, column.unit or None, how.source, period_s, flags, how.communication, how.retries,
        original, column.scaler, column.obis,
    )  # fmt: skip


def missed(moment: dt.datetime, how: Circumstances) -> Row:
    """A meter did not answer: the reading that should be there, without a value."""
    kind = REGISTERS["1.0.1.8.0.255"]
    flags = (1, 7) if how.retries else (1,)
    return (moment, kind, None, 64, None, how.source, None, flags, how.communication, how.retries, None, None, None)
