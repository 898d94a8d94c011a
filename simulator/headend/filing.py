# SPDX-License-Identifier: GPL-2.0-only
"""What was read of a meter, as rows of the head-end's tables. Pure: it reads no meter and opens no database.

Which object goes to which column is said here once, apart from the simulator's own registry, so that each can show a
mistake of the other.
"""

from __future__ import annotations

import datetime as dt
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from simulator.headend.judging import DUPLICATE, GAP_BEFORE, LATE, SPIKE, Circumstances, is_spike, judged
from simulator.headend.profiles import Column, ProfileTable
from simulator.headend.readings import CURRENTS, POWERS, REGISTERS, VOLTAGES, reading
from simulator.hes.landing import Batch
from simulator.hes.tables import (
    BILLING,
    BLOCK,
    CURRENT,
    DAILY,
    ENERGY,
    INSTANT,
    POWER,
    READINGS,
    VOLTAGE,
    Row,
    Table,
)

Objects = Mapping[str, str]
"""Columns by object, with its attribute where that is not 2."""

_ENERGIES = {"1": "kwh_import", "2": "kwh_export", "9": "kvah_import", "10": "kvah_export"}
_KILO = frozenset({"W", "VA", "var", "Wh", "VAh", "varh"})
_PHASES = {"r": ("31", "32", "33", "21"), "y": ("51", "52", "53", "41"), "b": ("71", "72", "73", "61")}
_CUMULATIVE: Objects = {f"1.0.{group}.8.0.255": f"cumulative_{name}" for group, name in _ENERGIES.items()}
_SINGLE_PHASE: Objects = {"1.0.1.7.0.255": "active_power_r", "1.0.13.7.0.255": "power_factor_r"}
_OBJECTS: Mapping[Table, Objects] = {
    INSTANT: {
        "1.0.11.7.0.255": "current_r",
        "1.0.12.7.0.255": "voltage_r",
        "1.0.14.7.0.255": "frequency",
        **{
            f"1.0.{group}.7.0.255": f"{what}_{phase}"
            for phase, groups in _PHASES.items()
            for group, what in zip(groups, ("current", "voltage", "power_factor", "active_power"), strict=True)
        },
    },
    BLOCK: {
        "1.0.11.27.0.255": "average_current_r",
        "1.0.12.27.0.255": "average_voltage_r",
        **{f"1.0.{group}.29.0.255": name for group, name in _ENERGIES.items()},
        **{
            f"1.0.{group}.27.0.255": f"average_{what}_{phase}"
            for phase, groups in _PHASES.items()
            for group, what in zip(groups, ("current", "voltage"), strict=False)
        },
    },
    DAILY: _CUMULATIVE,
    BILLING: {
        **_CUMULATIVE,
        "1.0.1.6.0.255": "max_demand_kw",
        "1.0.1.6.0.255:5": "max_demand_date",
        "1.0.13.0.0.255": "power_factor",
    },
}
_INTERVALS = {f"1.0.{group}.29.0.255": REGISTERS[f"1.0.{group}.8.0.255"] for group in _ENERGIES}


class Entry(NamedTuple):
    """One row of a profile, with what its clock showed."""

    moment: dt.datetime  # the instant
    clock: dt.datetime  # as it was shown
    cells: Sequence[Any]
    status: int


def file_instantaneous(batch: Batch, serial: str, table: ProfileTable, how: Circumstances, zone: dt.tzinfo) -> None:
    """The snapshot, and its single values as readings."""
    is_single = any(column.obis == "1.0.12.7.0.255" for column in table.columns)
    objects = {**_OBJECTS[INSTANT], **(_SINGLE_PHASE if is_single else {})}
    for entry in entries(table, zone):
        batch.add(INSTANT, serial, [_profile_row(INSTANT, objects, table.columns, entry, how, (entry.moment,))])
        for column, cell in zip(table.columns, entry.cells, strict=True):
            _file_reading(batch, serial, column, cell, entry, how)


def _file_reading(batch: Batch, serial: str, column: Column, cell: Any, entry: Entry, how: Circumstances) -> None:
    value = exact(cell)
    if value is None or column.attribute != 2:
        return
    kind = REGISTERS.get(column.obis, "")
    register = kind if "ENERGY" in kind else ""
    more = (DUPLICATE,) if how.is_repeated else ()
    verdict = judged(how, float(value), column.unit, clock_status=entry.status, register=register, more=more)
    if kind:
        row = reading(entry.moment, kind, value, column, how, verdict)
        batch.add(READINGS, serial, [row])
        if register:
            batch.add(ENERGY, serial, [(*row, "CUMULATIVE")])
    for target, phases in ((POWER, POWERS), (VOLTAGE, VOLTAGES), (CURRENT, CURRENTS)):
        if column.obis in phases:
            name, phase = phases[column.obis]
            batch.add(target, serial, [(*reading(entry.moment, name, value, column, how, verdict), phase)])


