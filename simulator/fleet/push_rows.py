# SPDX-License-Identifier: MIT
"""Attempts to push as rows of sim.push_history, of the values that they carried, and of what became of alarms."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from simulator.cosem.catalogue import raisers
from simulator.cosem.stamps import local_seconds
from simulator.fleet.sender import STOPPED
from simulator.meter.change import plain
from simulator.meter.cohort import Cohort
from simulator.meter.columns import Ints
from simulator.meter.identity import Identity
from simulator.meter.push import former
from simulator.meter.push.body import Cells
from simulator.meter.push.kept import Numbers
from simulator.meter.push.setup import PushSetup
from simulator.store.copy import Blobs, Column, Int4, Int8, Jsonb, Rows, Text, Timestamp, encode_rows
from simulator.store.rows import Edit
from simulator.wire.axdr import decode_whole

CANCELLED, CONFIRMED = "CANCELLED", "ACKNOWLEDGED"
_DATE_TIME = b"\x09\x0c"
_SHORT = 64  # octets of a value that may come again; a whole profile does not
_EPOCH = dt.datetime(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One row of the history, and what it means for the alarms that it carried."""

    cohort: Cohort
    row: int
    meter: Identity
    setup: PushSetup
    schedule: bytes
    local_s: int
    told_s: int | None  # what the push says of its time
    status: str
    retry_count: int
    error: str | None
    trigger: str
    payload: bytes | None
    destination: str | None
    cells: Cells  # empty for an attempt that another one follows
    alarms: tuple[int, ...]
    alarm_status: str

    @property
    def is_there(self) -> bool:
        """Nobody has replaced its meter since."""
        return self.cohort.identities[self.row] is self.meter


@lru_cache(maxsize=1024)  # thousands push at one instant
def told_s(cell: bytes, utc_offset_minutes: int) -> int | None:
    """Of the third element, where IS 15959 puts the clock."""
    try:
        return local_seconds(cell[2:], utc_offset_minutes, latest=False) if cell.startswith(_DATE_TIME) else None
    except ValueError:
        return None


def known_numbers(attempt: Attempt) -> Numbers:
    """Of a meter that is in its place."""
    return attempt.cohort.kept_pushes.numbers(attempt.setup.logical_name, attempt.schedule, attempt.row)


async def former_numbers(attempts: Sequence[Attempt]) -> dict[int, Numbers]:
    """By identity those of meters that have left their places. Raises StoreUnavailable."""
    found: dict[int, Numbers] = {}
    of_cohorts: dict[Cohort, list[Attempt]] = {}
    for attempt in attempts:
        of_cohorts.setdefault(attempt.cohort, []).append(attempt)
    for cohort, own in of_cohorts.items():
        numbers = await former.numbers(cohort, [(one.meter, one.setup, one.schedule) for one in own])
        found |= {id(one): number for one, number in zip(own, numbers, strict=True)}
    return found


def history_rows(attempts: Sequence[Attempt], numbers: Sequence[Numbers], ids: Ints) -> Rows:
    schedules = np.array([one.schedule for one in numbers])
    unsaid = np.array([a.told_s is None for a in attempts])
    return encode_rows(
        "push_history",
        {
            "id": Int8(ids),
            "schedule_id": Int4(schedules, schedules == 0),
            "push_setup_id": Int4(np.array([one.setup for one in numbers])),
            "timestamp": Timestamp(np.array([a.local_s for a in attempts])),
            "told_at": Timestamp(np.array([a.told_s or 0 for a in attempts]), unsaid),
            "status": Text([a.status for a in attempts]),
            "retry_count": Int4(np.array([a.retry_count for a in attempts])),
            "error_message": Text([a.error for a in attempts]),
            "trigger": Text([a.trigger for a in attempts]),
            "payload": Blobs([a.payload for a in attempts]),
            "destination": Text([a.destination for a in attempts]),
        },
    )


def object_rows(attempts: Sequence[Attempt], numbers: Sequence[Numbers], ids: Ints) -> list[Rows]:
    """The values of each push, with its last attempt; none if its setup lists other objects by now."""
    history: list[int] = []
    objects: list[int] = []
    values: list[str | None] = []
    for number, attempt, known in zip(ids.tolist(), attempts, numbers, strict=True):
        if attempt.cells and len(known.objects) == len(attempt.cells):
            history += [number] * len(known.objects)
            objects += known.objects
            values += map(as_json, attempt.cells)
    if not values:
        return []
    columns: dict[str, Column] = {
        "push_history_id": Int8(np.array(history)),
        "push_object_id": Int4(np.array(objects)),
        "value": Jsonb(values),
    }
    return [encode_rows("push_history_objects", columns)]


def as_json(cell: bytes) -> str:
    return _known_json(cell) if len(cell) <= _SHORT else _known_json.__wrapped__(cell)


@lru_cache(maxsize=65_536)
def _known_json(cell: bytes) -> str:
    return json.dumps(plain(decode_whole(cell)))


def alarm_edits(attempts: Sequence[Attempt], ids: Ints) -> list[Edit]:
    """Of each alarm what its latest attempt came to; the attempts are in their order. What was given up, the next alert
    carries; of what was under way when the fleet stopped the next start decides that."""
    told = {
        alarm: (attempt, number)
        for number, attempt in zip(ids.tolist(), attempts, strict=True)
        for alarm in attempt.alarms
    }
    if not told:
        return []
    moments = {alarm: _retried(attempt) for alarm, (attempt, _) in told.items()}
    values = {
        "ids": list(told),
        "statuses": [attempt.alarm_status for attempt, _ in told.values()],
        "retry_counts": [attempt.retry_count for attempt, _ in told.values()],
        "retried": list(moments.values()),
        "history_ids": [number for _, number in told.values()],
    }
    unsent = [alarm for alarm, (attempt, _) in told.items() if attempt.status == CANCELLED and attempt.error != STOPPED]
    confirmed = [alarm for alarm, (attempt, _) in told.items() if attempt.alarm_status == CONFIRMED]
    edits = [Edit("settle_alarms", values)]
    edits += [Edit("release_alarms", {"ids": unsent})] if unsent else []
    return edits + ([Edit("acknowledge_events", {"alarms": confirmed, **raisers()})] if confirmed else [])


def _retried(attempt: Attempt) -> dt.datetime | None:
    with contextlib.suppress(OverflowError):
        return _EPOCH + dt.timedelta(seconds=attempt.local_s) if attempt.retry_count else None
    return None
