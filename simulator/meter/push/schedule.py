# SPDX-License-Identifier: MIT
"""Which Single action schedules of a meter push, and when: class 22 → script table → push setups (Blue Book 4.5.7).

Read from the attributes as they are now. A schedule is one that pushes if its script does nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from simulator.cosem.model import Model
from simulator.meter.change import objects_of, settings
from simulator.meter.push.setup import DESTINATION, LAST_CONFIRMATION, PUSH_METHOD, PUSH_SETUP
from simulator.meter.push.times import Moments, moments_of
from simulator.values import attribute_key
from simulator.wire.axdr import decode_whole

if TYPE_CHECKING:
    from simulator.meter.cohort import Cohort

SCHEDULE, SCRIPT_TABLE = 22, 9
SCRIPT, TIMES = 2, 4  # attributes of a schedule
_SCRIPTS = 2
_EXECUTE = 2
_CLASSES = tuple(number.to_bytes(2, "big") for number in (SCHEDULE, SCRIPT_TABLE, PUSH_SETUP))


class Plan(NamedTuple):
    """One schedule that pushes."""

    schedule: bytes  # its logical name
    moments: Moments
    setups: tuple[bytes, ...]  # logical names


Own = Mapping[bytes, bytes]
"""What clients have written of one meter's schedules, scripts and push setups, by attribute."""


def own_settings(cohort: Cohort) -> dict[int, dict[bytes, bytes]]:
    """By meter, of those that have any."""
    found: dict[int, dict[bytes, bytes]] = {}
    for (row, key), encoded in cohort.overrides.items():
        if key[:2] in _CLASSES and key[8] != LAST_CONFIRMATION:  # which schedules and scripts do not have
            found.setdefault(row, {})[key] = encoded
    return found


def own_of(cohort: Cohort, row: int) -> dict[bytes, bytes]:
    """The same of one meter."""
    found = ((key, cohort.overrides.get((row, key))) for key in watched(cohort.model))
    return {key: encoded for key, encoded in found if encoded is not None}


@lru_cache(maxsize=64)
def watched(model: Model) -> tuple[bytes, ...]:
    """The attributes on which it depends when a meter pushes, and whether to anybody."""
    keys = [head + bytes((index,)) for head in objects_of(model, SCHEDULE) for index in (SCRIPT, TIMES)]
    keys += [head + bytes((_SCRIPTS,)) for head in objects_of(model, SCRIPT_TABLE)]
    return tuple(keys + [head + bytes((DESTINATION,)) for head in objects_of(model, PUSH_SETUP)])


@lru_cache(maxsize=64)
def model_plans(model: Model) -> tuple[Plan, ...]:
    return plans_with(model, {})


def plans_with(model: Model, own: Own) -> tuple[Plan, ...]:
    """The schedules of a meter that push, with what clients have written of it."""
    known = settings(model)
    found = []
    for head in objects_of(model, SCHEDULE):
        script, times = (own.get(key, known[key]) for key in (head + bytes((SCRIPT,)), head + bytes((TIMES,))))
        table, selector = (part.value for part in decode_whole(script).value)
        scripts_key = attribute_key(SCRIPT_TABLE, table, _SCRIPTS)
        setups = pushed_by(own.get(scripts_key, known.get(scripts_key, b"\x01\x00")), selector)
        if setups:
            found.append(Plan(head[2:], moments_of(times), setups))
    return tuple(found)


@lru_cache(maxsize=1024)
def pushed_by(scripts: bytes, selector: int) -> tuple[bytes, ...]:
    """The push setups that a script executes; empty if it does anything else, or is not there."""
    for script in decode_whole(scripts).value:
        number, actions = (part.value for part in script.value)
        if number == selector:
            parts = [[part.value for part in action.value] for action in actions]
            pushes = all(
                (service, owner, index) == (_EXECUTE, PUSH_SETUP, PUSH_METHOD) for service, owner, _, index, _ in parts
            )
            return tuple(name for _, _, name, _, _ in parts) if pushes else ()
    return ()
