# SPDX-License-Identifier: MIT
"""Load files compiled into small tables that a batch of meters and slots can index at once; and the World they form.

A curve is relative: 1 is the load's mean over the year. Nothing here differs by meter: that is population.py.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from simulator.world.daytime import MONTH_DAYS, MONTH_STARTS, SLOTS_PER_DAY, YEAR_DAYS, LocalTime
from simulator.world.loads import LoadDocument, Photovoltaics, read_loads
from simulator.world.noise import Floats, Ints

_HOURS_PER_YEAR = 8766.0
_DAY_KIND_WEIGHTS = np.array([5.0, 1.0, 1.0]) / 7.0
_QUARTER_HOURS = (np.arange(SLOTS_PER_DAY) + 0.5) / 4.0
_MIDDLE_OF_HOURS = np.arange(24) + 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """One load without a mix. `curve` of a slot is rows[row_of[day of year, day kind], quarter] x season[day]."""

    name: str
    mean_w: float
    spread: float
    tangent: float  # of the phase angle; negative leads
    tangent_spread: float
    slot_noise: float
    day_noise: float
    rows: Floats  # [r, 96]
    row_of: Ints  # [366, 3]
    season: Floats  # [366]
    kwp_median: float = 0.0
    kwp_spread: float = 0.0
    sun: Floats | None = None  # [12, 96] kW per kWp under a clear sky; None: no photovoltaics
    cloud_loss: Floats | None = None  # [12] mean share lost to clouds

    def curve(self, time: LocalTime) -> Floats:
        return self.rows[self.row_of[time.day_of_year, time.day_kind], time.quarter] * self.season[time.day_of_year]


@dataclass(frozen=True, slots=True, eq=False)
class World:
    """The seed and the loads: all that a number depends on besides the meter and the instant."""

    seed: int
    shapes: tuple[Shape, ...]
    mixes: Mapping[str, tuple[Ints, Floats]]  # by name: shape ids, and the upper edge of each one's share of [0, 1)
    noises: Floats  # [3, shape] slot_noise, day_noise, tangent_spread

    def loads(self) -> list[str]:
        return sorted([shape.name for shape in self.shapes] + list(self.mixes))


def load_world(seed: int, folder: Path | None = None) -> World:
    """The world of a seed with the loads of a folder (default: the shipped ones, read once). Raises UserError."""
    return replace(_shipped() if folder is None else _world(read_loads(folder)), seed=seed)


@lru_cache(maxsize=1)
def _shipped() -> World:
    return _world(read_loads())


def _world(documents: Mapping[str, LoadDocument]) -> World:
    """Of no seed yet."""
    shapes = tuple(_shape(document, documents) for document in documents.values() if document.mix is None)
    ids = {shape.name: index for index, shape in enumerate(shapes)}
    mixes = {name: _mix(document.mix, ids) for name, document in documents.items() if document.mix is not None}
    noises = np.array([[shape.slot_noise, shape.day_noise, shape.tangent_spread] for shape in shapes]).T
    return World(0, shapes, mixes, noises)


def _mix(shares: Mapping[str, float], ids: Mapping[str, int]) -> tuple[Ints, Floats]:
    edges = np.cumsum(list(shares.values()))
    return np.array([ids[name] for name in shares], np.int64), edges / edges[-1]


def _shape(document: LoadDocument, documents: Mapping[str, LoadDocument]) -> Shape:
    rows, row_of, season = _day(documents[document.shape_of] if document.shape_of else document)
    assert document.yearly_kwh is not None  # LoadDocument's own check
    factor, pv = document.power_factor, document.pv
    cosine = factor.mean
    tangent = math.sqrt(1.0 - cosine * cosine) / cosine
    return Shape(
        document.name,
        document.yearly_kwh.median * 1000.0 / _HOURS_PER_YEAR,
        document.yearly_kwh.spread,
        -tangent if factor.leading else tangent,
        factor.spread / (tangent * cosine * cosine * cosine),  # d tan / d cos = 1 / (sin cos^2) = 1 / (tan cos^3)
        document.noise.slot,
        document.noise.day,
        rows,
        row_of,
        season,
        *(_sun(pv) if pv else ()),
    )


def _sun(pv: Photovoltaics) -> tuple[float, float, Floats, Floats]:
    sun = np.stack([_quarters(hours) for hours in pv.clear_sky]) * pv.performance
    return pv.kwp.median, pv.kwp.spread, _settled(sun), np.array(pv.cloud_loss)


def _day(document: LoadDocument) -> tuple[Floats, Ints, Floats]:
    """The rows, which of them a day takes, and the season's factor, scaled so that the year's mean is 1."""
    rows, row_of = _rows_of_periods(document) if document.periods else _rows_of_dusk(document)
    season = np.ones(YEAR_DAYS) if document.monthly is None else _season(document.monthly)
    mean = float(np.mean(season * (rows.mean(axis=1)[row_of] * _DAY_KIND_WEIGHTS).sum(axis=1)))
    return _settled(rows / mean), row_of, _settled(season)


def _rows_of_periods(document: LoadDocument) -> tuple[Floats, Ints]:
    periods = sorted(document.periods or [], key=lambda period: period.first_day)
    rows = [_quarters(hours) for period in periods for hours in (period.weekday, period.saturday, period.sunday)]
    first_days = [period.first_day for period in periods]
    # before the year's first period the last one of the year before goes on
    period_of_day = (np.searchsorted(first_days, np.arange(YEAR_DAYS), side="right") - 1) % len(periods)
    return np.stack(rows), period_of_day[:, None] * 3 + np.arange(3)


def _rows_of_dusk(document: LoadDocument) -> tuple[Floats, Ints]:
    minutes = np.arange(1440)
    nights = [(_minutes(dusk), _minutes(dawn)) for dusk, dawn in document.dusk_to_dawn or []]
    dark = np.stack([(minutes >= dusk) | (minutes < dawn) for dusk, dawn in nights])
    month_of_day = np.repeat(np.arange(12), MONTH_DAYS)
    return dark.reshape(12, SLOTS_PER_DAY, -1).mean(axis=2), np.repeat(month_of_day[:, None], 3, axis=1)


def _minutes(time_of_day: str) -> int:
    hour, minute = map(int, time_of_day.split(":"))
    return hour * 60 + minute


def _quarters(hours: list[float]) -> Floats:
    quarters: Floats = np.interp(_QUARTER_HOURS, _MIDDLE_OF_HOURS, hours, period=24.0)
    return quarters


def _season(monthly: list[float]) -> Floats:
    middles = MONTH_STARTS + np.array(MONTH_DAYS) / 2.0
    season: Floats = np.interp(np.arange(YEAR_DAYS) + 0.5, middles, monthly, period=float(YEAR_DAYS))
    return season


def _settled(table: Floats) -> Floats:
    """Nine decimals: sums and interpolations may differ in the last bit between machines, tables must not."""
    return np.round(table, 9)
