# SPDX-License-Identifier: MIT
"""Detectors at work live: a condition that a disturbance began is noticed at its instant, not at the block's end.

The world is known before it comes, so the next event of the running block is looked for ahead. That is done for meters
that something has befallen or that are about to notice something; what nature alone does to the others is found when
their block is captured (meter/advance.py), and logged with the time at which it was.
"""

from __future__ import annotations

import itertools

import numpy as np

from simulator.meter.cohort import Cohort
from simulator.meter.columns import NATURAL, Columns, Ints
from simulator.meter.detectors import Watched, detectors_of, watch
from simulator.meter.happening import Happening, Told, hear, tell
from simulator.meter.supplied import supply_of
from simulator.store.rows import RowsChange
from simulator.values import NEVER_MS
from simulator.world import electric
from simulator.world.daytime import SLOT_MS


def look_ahead(cohort: Cohort, instant_ms: int) -> None:
    """When the next event within the running block will be."""
    cohort.lookout_ms = NEVER_MS
    rows = _restless(cohort.columns) if detectors_of(cohort.model) else np.zeros(0, np.int64)
    if len(rows):
        horizon_ms = cohort.calendar.block_start(instant_ms) + cohort.calendar.block_ms
        cohort.lookout_ms = min((sight.at_ms for sight in _look(cohort, rows, horizon_ms).sights), default=NEVER_MS)


async def notice_due(cohort: Cohort, instant_ms: int) -> None:
    """What was foreseen for an instant happens."""
    if cohort.lookout_ms <= instant_ms:
        await notice(cohort, _restless(cohort.columns), instant_ms)


async def notice(cohort: Cohort, rows: Ints, instant_ms: int) -> None:
    """What these meters have noticed by an instant; afterwards their supply may change."""
    if not len(rows) or not detectors_of(cohort.model):
        return
    seen = _look(cohort, rows, instant_ms)
    columns, told = cohort.columns.with_rows(rows, **seen.columns), list[Told]()
    for at_ms, sights in itertools.groupby(seen.sights, lambda sight: sight.at_ms):
        happenings = [Happening(rows[sight.rows], sight.code) for sight in sights]
        told.append(tell(cohort, columns, happenings, at_ms))
        columns = told[-1].columns
    if not told:
        cohort.remember(columns)
        return
    batches = [batch for one in told for batch in one.batches]
    await cohort.change(columns, RowsChange(cohort.name, rows.tolist(), columns.pack_rows(rows), batches=batches))
    for one in told:
        hear(cohort, one)


def _look(cohort: Cohort, rows: Ints, to_ms: int) -> Watched:
    columns = cohort.columns.take(rows)
    first = int(np.min(columns.watched_ms)) // SLOT_MS
    slots = np.arange(first, max(-(-to_ms // SLOT_MS), first + 1))
    population, world = cohort.population.take(rows), cohort.around.world
    brought = electric.energies(world, population, slots, supply=supply_of(columns))
    edges_ms = np.minimum(np.append(slots, slots[-1] + 1) * SLOT_MS, to_ms)
    return watch(cohort.model, columns, brought, edges_ms)


def _restless(columns: Columns) -> Ints:
    """With power, and disturbed or about to notice something."""
    disturbed = (columns.voltage_milli != NATURAL).any(axis=0) | (columns.current_milli != NATURAL).any(axis=0)
    disturbed |= (columns.load_milli != NATURAL) | (columns.reactive_milli != NATURAL) | (columns.earth_milli != 0)
    disturbed |= columns.load_key != 0
    watchful = columns.detected.any(axis=0) | columns.noticed_since_ms.any(axis=0)
    return np.flatnonzero((disturbed | watchful) & (columns.powered == 1))
