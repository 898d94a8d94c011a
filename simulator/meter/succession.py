# SPDX-License-Identifier: MIT
"""Another meter is in a place: what the cohort knew of the one before it is gone, from its keys to its connections.

Nothing is stored here: whoever calls this has it from the columns, which the store has.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from simulator.cosem.model import Setting
from simulator.meter.columns import Ints
from simulator.meter.identity import Identity
from simulator.meter.push.setup import attributes_of
from simulator.values import NEVER_MS, attribute_key, moment_of, parse_obis

if TYPE_CHECKING:
    from simulator.meter.cohort import Cohort

YEAR = attribute_key(1, parse_obis("0.0.96.1.4.255"), 2)  # of manufacture, later than their model says
_TWO = 2  # an outage and its end: who is connected sees another life, and whether it is dark stays


def move_in(cohort: Cohort, rows: Ints, identities: Sequence[Identity]) -> None:
    """These meters live in these rows from now on; they follow their model in everything."""
    gone = set(rows.tolist())
    for row, identity in zip(rows.tolist(), identities, strict=True):
        cohort.identities[row] = identity
        cohort.ids[row] = np.frombuffer(identity.id.bytes, np.uint8)
        cohort.lives[row] += _TWO
    for by_row in (cohort.calendars, cohort.alarms, cohort.dues, cohort.snapshots):
        _drop(by_row, [row for row in gone if row in by_row])
    for by_place in (cohort.overrides, cohort.profiles):
        _drop(by_place, [place for place in by_place if place[0] in gone])
    cohort.marks_move_ms[rows] = NEVER_MS
    cohort.kept_pushes.forget(rows)
    cohort.vault.forget(dict(zip(rows.tolist(), (one.id for one in identities), strict=True)))
    for row, identity in zip(rows.tolist(), identities, strict=True):
        if cohort.columns.generation[row] and (year := year_of(cohort, int(cohort.columns.installed_ms[row]))):
            cohort.overrides[row, YEAR] = year
        for (client, name), key in cohort.around.delivered(identity.serial).keys.items():
            cohort.vault.put_key(row, client, name, key)
    for row in gone:
        for client in cohort.model.spec.clients:
            cohort.vault.tell(row, client)


def year_of(cohort: Cohort, installed_ms: int) -> bytes:
    """What a meter of that day's make shows otherwise than its model; empty if it tells no year."""
    attribute = attributes_of(cohort.model).get(YEAR)
    if attribute is None or not isinstance(attribute.source, Setting):
        return b""
    return attribute.type.encode(moment_of(installed_ms, cohort.calendar.utc_offset_minutes).year)


def _drop(known: dict[Any, Any], keys: Iterable[Any]) -> None:
    for key in keys:
        del known[key]
