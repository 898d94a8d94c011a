# SPDX-License-Identifier: MIT
"""Readings entered by hand, and reviews of what is there: quality, who changed what, a profile as rows."""

from __future__ import annotations

import datetime as dt
import difflib
import getpass
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from psycopg import sql

from simulator.errors import UserError
from simulator.hes.database import Connection
from simulator.hes.tables import READING_TYPES, unit_of
from simulator.store.connections import store_errors
from simulator.store.queries import statements

_QUERIES = statements("simulator.hes")
_READINGS = (
    "public.meter_readings", "hes.power_readings", "hes.energy_measurements", "hes.voltage_measurements",
    "hes.current_measurements",
)  # fmt: skip
PROFILES = {
    "block": ("hes.block_load_profile", "capture_time"),
    "daily": ("hes.daily_load_profile", "capture_date"),
    "billing": ("hes.billing_profile", "billing_date"),
    "instantaneous": ("hes.instant_profile", "timestamp"),
}
_BANDS = ((216, "good by hand"), (192, "good"), (128, "estimated"), (96, "by hand"), (0, "invalid"))


_BEYOND = 1e15  # of a reading in its own unit: numeric(18,3) of the profiles' tables holds no more


class Verdict(NamedTuple):
    """What an entry by hand claims to be: quality, source, validation status, flags (hes.validation_flags)."""

    quality: int
    source: str
    status: str
    flags: tuple[int, ...]


MANUAL = Verdict(96, "MANUAL_READ", "UNVALIDATED", (1,))
ESTIMATE = Verdict(128, "ESTIMATED", "ESTIMATED", (1, 2))
VALIDATED = Verdict(216, "MANUAL_READ", "MANUALLY_VALIDATED", ())
SIMULATED = Verdict(192, "HES_SIMULATOR", "VALID", ())


class Entry(NamedTuple):
    serial: str
    moment: dt.datetime
    reading_type: str
    value: float
    unit: str | None = None


class Change(NamedTuple):
    """A row of the audit."""

    modified_at: dt.datetime
    modified_by: str | None
    operation: str
    meter: str | None
    timestamp: dt.datetime
    reading_type: str
    old_value: float | None
    new_value: float | None
    old_quality: int | None
    new_quality: int | None
    old_status: str | None
    new_status: str | None


@dataclass(slots=True)
class Quality:
    """Numbers of readings, by what they are called."""

    total: int = 0
    relations: dict[str, int] = field(default_factory=dict)
    status: dict[str, int] = field(default_factory=dict)
    quality: dict[str, int] = field(default_factory=dict)
    flags: dict[str, int] = field(default_factory=dict)
    source: dict[str, int] = field(default_factory=dict)
    communication: dict[str, int] = field(default_factory=dict)


def checked_type(name: str, *, is_new: bool) -> str:
    """A reading type; UserError if the head-end makes none of this name and it is not said on purpose."""
    if is_new and re.fullmatch(r"[A-Z][A-Z0-9_]{0,49}", name):
        return name
    if is_new:
        raise UserError(f"{name!r}: a reading type is made of capitals, digits and underscores, 50 at most")
    if name not in READING_TYPES:
        near = difflib.get_close_matches(name.upper(), READING_TYPES, 1, 0.7)
        meant = f"did you mean {near[0]}? " if near else ""
        known = f"there are {', '.join(READING_TYPES)}; --new-type takes another one"
        raise UserError(f"there is no reading type {name!r}; {meant}{known}")
    return name


def in_own_unit(reading_type: str, value: float, unit: str | None) -> tuple[float, str | None]:
    """Of the head-end's own types in the unit that it keeps them in; in decimals, so that no digit is another one."""
    own = unit_of(reading_type)
    if unit is None or unit == own:
        return value, own
    if reading_type not in READING_TYPES:
        return value, unit
    if own is None:
        raise UserError(f"--unit {unit}: {reading_type} is a count and has no unit; leave it out")
    power = {f"k{own}": 3, f"M{own}": 6}.get(unit)
    if power is None:
        raise UserError(f"--unit {unit}: {reading_type} is given in {own}, k{own} or M{own}")
    return float(Decimal(repr(value)).scaleb(power)), own


