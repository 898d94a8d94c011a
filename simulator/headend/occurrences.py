# SPDX-License-Identifier: GPL-2.0-only
"""Events of meters as rows of public.meter_events: entries of logs, alarms that were pushed, status bits that moved.

What a code means is in the catalogue of IS 15959. Pure.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Iterator
from operator import attrgetter
from typing import Any

from simulator.cosem.catalogue import Event, load_catalogue
from simulator.cosem.status_word import StatusBit, octets_of
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


def alarms(moment: dt.datetime, before: Collection[StatusBit], now: Collection[StatusBit]) -> Iterator[Row]:
    """What a status word that was pushed tells of: bits that have been raised since the one before. What stays set, as
    `first breath` does in normal operation, is no new event."""
    for bit in _anew(before, now):
        if bit.occurrence:
            yield event(moment, bit.occurrence, "PUSH_ALARM", _bit(bit, now))


def moved(moment: dt.datetime, before: Collection[StatusBit], now: Collection[StatusBit]) -> Iterator[Row]:
    """What two successive status words differ in."""
    for bit in _in_order(set(now) - set(before)):
        if bit.occurrence:
            yield event(moment, bit.occurrence, "ESW_DIFF", _bit(bit, now))
    for bit in _in_order(set(before) - set(now)):
        if bit.restoration:
            yield event(moment, bit.restoration, "ESW_DIFF", _bit(bit, now))


def _anew(before: Collection[StatusBit], now: Collection[StatusBit]) -> list[StatusBit]:
    """An alert that changes nothing is of an event that has no end and has come again, if it can be but one."""
    if raised := set(now) - set(before):
        return _in_order(raised)
    known = load_catalogue("is15959")
    endless = [bit for bit in now if bit.occurrence in known and known[bit.occurrence].kind == "single"]
    return endless if set(now) == set(before) and len(endless) == 1 else []


def _in_order(bits: Iterable[StatusBit]) -> list[StatusBit]:
    return sorted(bits, key=attrgetter("bit"))


def _bit(bit: StatusBit, word: Iterable[StatusBit]) -> dict[str, Any]:
    """With the word, by which whoever starts anew knows what has been told."""
    return {"bit": bit.bit, "word": octets_of(word).hex()}


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
