# SPDX-License-Identifier: MIT
"""Meters lose their supply and get it back: 101 with the last strength, silence, 102 when they have started again.

A meter's clock runs on through an outage. Who calls this holds the cohort's lock and has brought it to the instant.
"""

from __future__ import annotations

import numpy as np

from simulator.errors import StoreError
from simulator.meter.cohort import Cohort
from simulator.meter.columns import Ints
from simulator.meter.events import POWER_FAILED, POWER_RETURNED
from simulator.meter.happening import Alongside, Happening, happen
from simulator.meter.supplied import changed_supply
from simulator.values import MS_PER_SECOND, NEVER_MS
from simulator.world.noise import Purpose, unit, words


async def fail(cohort: Cohort, rows: Ints, instant_ms: int) -> None:
    """The alarm goes out before the meter falls silent: its capacitors hold for that long (last gasp)."""
    columns = cohort.columns
    starting = rows[(columns.boot_ms[rows] > 0) & (columns.powered[rows] == 0)]
    if len(starting):  # the supply was back for less time than a start takes: one outage
        await happen(cohort, [], instant_ms, Alongside(starting, {"boot_ms": 0}))
    rows = rows[columns.powered[rows] == 1]
    if not len(rows):
        return
    change = changed_supply(cohort, rows, instant_ms, {"powered": 0})
    change |= {"power_failed_ms": instant_ms, "boot_ms": 0, "noticed_since_ms": 0}
    await happen(cohort, [Happening(rows, POWER_FAILED)], instant_ms, Alongside(rows, change))
    cohort.mark_dark(rows)


async def come_back(cohort: Cohort, rows: Ints, instant_ms: int) -> None:
    """The supply is there; each meter needs its own time to start."""
    columns = cohort.columns
    rows = rows[(columns.powered[rows] == 0) & (columns.boot_ms[rows] == 0)]
    shortest_s, longest_s = cohort.model.spec.boot_s
    failed_s = columns.power_failed_ms[rows] // MS_PER_SECOND
    share = unit(words(cohort.population.lane[rows], failed_s, Purpose.BOOT))
    boot_s = shortest_s + (share * (longest_s - shortest_s + 1)).astype(np.int64)
    await happen(cohort, [], instant_ms, Alongside(rows, {"boot_ms": instant_ms + boot_s * MS_PER_SECOND}))


def due(cohort: Cohort) -> int:
    """When the next of its meters will have started."""
    starts = cohort.columns.boot_ms[cohort.columns.boot_ms > 0]
    return int(np.min(starts)) if len(starts) else NEVER_MS


async def start_due(cohort: Cohort, instant_ms: int) -> Ints:
    """The meters that have started by now; they act again from here on."""
    columns = cohort.columns
    rows = np.flatnonzero((columns.boot_ms > 0) & (columns.boot_ms <= instant_ms))
    if not len(rows):
        return rows
    failed_ms = columns.power_failed_ms[rows]
    change = changed_supply(cohort, rows, instant_ms, {"powered": 1})
    change["power_failure_ms"] = columns.power_failure_ms[rows] + instant_ms - failed_ms
    change["dark_ms"] = columns.dark_ms[rows] + instant_ms - np.maximum(failed_ms, columns.settled_ms[rows])
    change |= {"boot_ms": 0, "relay_ms": instant_ms}  # what a limiter has watched for counts anew
    cohort.mark_lit(rows)  # before its alarm goes out (first breath)
    try:
        await happen(cohort, [Happening(rows, POWER_RETURNED)], instant_ms, Alongside(rows, change))
    except StoreError:
        cohort.mark_dark(rows)
        raise
    if len(new := rows[(columns.generation[rows] > 0) & (failed_ms == columns.installed_ms[rows])]):
        cohort.around.occur(cohort, new, "registration", instant_ms)  # put there in the dark: this is its first start
    return rows
