# SPDX-License-Identifier: MIT
"""What clients do with push setups and the schedules that lead to them: their rows change with the attributes.

Blue Book 4.4.8.2 (class 40) and 4.5.7 (class 22). The sending is the fleet's.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from simulator.cosem.stamps import encode_date_time
from simulator.meter.change import Answer, Change, Meter, plain_value, sibling
from simulator.meter.push.acceptance import refusal
from simulator.meter.push.schedule import Plan, own_of, plans_with
from simulator.meter.push.setup import LAST_CONFIRMATION, OBJECTS, setup_with
from simulator.meter.push.tables import entry_rows, object_rows, schedule_edit, setup_edit
from simulator.store.rows import Edit
from simulator.wire.axdr import Data, encode
from simulator.wire.codes import ActionResult


async def set_setup(meter: Meter, key: bytes, value: Data) -> Answer:
    """An attribute of a Push setup, and its row."""
    cohort, name, encoded = meter.cohort, key[2:8], encode(value)
    if (refused := refusal(cohort, meter.row, key, plain_value(value))) is not None:
        return refused
    setup = setup_with(cohort, meter.row, name, {key: encoded})
    row = np.array([meter.row])
    cohort.kept_pushes.want(meter.row)
    await cohort.kept_pushes.ensure(name, row)
    number = int(cohort.kept_pushes.setup_ids(name, row)[0])
    change = Change(attributes={key: encoded}, edits=(setup_edit(setup, [number]),))
    if key[8] != OBJECTS:
        return change
    cohort.kept_pushes.forget_objects(name, meter.row)
    objects = object_rows(setup, row * 0 + number, None)
    return replace(change, edits=(*change.edits, Edit("release_push_objects", {"ids": [number]})), batches=(objects,))


async def push(meter: Meter, key: bytes, parameter: Data) -> Answer:
    """The method push; refused if there is nobody to push to."""
    done = meter.cohort.around.push(meter.cohort, meter.row, key[2:8], meter.instant_ms)
    return Change() if done else ActionResult.OTHER_REASON


async def reset(meter: Meter, key: bytes, parameter: Data) -> Answer:
    """Of version 2: nothing has been confirmed yet."""
    encoded = b"\x09\x0c" + encode_date_time("*-*-* *:*:*")
    return Change(attributes={sibling(key, LAST_CONFIRMATION): encoded})


async def schedule_change(meter: Meter, key: bytes, value: Data) -> Change:
    """What a new script or new execution times of a schedule mean for its row; nothing if it does not push."""
    cohort, encoded = meter.cohort, encode(value)
    own = own_of(cohort, meter.row)
    before, after = (_plan(meter, settings, key) for settings in (own, {**own, key: encoded}))
    for plan in (before, after):
        if plan is not None:
            await cohort.kept_pushes.ensure(plan.setups[0], np.array([meter.row]))
    number = cohort.kept_pushes.schedule_id(key[2:8], meter.row)
    if not number and after is not None:
        number = await cohort.kept_pushes.make_schedule(after, meter.row)
    change = Change(attributes={key: encoded})
    if not number:
        return change
    cohort.kept_pushes.want(meter.row)
    edit = _schedule_edit(meter, number, before, after)
    return replace(change, edits=(edit,), batches=tuple(entry_rows([number], after.moments if after else ())))


def _plan(meter: Meter, own: dict[bytes, bytes], key: bytes) -> Plan | None:
    plans = plans_with(meter.cohort.model, own)
    return next((plan for plan in plans if plan.schedule == key[2:8]), None)


def _schedule_edit(meter: Meter, number: int, before: Plan | None, after: Plan | None) -> Edit:
    shown = after or before
    assert shown is not None  # there is a row
    setup = meter.cohort.kept_pushes.setup_ids(shown.setups[0], np.array([meter.row]))
    return schedule_edit(shown.moments, [number], setup.tolist(), is_enabled=after is not None and bool(after.moments))
