# SPDX-License-Identifier: GPL-2.0-only
"""Events of meters as rows of public.meter_events: entries of logs, alarms that were pushed, status bits that moved.

What a code means is in the catalogue of IS 15959. Pure.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from simulator.cosem.catalogue import Event, load_catalogue
from simulator.cosem.status_word import StatusBit
from simulator.headend.filing import entries
from simulator.headend.profiles import ProfileTable
from simulator.headend.values import as_text
from simulator.hes.tables import Row

LOGS = tuple(f"0.0.99.98.{log}.255" for log in range(7))
_CODE = "0.0.96.11."
_CRITICAL = frozenset({"POWER_FAILURE", "ACCESS"})


def logged(table: ProfileTable, zone: dt.tzinfo) -> Iterator[Row]:
    """The entries of a log."""
    at = next((at for at, column in enumerate(table.columns) if column.obis.startswith(_CODE)), None)
    if at is None:
        return
    for entry in entries(table, zone):
        code = entry.cells[at]
        if isinstance(code, int):
            captured = {
                column.obis if column.attribute == 2 else f"{column.obis}:{column.attribute}": _plain(cell)
                for place, (column, cell) in enumerate(zip(table.columns, entry.cells, strict=True))
                if place not in (0, at)
            }
            yield event(entry.moment, code, "EVENT_LOG", captured)


def alarms(moment: dt.datetime, bits: Iterable[StatusBit]) -> Iterator[Row]:
    """Bits that are set in an event status word that was pushed."""
    for bit in bits:
        if bit.occurrence:
            yield event(moment, bit.occurrence, "PUSH_ALARM", {"bit": bit.bit})


def moved(moment: dt.datetime, before: Collection[StatusBit], now: Collection[StatusBit]) -> Iterator[Row]:
    """What two successive status words differ in."""
    for bit in set(now) - set(before):
        if bit.occurrence:
            yield event(moment, bit.occurrence, "ESW_DIFF", {"bit": bit.bit})
    for bit in set(before) - set(now):
        if bit.restoration:
            yield event(moment, bit.restoration, "ESW_DIFF", {"bit": bit.bit})


def event(moment: dt.datetime, code: int, source: str, data: dict[str, Any]) -> Row:
    known = load_catalogue("is15959").get(code)
    kind = known.event_type if known else "CONFIGURATION"
    words = known.words if known else f"event {code}, which IS 15959 does not list"
    severity = _severity(known)
    if source == "PUSH_ALARM" and severity == "INFO":
        severity = "WARNING"  # a meter does not push an alarm for nothing
    return (moment, code, kind, severity, words, source, data or None)


def _severity(known: Event | None) -> str:
    """Of alarms, at least a warning."""
    if known is None or known.kind == "restoration" or (known.esw_bit < 0 and not known.tamper):
        return "INFO"
    return "CRITICAL" if known.tamper or known.event_type in _CRITICAL else "WARNING"


def _plain(cell: Any) -> Any:
    return cell if cell is None or isinstance(cell, int | float | str) else as_text(cell)
