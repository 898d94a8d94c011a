# SPDX-License-Identifier: MIT
"""What the store knows of pushes when a fleet starts: rows that are there already, alarms that are open, meters that
have never registered. Rows that no longer say what a GET answers, for defaults have changed, are brought up to date.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from uuid import UUID

import numpy as np

from simulator.meter.cohort import Cohort
from simulator.meter.columns import Ints
from simulator.meter.push.schedule import own_settings, plans_with
from simulator.meter.push.setup import setups_of
from simulator.meter.push.tables import (
    entries_digest,
    entry_rows,
    object_rows,
    objects_digest,
    schedule_edit,
    setup_edit,
)
from simulator.meter.push.times import Moments
from simulator.store.database import Store
from simulator.store.pushing import Batch, StoredSchedule, StoredSetup
from simulator.store.rows import Edit
from simulator.values import parse_obis

Places = dict[UUID, tuple[Cohort, int]]
Key = tuple[Cohort, bytes]  # and a logical name


async def recall(store: Store, cohorts: Sequence[Cohort]) -> None:
    """Each cohort knows its rows, and they say what its meters answer. Raises StoreUnavailable."""
    places = _places(cohorts)
    names = {code: parse_obis(name) for cohort in cohorts[:1] for name, code in cohort.around.codes.items()}
    setups: dict[Key, dict[int, StoredSetup]] = {}
    for setup in await store.pushes.setups():
        if setup.meter_id in places:
            cohort, row = places[setup.meter_id]
            setups.setdefault((cohort, names[setup.obis_code_id]), {})[row] = setup
    schedules: dict[Key, dict[int, StoredSchedule]] = {}
    for schedule in await store.pushes.schedules():
        if schedule.meter_id in places:
            cohort, row = places[schedule.meter_id]
            schedules.setdefault((cohort, names[schedule.obis_code_id]), {})[row] = schedule
    for (cohort, name), stored in setups.items():
        await _agree_setups(cohort, name, stored)
    for (cohort, name), kept in schedules.items():
        await _agree_schedules(cohort, name, kept)
    for cohort in cohorts:
        cohort.kept_pushes.begin()


async def _agree_setups(cohort: Cohort, name: bytes, stored: dict[int, StoredSetup]) -> None:
    kept, store = cohort.kept_pushes, cohort.around.store
    for row, one in stored.items():
        kept.learn_setup(name, np.array([row]), np.array([one.id]), np.array([one.objects], np.int64))
    for setup, rows in setups_of(cohort, name, np.array(sorted(stored))):
        digest = objects_digest(setup)
        others = [row for row in rows.tolist() if stored[row].digest != digest]
        ids = [stored[row].id for row in others]
        for row in others:
            kept.forget_objects(name, row)
        edits = [
            setup_edit(setup, [stored[row].id for row in rows.tolist()]),
            Edit("release_push_objects", {"ids": ids}),
        ]
        made = [object_rows(setup, np.array(ids), None)] if ids and setup.objects else []
        await store.pushes.change(Batch(made, edits))


async def _agree_schedules(cohort: Cohort, name: bytes, stored: dict[int, StoredSchedule]) -> None:
    kept, own = cohort.kept_pushes, own_settings(cohort)
    for row, one in stored.items():
        kept.learn_schedule(name, np.array([row]), np.array([one.id]))
    changed: dict[tuple[Moments, bytes], list[int]] = {}
    for row, one in stored.items():
        for plan in plans_with(cohort.model, own.get(row, {})):
            if plan.schedule == name and entries_digest(plan.moments) != one.digest:
                changed.setdefault((plan.moments, plan.setups[0]), []).append(row)
    for (moments, setup), rows in changed.items():
        ids, setups = [stored[row].id for row in rows], kept.setup_ids(setup, np.array(rows)).tolist()
        edit = schedule_edit(moments, ids, setups, is_enabled=bool(moments))
        await cohort.around.store.pushes.change(Batch(entry_rows(ids, moments), [edit]))


async def open_alarms(store: Store, cohorts: Sequence[Cohort]) -> Iterator[tuple[Cohort, Ints, Ints]]:
    """By cohort the meters with alarms that are still to be sent, and those of them that a push under way may have
    carried when the fleet stopped: they are claimed anew."""
    opened, places = await store.pushes.open_alarms(), _places(cohorts)
    await store.pushes.release([alarm for _, alarm, claimed in opened if claimed])
    rows: dict[Cohort, tuple[set[int], set[int]]] = {}
    for meter, _, claimed in opened:
        if meter in places:
            cohort, row = places[meter]
            of_cohort = rows.setdefault(cohort, (set(), set()))
            of_cohort[0].add(row)
            of_cohort[1].update([row] if claimed else [])
    return ((cohort, _sorted(own), _sorted(again)) for cohort, (own, again) in rows.items())


async def unregistered(store: Store, cohorts: Sequence[Cohort]) -> list[tuple[Cohort, Ints]]:
    """By cohort the meters that have never delivered a self registration."""
    found, codes = [], {}
    for cohort in cohorts:
        pushes = cohort.model.spec.pushes
        if pushes is not None and pushes.registration is not None:
            code = cohort.around.codes[pushes.registration]
            if code not in codes:
                codes[code] = await store.pushes.successful(code)
            registered = codes[code]
            rows = [row for row, one in enumerate(cohort.identities) if one.id not in registered]
            found.append((cohort, np.array(rows, np.int64)))
    return found


def _places(cohorts: Sequence[Cohort]) -> Places:
    return {one.id: (cohort, row) for cohort in cohorts for row, one in enumerate(cohort.identities)}


def _sorted(rows: set[int]) -> Ints:
    return np.array(sorted(rows), np.int64)
