# SPDX-License-Identifier: MIT
"""Rows of the push tables of meters that have left their places: what they pushed at the last is theirs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from simulator.meter.identity import Identity
from simulator.meter.push.kept import Numbers, setup_rows
from simulator.meter.push.setup import PushSetup
from simulator.meter.push.tables import object_rows
from simulator.store.pushing import Batch, Ids
from simulator.values import format_obis

if TYPE_CHECKING:
    from simulator.meter.cohort import Cohort

Pushed = tuple[Identity, PushSetup, bytes]  # and the logical name of a schedule, empty if none


async def numbers(cohort: Cohort, pushed: Sequence[Pushed]) -> list[Numbers]:
    """One each. A meter that left before its rows were made gets them now. Raises StoreUnavailable."""
    if not pushed:
        return []
    codes = cohort.around.codes
    found = await cohort.around.store.pushes.rows_of(
        [meter.id for meter, _, _ in pushed],
        [codes[format_obis(setup.logical_name)] for _, setup, _ in pushed],
        [codes[format_obis(schedule)] if schedule else 0 for _, _, schedule in pushed],
    )
    made: dict[tuple[Identity, bytes], Numbers] = {}
    for number, (meter, setup, _) in enumerate(pushed):
        if number not in found and (meter, setup.logical_name) not in made:
            made[meter, setup.logical_name] = await _made(cohort, meter, setup)
    told = enumerate(pushed)
    return [Numbers(*found[n]) if n in found else made[meter, setup.logical_name] for n, (meter, setup, _) in told]


async def _made(cohort: Cohort, meter: Identity, setup: PushSetup) -> Numbers:
    """Without its schedules, which it never followed."""
    counts = {"push_setups": 1, "push_objects": len(setup.objects)}
    meters = np.frombuffer(meter.id.bytes, np.uint8).reshape(1, -1)

    def make(ids: Ids) -> Batch:
        rows = [setup_rows(cohort, setup, meters, ids["push_setups"])]
        objects = object_rows(setup, ids["push_setups"], ids["push_objects"].reshape(1, -1))
        return Batch([one for one in (*rows, objects) if one.count])

    ids = await cohort.around.store.pushes.add(counts, make)
    return Numbers(int(ids["push_setups"][0]), 0, ids["push_objects"].tolist())
