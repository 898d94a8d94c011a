# SPDX-License-Identifier: MIT
"""A cohort's rows of the push tables: made when a meter first needs them, equal to what a GET answers.

It needs a setup's when that pushes, and all of them when a client looks at one. A million meters that never push and
that nobody asks have none. It knows the ids, so that history and alarms can name them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from simulator.errors import StoreError
from simulator.meter.behind import Behind
from simulator.meter.columns import Ints
from simulator.meter.push.schedule import Plan, model_plans, own_settings, plans_with
from simulator.meter.push.setup import PushSetup, setup_objects, setups_of
from simulator.meter.push.tables import destination_words, entry_rows, object_rows, windows_json
from simulator.meter.push.times import schedule_type
from simulator.store.copy import Bool, Int4, Jsonb, Rows, Text, Uuid, encode_rows
from simulator.store.pushing import Batch, Ids
from simulator.values import format_obis

if TYPE_CHECKING:
    from simulator.meter.cohort import Cohort

log = logging.getLogger(__name__)
Octets = npt.NDArray[np.uint8]


class Numbers(NamedTuple):
    """Ids of the rows that a push's history names."""

    setup: int
    schedule: int  # 0: none
    objects: list[int]  # in the order of their positions; empty if they are not known


@dataclass(slots=True)
class _Known:
    """Of one setup: by meter the ids of its row and of its objects' rows, 0 where there is none yet."""

    setups: Ints  # [n]
    objects: Ints  # [n, objects]
    is_unknown: npt.NDArray[np.bool_]  # [n] other objects than those known here