def file_blocks(
    batch: Batch,
    serial: str,
    table: ProfileTable,
    how: Circumstances,
    zone: dt.tzinfo,
    *,
    period_s: int,
    is_late: bool = False,
) -> None:
    """`is_late`: blocks that were missing, behind others that had come before."""
    previous: dt.datetime | None = None
    step = dt.timedelta(seconds=period_s)
    copies = Counter(entry.moment for entry in entries(table, zone))
    for entry in entries(table, zone):
        times = copies.pop(entry.moment, 0)
        if not times:
            continue  # the first of a block's copies is kept
        row = _profile_row(
            BLOCK, _OBJECTS[BLOCK], table.columns, entry, how, (entry.moment,), block_interval_minutes=period_s // 60
        )
        batch.add(BLOCK, serial, [row])
        gap = previous is not None and entry.moment - previous > step
        circumstances = {GAP_BEFORE: gap, LATE: is_late, DUPLICATE: how.is_repeated or times > 1}
        more = tuple(flag for flag, holds in circumstances.items() if holds)
        previous = entry.moment
        _file_intervals(batch, serial, table.columns, entry, how, more=more, period_s=period_s)


def _file_intervals(
    batch: Batch, serial: str, columns: Sequence[Column], entry: Entry, how: Circumstances, *,
    more: tuple[int, ...], period_s: int,
) -> None:  # fmt: skip
    """A block's energies as readings."""
    for column, cell in zip(columns, entry.cells, strict=True):
        value = exact(cell)
        if column.obis in _INTERVALS and value is not None:
            kind = _INTERVALS[column.obis]
            spike = (SPIKE,) if is_spike(how, kind, float(value)) else ()
            verdict = judged(how, float(value), clock_status=entry.status, more=more + spike)
            line = reading(entry.moment, kind, value, column, how, verdict, period_s=period_s)
            batch.add(ENERGY, serial, [(*line, "INTERVAL")])


def file_days(batch: Batch, serial: str, table: ProfileTable, how: Circumstances, zone: dt.tzinfo) -> None:
    objects = _OBJECTS[DAILY]
    rows = [_profile_row(DAILY, objects, table.columns, one, how, (one.clock.date(),)) for one in entries(table, zone)]
    batch.add(DAILY, serial, rows)


def file_bills(
    batch: Batch, serial: str, table: ProfileTable, how: Circumstances, zone: dt.tzinfo, *, resets: int
) -> None:
    """`resets`: the billing count after the newest entry; each entry before it has one less."""
    found = list(entries(table, zone))
    rows = [
        _profile_row(BILLING, _OBJECTS[BILLING], table.columns, entry, how, (entry.clock.date(), resets - back))
        for entry, back in zip(found, reversed(range(len(found))), strict=True)
    ]
    batch.add(BILLING, serial, rows)


def entries(table: ProfileTable, zone: dt.tzinfo) -> Iterator[Entry]:
    """Rows by the first column, which is their time; those without one are left out (`undated` counts them)."""
    for at, cells in enumerate(table.rows):
        if isinstance(shown := cells[0], dt.datetime):
            moment = shown if shown.tzinfo else shown.replace(tzinfo=zone)
            status = table.clock_status[at] if table.clock_status else 0
            yield Entry(moment, shown.replace(tzinfo=None), cells, status)


def undated(table: ProfileTable) -> int:
    return sum(not isinstance(cells[0], dt.datetime) for cells in table.rows)


def exact(cell: Any) -> Decimal | None:
    """A number as a decimal of the same digits; None for what is no number."""
    if isinstance(cell, bool) or not isinstance(cell, int | float | Decimal):
        return None
    return Decimal(str(cell)) if math.isfinite(cell) else None


def _profile_row(
    table: Table, objects: Objects, columns: Sequence[Column], entry: Entry, how: Circumstances, time: tuple[Any, ...],
    **more: Any,
) -> Row:  # fmt: skip
    found = dict(more)
    for column, cell in zip(columns, entry.cells, strict=True):
        name = objects.get(column.obis if column.attribute == 2 else f"{column.obis}:{column.attribute}")
        if name is not None:
            found[name] = _instant(cell, entry) if isinstance(cell, dt.datetime) else _kilo(exact(cell), column.unit)
    return (*time, entry.clock, *(found.get(name) for name in table.told), how.source, how.communication)


def _instant(shown: dt.datetime, entry: Entry) -> dt.datetime:
    """Without a deviation it is of the zone that the entry's own time is of."""
    return shown if shown.tzinfo else shown.replace(tzinfo=entry.moment.tzinfo)


def _kilo(value: Decimal | None, unit: str) -> Decimal | None:
    return value.scaleb(-3) if value is not None and unit in _KILO else value
