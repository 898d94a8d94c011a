# SPDX-License-Identifier: MIT
"""What a meter notices of its own supply: conditions over what it measures, with how long each must last.

A condition is judged by the means of a quarter of an hour, the world's own step, and by what befalls the supply within
it: it begins with a quarter or with a disturbance, and that is the same live, in a catch-up and in a history.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from simulator.cosem.model import Model
from simulator.cosem.spec import Threshold
from simulator.meter.columns import NATURAL, Columns, Ints
from simulator.world.electric import Energies, neutral_of
from simulator.world.noise import Bools
from simulator.world.population import Channel

_MA, _CV = 1000, 100
_PHASES = 3


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """What some meters measure over some quarters; the last axes are meter and quarter."""

    brought: Energies
    turned: Bools  # [phase, n] the current transformer is turned round
    nominal_cv: float
    largest_ma: float  # the meter's maximum current
    missing_cv: float  # below this a phase is not there, rather than low

    def take(self, rows: Ints) -> View:
        parts = (column[..., rows, :] for column in self.brought)
        return replace(self, brought=Energies(*parts), turned=self.turned[:, rows])

    @property
    def volts(self) -> Ints:
        return self.brought.voltage_cv

    @property
    def amperes(self) -> Ints:
        return self.brought.current_ma

    def strongest(self) -> Ints:
        return np.asarray(self.amperes.max(axis=0))


Condition = Callable[[View, float, float], Bools]
"""(view, threshold, least current in mA) -> whether it holds, [n, quarter]."""


class Detector(NamedTuple):
    place: int  # in Columns.detected and noticed_since_ms
    occurrence: int  # event code; its restoration is the next one
    threshold: Threshold
    holds: Condition
    cause: str

    def is_possible(self, columns: Columns) -> bool:
        """Whether any of these meters could see it begin or end."""
        if not self.cause or columns.detected[self.place].any() or columns.noticed_since_ms[self.place].any():
            return True
        values = getattr(columns, self.cause)
        return bool((values != (0 if self.cause == "earth_milli" else NATURAL)).any())

    def begun(self, view: View) -> Bools:
        return self._beyond(view, self.threshold.occurs)

    def ended(self, view: View) -> Bools:
        return ~self._beyond(view, self.threshold.restores)

    def _beyond(self, view: View, limit: float) -> Bools:
        return self.holds(view, limit, self.threshold.least_current * view.largest_ma)


# -- the conditions --------------------------------------------------------------------------------------------------


def _missing(phase: int) -> Condition:
    return lambda view, share, least_ma: view.volts[phase] < share * view.nominal_cv


def _over_voltage(view: View, share: float, least_ma: float) -> Bools:
    return np.asarray(view.volts.max(axis=0) > share * view.nominal_cv)


def _low_voltage(view: View, share: float, least_ma: float) -> Bools:
    """Of any phase that is there."""
    limit = share * view.nominal_cv
    return np.asarray(((view.volts < limit) & (view.volts >= view.missing_cv)).any(axis=0))


def _voltage_unbalance(view: View, share: float, least_ma: float) -> Bools:
    lowest = view.volts.min(axis=0)
    spread = view.volts.max(axis=0) - lowest
    return np.asarray((spread * _PHASES > share * view.volts.sum(axis=0)) & (lowest >= view.missing_cv))


def _reverse(phase: int) -> Condition:
    return lambda view, share, least_ma: view.turned[phase][:, None] & (view.amperes[phase] > least_ma)


def _current_unbalance(view: View, share: float, least_ma: float) -> Bools:
    """The phase that is farthest from their mean."""
    total = view.amperes.sum(axis=0)
    farthest = np.maximum(view.amperes.max(axis=0) * _PHASES - total, total - view.amperes.min(axis=0) * _PHASES)
    return np.asarray((farthest > share * total) & (total > least_ma * _PHASES))


def _over_current(view: View, share: float, least_ma: float) -> Bools:
    return np.asarray(view.strongest() > share * view.largest_ma)


def _earth_loading(view: View, share: float, least_ma: float) -> Bools:
    """What goes out by the phase does not come back by the neutral."""
    current = view.amperes[0]
    return np.asarray((current - view.brought.neutral_ma > share * current) & (current > least_ma))


def _ct_open(phase: int) -> Condition:
    """Nothing in this phase, though it has voltage and another one carries the load."""

    def holds(view: View, share: float, least_ma: float) -> Bools:
        current, strongest = view.amperes[phase], view.strongest()
        is_there = view.volts[phase] >= view.missing_cv
        return np.asarray(is_there & (current < share * strongest) & (strongest > least_ma))

    return holds


def _bypass(view: View, share: float, least_ma: float) -> Bools:
    """The neutral brings back another current than the sum of what goes out by the phases."""
    neutral, expected = view.brought.neutral_ma, neutral_of(view.amperes)
    larger = np.maximum(neutral, expected)
    return np.asarray((np.abs(neutral - expected) > share * larger) & (larger > least_ma))


def _mismatch(view: View, share: float, least_ma: float) -> Bools:
    """More comes back by the neutral than goes out by the phase: part of it goes past the meter."""
    neutral = view.brought.neutral_ma
    return np.asarray((neutral - view.amperes[0] > share * neutral) & (neutral > least_ma))


def _single_wire(view: View, share: float, least_ma: float) -> Bools:
    """Nothing comes back by the neutral, as if it were not there."""
    current = view.amperes[0]
    return np.asarray((view.brought.neutral_ma < share * current) & (current > least_ma))


def _low_power_factor(view: View, share: float, least_ma: float) -> Bools:
    energy = view.brought.energy_mwh
    active = energy[Channel.WH_IMPORT] + energy[Channel.WH_EXPORT]
    apparent = energy[Channel.VAH_IMPORT] + energy[Channel.VAH_EXPORT]
    return np.asarray((active < share * apparent) & (view.strongest() > least_ma))


class _Known(NamedTuple):
    name: str  # in a model's thresholds
    occurrence: int  # event code of IS 15959
    holds: Condition
    cause: str = ""  # the column that must be off its natural value: nature alone never comes near it


_KNOWN = (  # in the order of their places
    _Known("voltage-missing", 1, _missing(0), "voltage_milli"),
    _Known("voltage-missing", 3, _missing(1), "voltage_milli"),
    _Known("voltage-missing", 5, _missing(2), "voltage_milli"),
    _Known("over-voltage", 7, _over_voltage),
    _Known("low-voltage", 9, _low_voltage),
    _Known("voltage-unbalance", 11, _voltage_unbalance, "voltage_milli"),
    _Known("current-reverse", 51, _reverse(0), "current_milli"),
    _Known("current-reverse", 53, _reverse(1), "current_milli"),
    _Known("current-reverse", 55, _reverse(2), "current_milli"),
    _Known("current-unbalance", 63, _current_unbalance),
    _Known("over-current", 67, _over_current),
    _Known("earth-loading", 69, _earth_loading, "earth_milli"),
    _Known("low-power-factor", 205, _low_power_factor),
    _Known("ct-open", 57, _ct_open(0), "current_milli"),
    _Known("ct-open", 59, _ct_open(1), "current_milli"),
    _Known("ct-open", 61, _ct_open(2), "current_milli"),
    _Known("current-bypass", 65, _bypass, "current_milli"),
    _Known("current-mismatch", 81, _mismatch, "current_milli"),
    _Known("single-wire", 207, _single_wire, "earth_milli"),
)


@lru_cache(maxsize=64)
def detectors_of(model: Model) -> tuple[Detector, ...]:
    """Those that the model has thresholds for and whose events it knows."""
    return tuple(
        Detector(place, one.occurrence, model.spec.thresholds[one.name], one.holds, one.cause)
        for place, one in enumerate(_KNOWN)
        if one.name in model.spec.thresholds and one.occurrence in model.events
    )


def view_of(model: Model, columns: Columns, brought: Energies) -> View:
    missing = model.spec.thresholds.get("voltage-missing") if model.spec.phases == _PHASES else None
    nominal_cv = model.spec.nominal_voltage_v * _CV
    return View(
        brought,
        columns.current_milli < 0,
        nominal_cv,
        model.spec.max_current_a * _MA,
        missing.occurs * nominal_cv if missing else 0.0,
    )


# -- through time ----------------------------------------------------------------------------------------------------


class Sight(NamedTuple):
    """These meters notice an event at an instant."""

    at_ms: int
    code: int
    rows: Ints  # of the columns that were looked at


class Watched(NamedTuple):
    """What was noticed, and what the detectors remember of it."""

    sights: Sequence[Sight]  # in the order of their instants
    columns: dict[str, Ints]


def watch(model: Model, columns: Columns, brought: Energies, edges_ms: Ints) -> Watched:
    """Looks at meters from where they were watched last up to the last of the edges, which bound the quarters.

    The last quarter may be cut short. Meters without power notice nothing.
    """
    lit = columns.powered == 1
    detected, since = columns.detected.copy(), columns.noticed_since_ms.copy()
    view, sights = view_of(model, columns, brought), list[Sight]()
    starts_ms = np.maximum(columns.watched_ms[:, None], edges_ms[:-1])
    for detector in detectors_of(model):
        if not detector.is_possible(columns):
            continue
        place = detector.place
        concerned = detector.begun(view).any(axis=1) | (detected[place] > 0) | (since[place] > 0)
        rows = np.flatnonzero(concerned & lit)
        if len(rows):
            run = _Run(detector, view.take(rows), starts_ms[rows], edges_ms[1:])
            sights += run.through(rows, detected[place, rows], since[place, rows])
            detected[place, rows], since[place, rows] = run.detected, run.since_ms
    sights.sort(key=lambda sight: sight.at_ms)
    watched_ms = np.maximum(columns.watched_ms, edges_ms[-1])
    return Watched(sights, {"detected": detected, "noticed_since_ms": since, "watched_ms": watched_ms})


class _Run:
    """One detector of some meters, quarter by quarter."""

    def __init__(self, detector: Detector, view: View, starts_ms: Ints, ends_ms: Ints) -> None:
        self._detector, self._starts_ms, self._ends_ms = detector, starts_ms, ends_ms
        self._begun, self._ended = detector.begun(view), detector.ended(view)
        self.detected = self.since_ms = np.zeros(0, np.int64)

    def through(self, rows: Ints, detected: Ints, since_ms: Ints) -> list[Sight]:
        self.detected, self.since_ms = detected, since_ms
        return [sight for quarter in range(len(self._ends_ms)) for sight in self._step(quarter, rows)]

    def _step(self, quarter: int, rows: Ints) -> list[Sight]:
        """A condition and the end of it exclude one another, so there is at most one event in a quarter."""
        threshold, noted = self._detector.threshold, self.detected == 1
        start_ms, end_ms = self._starts_ms[:, quarter], self._ends_ms[quarter]
        looked_at = start_ms < end_ms
        changing = np.where(noted, self._ended[:, quarter], self._begun[:, quarter])
        since_ms = np.where(changing, np.where(self.since_ms > 0, self.since_ms, start_ms), 0)
        due_ms = since_ms + np.where(noted, threshold.restoration_s, threshold.persistence_s) * 1000
        happens = looked_at & changing & (due_ms <= end_ms)
        self.since_ms = np.where(looked_at, np.where(happens, 0, since_ms), self.since_ms)
        self.detected = np.where(happens, ~noted, noted).astype(np.int64)
        return [
            Sight(at_ms, self._detector.occurrence + int(was), rows[happens & (due_ms == at_ms) & (noted == was)])
            for was in (False, True)
            for at_ms in np.unique(due_ms[happens & (noted == was)]).tolist()
        ]