class KeptPushes:
    def __init__(self, cohort: Cohort) -> None:
        self._cohort = cohort
        self._known: dict[bytes, _Known] = {}
        self._schedules: dict[bytes, Ints] = {}  # by logical name
        self.making = asyncio.Lock()  # held while rows are made: they are those of the meters of that time
        self._wanted: set[int] = set()  # rows of meters that a client has looked at
        self._unmade = Behind[int](cohort.writing, self._ensure_wanted)
        self._is_begun = False

    # -- what is known ------------------------------------------------------------------------------------------

    def learn_setup(self, logical_name: bytes, rows: Ints, setups: Ints, objects: Ints) -> None:
        """`objects`: ids [rows, objects], in the order of their positions."""
        known = self._known.get(logical_name)
        count = len(self._cohort.identities)
        if known is None:
            none = np.zeros((count, 0), np.int64)
            known = _Known(np.zeros(count, np.int64), none, np.zeros(count, np.bool_))
            self._known[logical_name] = known
        wider = objects.shape[1] - known.objects.shape[1]
        if wider > 0:
            known.objects = np.pad(known.objects, ((0, 0), (0, wider)))
        known.setups[rows] = setups
        known.objects[rows] = 0
        known.objects[rows, : objects.shape[1]] = objects
        known.is_unknown[rows] = False

    def forget_objects(self, logical_name: bytes, row: int) -> None:
        """They are about to change."""
        self._known[logical_name].is_unknown[row] = True

    def learn_schedule(self, logical_name: bytes, rows: Ints, ids: Ints) -> None:
        if logical_name not in self._schedules:
            self._schedules[logical_name] = np.zeros(len(self._cohort.identities), np.int64)
        self._schedules[logical_name][rows] = ids

    def forget(self, rows: Ints) -> None:
        """Other meters are there now, which have no rows yet."""
        for known in self._known.values():
            known.setups[rows], known.objects[rows], known.is_unknown[rows] = 0, 0, False
        for ids in self._schedules.values():
            ids[rows] = 0
        self._wanted.difference_update(rows.tolist())

    def setup_ids(self, logical_name: bytes, rows: Ints) -> Ints:
        known = self._known.get(logical_name)
        return np.zeros(len(rows), np.int64) if known is None else known.setups[rows]

    def numbers(self, setup: bytes, schedule: bytes, row: int) -> Numbers:
        """What one push names: the ids of its setup, of its schedule and of its objects."""
        known = self._known[setup]
        objects = [] if known.is_unknown[row] else [one for one in known.objects[row].tolist() if one]
        return Numbers(int(known.setups[row]), self.schedule_id(schedule, row), objects)

    def schedule_id(self, logical_name: bytes, row: int) -> int:
        """0 if there is none."""
        found = self._schedules.get(logical_name)
        return 0 if found is None else int(found[row])

    # -- making -------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """What the store has is known."""
        self._is_begun = True
        for row in self._wanted:
            self._unmade.add(row)

    def want(self, row: int) -> None:
        """A client looks at what a meter pushes, or when: all its rows are made, and nobody waits for that."""
        if row not in self._wanted:
            self._wanted.add(row)
            if self._is_begun:
                self._unmade.add(row)

    async def _ensure_wanted(self, rows: list[int]) -> None:
        try:
            for logical_name in setup_objects(self._cohort.model):
                await self.ensure(logical_name, np.array(rows))
        except StoreError as error:
            log.warning("rows of the push tables are not made, until a client looks again: %s", error)
            self._wanted.difference_update(rows)

    async def ensure(self, logical_name: bytes, rows: Ints) -> None:
        """Setup, objects and schedules of these meters have their rows. Raises StoreUnavailable."""
        async with self.making:
            rows = np.unique(rows)
            missing = rows[self.setup_ids(logical_name, rows) == 0]
            for setup, own in setups_of(self._cohort, logical_name, missing) if len(missing) else ():
                await self._make(setup, own)
            await self._look_up(logical_name, rows)

    async def _look_up(self, logical_name: bytes, rows: Ints) -> None:
        """The objects of setups whose list a client has written."""
        known = self._known.get(logical_name)
        unknown = rows[known.is_unknown[rows]] if known is not None else rows[:0]
        for row in unknown.tolist():
            assert known is not None
            objects = await self._cohort.around.store.pushes.objects(int(known.setups[row]))
            self.learn_setup(logical_name, np.array([row]), known.setups[[row]], np.array([objects]))

    async def make_schedule(self, plan: Plan, row: int) -> int:
        """The row of a schedule that has not pushed before, without its entries."""
        rows = np.array([row])
        setups = self.setup_ids(plan.setups[0], rows)
        idle = plan._replace(moments=())

        def make(ids: Ids) -> Batch:
            return Batch(self._schedule_rows(idle, rows, ids["push_schedules"], setups))

        ids = await self._cohort.around.store.pushes.add({"push_schedules": 1}, make)
        self.learn_schedule(plan.schedule, rows, ids["push_schedules"])
        return int(ids["push_schedules"][0])

    async def _make(self, setup: PushSetup, rows: Ints) -> None:
        planned = list(self._planned(setup.logical_name, rows))
        size = len(setup.objects)
        counts = {"push_setups": len(rows), "push_objects": len(rows) * size}
        counts["push_schedules"] = sum(len(of_plan) for _, of_plan in planned)

        def make(ids: Ids) -> Batch:
            setups, objects = ids["push_setups"], ids["push_objects"].reshape(len(rows), size)
            setup_of = dict(zip(rows.tolist(), setups.tolist(), strict=True))
            made = [
                setup_rows(self._cohort, setup, self._cohort.ids[rows], setups),
                object_rows(setup, setups, objects),
            ]
            for plan, of_plan, own in _shared_out(planned, ids["push_schedules"]):
                parents = np.array([setup_of[row] for row in of_plan.tolist()])
                made += self._schedule_rows(plan, of_plan, own, parents)
            return Batch([rows for rows in made if rows.count])

        ids = await self._cohort.around.store.pushes.add(counts, make)
        self.learn_setup(setup.logical_name, rows, ids["push_setups"], ids["push_objects"].reshape(len(rows), size))
        for plan, of_plan, own in _shared_out(planned, ids["push_schedules"]):
            self.learn_schedule(plan.schedule, of_plan, own)

    def _planned(self, logical_name: bytes, rows: Ints) -> Iterator[tuple[Plan, Ints]]:
        """The schedules whose first setup this is, with the meters that have them."""
        model, own = self._cohort.model, own_settings(self._cohort)
        ordinary = np.array([row for row in rows.tolist() if row not in own], np.int64)
        groups = [(plan, ordinary) for plan in model_plans(model) if len(ordinary)]
        others = [row for row in rows.tolist() if row in own]
        groups += [(plan, np.array([row])) for row in others for plan in plans_with(model, own[row])]
        for plan, of_plan in groups:
            new = of_plan[[self.schedule_id(plan.schedule, row) == 0 for row in of_plan.tolist()]]
            if plan.setups[0] == logical_name and len(new):
                yield plan, new

    def _schedule_rows(self, plan: Plan, rows: Ints, ids: Ints, setups: Ints) -> list[Rows]:
        schedules = encode_rows(
            "push_schedules",
            {
                "id": Int4(ids),
                "meter_id": Uuid(self._cohort.ids[rows]),
                "obis_code_id": Int4(self._cohort.around.codes[format_obis(plan.schedule)]),
                "schedule_type": Text(schedule_type(plan.moments)),
                "is_enabled": Bool(bool(plan.moments)),
                "push_setup_id": Int4(setups),
            },
        )
        return [schedules, *entry_rows(ids, plan.moments)]


def _shared_out(planned: Sequence[tuple[Plan, Ints]], ids: Ints) -> Iterator[tuple[Plan, Ints, Ints]]:
    """Each schedule with its meters and their ids."""
    at = 0
    for plan, rows in planned:
        yield plan, rows, ids[at : at + len(rows)]
        at += len(rows)


def setup_rows(cohort: Cohort, setup: PushSetup, meters: Octets, ids: Ints) -> Rows:
    """The same setup of each of these meters [n, 16]."""
    return encode_rows(
        "push_setups",
        {
            "id": Int4(ids),
            "meter_id": Uuid(meters),
            "obis_code_id": Int4(cohort.around.codes[format_obis(setup.logical_name)]),
            "destination_and_method": Text(destination_words(setup)),
            "communication_window": Jsonb(windows_json(setup)),
            "randomisation_start_interval": Int4(setup.start_interval_s),
            "number_of_retries": Int4(setup.retries),
            "repetition_delay": Int4(setup.repetition.minimum_s),
        },
    )
