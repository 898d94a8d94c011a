# SPDX-License-Identifier: MIT
"""What comes through to meters, from their columns, and what changes with it in the middle of a block.

The block's sums are settled exactly at the instant of the change: what came before it is carried in the columns until
the block is captured.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from simulator.meter.columns import NATURAL, Columns, Ints
from simulator.world import electric
from simulator.world.consumption import Supply
from simulator.world.noise import Floats

if TYPE_CHECKING:
    from simulator.meter.cohort import Cohort


def supply_of(columns: Columns) -> Supply:
    """None wherever nothing befell any of the meters, so that nothing is computed for it."""
    powered, connected = columns.powered.astype(np.bool_), columns.output.astype(np.bool_)
    return Supply(
        None if powered.all() else powered,
        None if connected.all() else connected,
        _factor(columns.load_milli),
        _factor(columns.voltage_milli),
        _factor(columns.current_milli),
        _factor(columns.reactive_milli),
        _factor(columns.earth_milli, natural=0),
        columns.load_key if columns.load_key.any() else None,
    )


def _factor(milli: Ints, natural: int = NATURAL) -> Floats | None:
    return None if (milli == natural).all() else milli / NATURAL


def changed_supply(
    cohort: Cohort, rows: Ints, instant_ms: int, columns: Mapping[str, Ints | int]
) -> dict[str, Ints | int]:
    """`columns` of some meters ([..., rows]) that change what comes through to them, with what the running block must
    remember of the time before. The meters' blocks are captured up to the instant."""
    return change_of(cohort, rows, instant_ms, cohort.columns.take(rows), columns)


def change_of(
    cohort: Cohort, rows: Ints, instant_ms: int, before: Columns, columns: Mapping[str, Ints | int]
) -> dict[str, Ints | int]:
    """The same of meters in these places whose columns were `before` [..., rows]."""
    after = before.with_rows(np.arange(len(rows)), **columns)
    change: dict[str, Ints | int] = {**columns, "watched_ms": np.maximum(before.watched_ms, instant_ms)}
    for name in ("carry_mwh", "carry_ma", "carry_cv"):
        change[name] = getattr(before, name).copy()
    for mark_ms in np.unique(before.settled_ms).tolist():  # nearly always one
        places = np.flatnonzero(before.settled_ms == mark_ms)
        for part, sign in ((before, 1), (after, -1)):
            _carry(change, cohort, rows[places], mark_ms, instant_ms, part.take(places), places, sign)
    return change


def _carry(
    change: dict[str, Ints | int],
    cohort: Cohort,
    rows: Ints,
    from_ms: int,
    to_ms: int,
    columns: Columns,
    places: Ints,
    sign: int,
) -> None:
    world, population, supply = cohort.around.world, cohort.population.take(rows), supply_of(columns)
    sums = electric.running(world, population, from_ms, to_ms, supply=supply)
    parts = {"carry_mwh": electric.partial(world, population, from_ms, to_ms, supply=supply)}
    parts |= {"carry_ma": sums.current_ma, "carry_cv": sums.voltage_cv}
    for name, values in parts.items():
        change[name][:, places] += sign * values  # type: ignore[index]