def checked_value(reading_type: str, value: float, unit: str | None) -> tuple[float, str | None]:
    """The same; UserError for one that no meter counts to."""
    own, own_unit = in_own_unit(reading_type, value, unit)
    if not abs(own) < _BEYOND:
        raise UserError(f"{value:g} {unit or own_unit or ''}".strip() + f" is no reading; one is less than {_BEYOND:g}")
    return own, own_unit


def put(connection: Connection, entry: Entry, verdict: Verdict) -> bool:
    """False if exactly this is there already; the audit names who is logged in at this machine."""
    value, unit = checked_value(entry.reading_type, entry.value, entry.unit)
    with store_errors(), connection.transaction():
        meter = _meter(connection, entry.serial)
        connection.execute(_QUERIES["actor"].encode(), {"actor": getpass.getuser()})
        values = {
            "meter": meter, "timestamp": entry.moment, "reading_type": entry.reading_type, "value": value,
            "unit": unit, "quality": verdict.quality, "source": verdict.source,
            "status": verdict.status,
            "flags": list(verdict.flags),
        }  # fmt: skip
        return bool(connection.execute(_QUERIES["put"].encode(), values).rowcount)


def _meter(connection: Connection, serial: str) -> UUID:
    row = connection.execute(_QUERIES["meter_id"].encode(), {"meter": serial}).fetchone()
    if row is None:
        raise UserError(f"there is no meter {serial} in public.meters; `meterfleet headend` registers meters")
    return row[0]  # type: ignore[no-any-return]


def quality(connection: Connection, since: dt.datetime, until: dt.datetime | None = None) -> Quality:
    """Of all reading tables."""
    found = Quality()
    with store_errors():
        meanings: dict[int, str] = dict(connection.execute(_QUERIES["flag_meanings"].encode()).fetchall())
        for relation in _READINGS:
            words = {"relation": sql.Literal(relation), "table": sql.Identifier(*relation.split("."))}
            query = sql.SQL(_QUERIES["quality"]).format(**words)
            for name, status, grade, flags, source, communication, count in connection.execute(
                query, {"since": since, "until": until}
            ):
                band = next(band for least, band in _BANDS if grade >= least)
                found.total += count
                _add(count, (found.relations, name), (found.status, status), (found.quality, band))
                _add(count, (found.source, source), (found.communication, communication))
                _add(count, *((found.flags, meanings.get(flag, str(flag))) for flag in flags))
    return found


def _add(count: int, *places: tuple[dict[str, int], str]) -> None:
    for counts, name in places:
        counts[name] = counts.get(name, 0) + count


def audit(connection: Connection, since: dt.datetime, meter: str | None = None, *, changed: bool) -> list[Change]:
    """`changed`: only where a value became another one."""
    parameters = {"since": since, "meter": meter, "changed": changed}
    with store_errors():
        if meter is not None:
            _meter(connection, meter)
        return [Change(*row) for row in connection.execute(_QUERIES["audit"].encode(), parameters)]


def export(
    connection: Connection, profile: str, meter: str, first: dt.datetime, last: dt.datetime, zone: str
) -> tuple[Sequence[str], Iterator[tuple[Any, ...]]]:
    """Columns and rows after `first` up to `last`, times of the meters' zone; a row bears its interval's end."""
    relation, time = PROFILES[profile]
    is_instant = time in ("capture_time", "timestamp")
    query = sql.SQL(_QUERIES["exported"]).format(
        relation=sql.Identifier(*relation.split(".")),
        time=sql.Identifier(time),
        zone=sql.SQL("AT TIME ZONE {}").format(sql.Literal(zone)) if is_instant else sql.SQL(""),
    )
    with store_errors():
        cursor = connection.execute(query, {"meter": _meter(connection, meter), "first": first, "last": last})
        return [column.name for column in cursor.description or ()], iter(cursor)
