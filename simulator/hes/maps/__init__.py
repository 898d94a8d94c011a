# SPDX-License-Identifier: MIT
"""Which relation of a head-end's database holds what one of the simulator's tables holds: a map, from a YAML file.

What a map says is SQL of the user's, run in a read-only transaction on the user's own database.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.resources import as_file, files
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from simulator.documents import check, read_yaml
from simulator.errors import UserError

_TIMES = frozenset({"max_demand_date"})
_ENERGIES = ("kwh_import", "kwh_export", "kvah_import", "kvah_export")
_PHASES = "ryb"
DERIVED = {f"{span}_{name}": f"cumulative_{name}" for span in ("daily", "monthly") for name in _ENERGIES}
"""Columns that no meter says, and the register whose successive values they are the difference of."""


class Truth(BaseModel):
    """One of the simulator's tables: the time that its rows bear, what else tells them apart, what may be compared."""

    model_config = ConfigDict(frozen=True)

    relation: str
    time: str
    number: str = "0"
    joined: str = "JOIN sim.meters m ON m.id = t.meter_id"
    columns: frozenset[str] = frozenset()
    before: str = ""  # joins the row before, on which DERIVED columns depend, as b
    is_log: bool = False  # a head-end keeps equal entries of one second once


TRUTHS = {
    "block_load_profile": Truth(
        relation="sim.block_load_profile",
        time="t.capture_time",
        columns=frozenset(
            {*_ENERGIES, "block_interval_minutes", "status_word"}
            | {f"average_{what}_{phase}" for what in ("current", "voltage") for phase in _PHASES}
        ),
    ),
    "daily_load_profile": Truth(
        relation="sim.daily_load_profile",
        time="t.capture_date",
        before="LEFT JOIN sim.daily_load_profile b ON b.meter_id = t.meter_id AND b.capture_date = t.capture_date - 1",
        columns=frozenset({f"{kind}_{name}" for kind in ("cumulative", "daily") for name in _ENERGIES}),
    ),
    "billing_profile": Truth(
        relation="sim.billing_profile",
        time="t.billing_date",
        number="t.reset_count",
        before="LEFT JOIN sim.billing_profile b ON b.meter_id = t.meter_id AND b.reset_count = t.reset_count - 1",
        columns=frozenset(
            {f"{kind}_{name}" for kind in ("cumulative", "monthly") for name in _ENERGIES}
            | {"max_demand_kw", "max_demand_date", "power_factor"}
        ),
    ),
    "instant_profile": Truth(
        relation="sim.instant_profile",
        time="t.timestamp",
        columns=frozenset(
            {f"{what}_{p}" for what in ("voltage", "current", "active_power", "power_factor") for p in _PHASES}
            | {"frequency"}
        ),
    ),
    "event_logs": Truth(relation="sim.event_logs", time="t.event_timestamp", number="t.event_code", is_log=True),
    "push_history": Truth(
        relation="sim.push_history",
        time="coalesce(t.told_at, t.timestamp)",
        number="o.logical_name",
        joined="JOIN sim.push_setups s ON s.id = t.push_setup_id AND t.status = 'SUCCESS'"
        " JOIN sim.obis_codes o ON o.id = s.obis_code_id JOIN sim.meters m ON m.id = s.meter_id",
    ),
}


class TableMap(BaseModel):
    """Where the head-end keeps one table. Everything but `time_zone` and `stored_in` is SQL."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str = Field(alias="from")  # what comes after FROM
    meter: str  # the serial number
    time: str  # as the meter's clock showed it, unless time_zone is given
    time_zone: str | None = None  # the meters'; then `time` is an instant
    stored_in: str | None = None  # the zone of an instant that is stored without one, mostly UTC
    number: str | None = None  # reset count, event code or push setup: what tells rows of one time apart
    arrived: str | None = None  # when the head-end stored it
    only_told: bool = False  # compare only what the meter's model captures in this profile
    columns: dict[str, str] = {}

    @property
    def clock(self) -> str:
        if self.time_zone is None:
            return f"({self.time})"
        instant = f"({self.time}) AT TIME ZONE {quoted(self.stored_in)}" if self.stored_in else f"({self.time})"
        return f"({instant}) AT TIME ZONE {quoted(self.time_zone)}"


class Maps(BaseModel):
    """All of a file; a table that is left out is not compared."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    block_load_profile: TableMap | None = None
    daily_load_profile: TableMap | None = None
    billing_profile: TableMap | None = None
    instant_profile: TableMap | None = None
    event_logs: TableMap | None = None
    push_history: TableMap | None = None

    def tables(self) -> dict[str, TableMap]:
        found = {name: getattr(self, name) for name in TRUTHS}
        return {name: table for name, table in found.items() if table is not None}


def read_maps(path: Path | None) -> Maps:
    """A file of the user's, or our own tables; UserError with every mistake."""
    if path is not None:
        return _read(path)
    with as_file(files(__package__).joinpath("meterfleet.yaml")) as own:
        return _read(own)


def _read(path: Path) -> Maps:
    document = read_yaml(path)
    maps = check(document, Maps)
    mistakes = [
        document.mistake((name, "columns", column), f"{name} has no column of this name to compare with")
        for name, table in maps.tables().items()
        for column in table.columns
        if column not in TRUTHS[name].columns
    ]
    if mistakes:
        raise UserError(mistakes)
    return maps


def with_derived(columns: Iterable[str]) -> frozenset[str]:
    """What a model captures, and what follows from it."""
    told = frozenset(columns)
    return told.union(name for name, register in DERIVED.items() if register in told)


def is_time(column: str) -> bool:
    return column in _TIMES


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
