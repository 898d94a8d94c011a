# SPDX-License-Identifier: MIT
"""Every attempt to push as a row of sim.push_history, with the values that it carried, and what became of alarms.

Written in batches, a few times a second. While the store is away attempts are kept, so many and no more.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import json
import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from simulator.cosem.catalogue import raisers
from simulator.cosem.stamps import local_seconds
from simulator.errors import StoreError, StoreUnavailable
from simulator.meter.change import plain
from simulator.meter.cohort import Cohort
from simulator.meter.columns import Ints
from simulator.meter.identity import Identity
from simulator.meter.push.body import Cells
from simulator.meter.push.confirmations import Confirmed, kept, show
from simulator.store.copy import Blobs, Column, Int4, Int8, Jsonb, Rows, Text, Timestamp, encode_rows
from simulator.store.database import Store
from simulator.store.pushing import Batch, Ids
from simulator.store.rows import Edit
from simulator.wire.axdr import decode_whole

if TYPE_CHECKING:
    from simulator.fleet.outbox import Push

from simulator.values import MS_PER_SECOND

log = logging.getLogger(__name__)

_MOST_KEPT = 200_000
_AT_ONCE = 5_000
_SMALLER = 8  # so many times fewer at once, after the store has refused some, so that only those wait that it refuses
_REFUSALS = 50  # single attempts, until the store is left in peace for a while
_PAUSE_S, _AWAY_S, _LATEST_S = 0.2, 1.0, 3.0
_SOON = 20_000  # attempts that are written even while others are under way
_CONFIRMED = "ACKNOWLEDGED"
REPEATED = "repeated after a restart"
_DATE_TIME = b"\x09\x0c"
_SHORT = 64  # octets of a value that may come again; a whole profile does not
_EPOCH = dt.datetime(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One row of the history, and what it means for the alarms that it carried."""

    cohort: Cohort
    row: int
    meter: Identity
    setup: bytes
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


class Journal:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._attempts: deque[Attempt] = deque()
        self._dropped = 0
        self._is_away = False
        self._at_once = _AT_ONCE
        self._is_refused = False  # the store refused some that still wait
        self._writing = asyncio.Lock()
        self._written_s = 0.0

    # -- what is told -------------------------------------------------------------------------------------------

    def delivered(self, push: Push, *, is_confirmed: bool) -> None:
        error = ", ".join(filter(None, (REPEATED if push.repeats else None, push.remark)))
        self._keep(push, "SUCCESS", error or None, alarm_status=_CONFIRMED if is_confirmed else "SENT")
        if is_confirmed and push.is_there:
            show(_confirmed(self._attempts[-1]))

    def failed(self, push: Push, why: str, *, is_last: bool) -> None:
        why = f"{why} ({push.remark})" if push.remark else why
        self._keep(push, "FAILED" if is_last else "RETRY", why, alarm_status="FAILED" if is_last else "PENDING")

    def cancelled(self, push: Push, why: str) -> None:
        """It was not sent; its alarms stay open."""
        self._keep(push, "CANCELLED", why, alarm_status="PENDING")

    def _keep(self, push: Push, status: str, error: str | None, *, alarm_status: str) -> None:
        cohort, was_sent = push.cohort, status != "CANCELLED"
        local_s = cohort.clock_ms_at(push.row, push.at_ms) // MS_PER_SECOND
        self._attempts.append(
            Attempt(
                cohort,
                push.row,
                push.meter,
                push.setup.logical_name,
                push.schedule,
                local_s,
                _told_s(push.cells[2], cohort.calendar.utc_offset_minutes) if len(push.cells) > 2 else None,
                status,
                push.attempt + push.repeats,
                error,
                push.trigger,
                push.apdu if was_sent else None,
                str(push.setup.destination) if push.setup.destination else None,
                push.cells if status in ("SUCCESS", "FAILED") else [],
                push.alarms,
                alarm_status,
            )
        )
        if len(self._attempts) > _MOST_KEPT:
            self._attempts.popleft()
            self._dropped += 1

    # -- writing ------------------------------------------------------------------------------------------------

    async def run(self, is_busy: Callable[[], bool]) -> None:
        """Until cancelled. While pushes are under way the history waits a little: it would only slow them down."""
        while True:
            await asyncio.sleep(_AWAY_S if self._is_away or self._is_refused else _PAUSE_S)
            if not is_busy() or self._has_waited():
                await asyncio.shield(self.flush())  # a batch is written whole, and then forgotten

    def _has_waited(self) -> bool:
        now_s = asyncio.get_running_loop().time()
        return len(self._attempts) > _SOON or now_s - self._written_s > _LATEST_S

    async def close(self) -> None:
        await self.flush()
        if self._attempts:
            log.warning("%d attempts to push could not be written to the history", len(self._attempts))

    async def flush(self) -> None:
        """All that is there, unless the store is away."""
        async with self._writing:
            await self._flush()

    async def _flush(self) -> None:
        refused = 0
        while self._attempts and refused < min(_REFUSALS, len(self._attempts)):
            count = min(len(self._attempts), self._at_once)
            attempts = [self._attempts[place] for place in range(count)]
            try:
                await self._write(_of_present(attempts))
            except StoreUnavailable as error:
                self._tell_away(error)
                return
            except StoreError:
                refused += self._put_off(attempts)
                continue
            self._forget(attempts)
            self._is_away, self._at_once = False, min(self._at_once * _SMALLER, _AT_ONCE)
        self._written_s = asyncio.get_running_loop().time()
        self._tell_refused(bool(refused))

    def _put_off(self, attempts: Sequence[Attempt]) -> bool:
        """The store refused these: fewer at once, or if it was one, others first."""
        if not self._is_refused:
            log.exception("the store refuses the history of pushes; what it refuses waits, and is tried again")
        self._is_refused = True
        self._at_once = max(len(attempts) // _SMALLER, 1)
        if len(attempts) > 1:
            return False
        if self._attempts and self._attempts[0] is attempts[0]:  # it may have been dropped meanwhile
            self._attempts.rotate(-1)
        return True

    def _tell_refused(self, is_refused: bool) -> None:
        if self._is_refused and not is_refused:
            log.warning("the history of pushes that the store had refused is written")
        self._is_refused = is_refused

    def _forget(self, attempts: Sequence[Attempt]) -> None:
        """They are written; some may have been dropped meanwhile."""
        written = {id(attempt) for attempt in attempts}
        while self._attempts and id(self._attempts[0]) in written:
            self._attempts.popleft()
        if self._dropped:
            log.warning("%d attempts to push were dropped while the store was away", self._dropped)
            self._dropped = 0

    def _tell_away(self, error: StoreUnavailable) -> None:
        if not self._is_away:
            log.warning("the store is away (%s); the history of pushes waits", error)
        self._is_away = True

    async def _write(self, attempts: Sequence[Attempt]) -> None:
        """Of meters that are still in their places: of others there was nothing left to write when they went."""
        if not attempts:
            return
        concerned: dict[tuple[Cohort, bytes], list[int]] = {}
        for attempt in attempts:
            concerned.setdefault((attempt.cohort, attempt.setup), []).append(attempt.row)
        for (cohort, setup), rows in concerned.items():
            await cohort.kept_pushes.ensure(setup, np.array(rows))

        def make(ids: Ids) -> Batch:
            present = _of_present(attempts)
            if not present:
                return Batch()
            history = ids["push_history"][: len(present)]
            rows = [history_rows(present, history), *object_rows(present, history)]
            confirmations = kept([_confirmed(attempt) for attempt in present if attempt.alarm_status == _CONFIRMED])
            return Batch(rows, after=[*alarm_edits(present, history), *confirmations])

        durable = any(attempt.alarms for attempt in attempts)
        await self._store.pushes.add({"push_history": len(attempts)}, make, durable=durable)


def _of_present(attempts: Sequence[Attempt]) -> Sequence[Attempt]:
    """Those of meters that nobody has replaced since."""
    return [one for one in attempts if one.cohort.identities[one.row] is one.meter]


@lru_cache(maxsize=1024)  # thousands push at one instant
def _told_s(cell: bytes, utc_offset_minutes: int) -> int | None:
    """Of the third element, where IS 15959 puts the clock."""
    try:
        return local_seconds(cell[2:], utc_offset_minutes, latest=False) if cell.startswith(_DATE_TIME) else None
    except ValueError:
        return None


def _confirmed(attempt: Attempt) -> Confirmed:
    return Confirmed(attempt.cohort, attempt.row, attempt.setup, attempt.local_s)


def history_rows(attempts: Sequence[Attempt], ids: Ints) -> Rows:
    setups = [int(a.cohort.kept_pushes.setup_ids(a.setup, np.array([a.row]))[0]) for a in attempts]
    schedules = np.array([a.cohort.kept_pushes.schedule_id(a.schedule, a.row) for a in attempts])
    unsaid = np.array([a.told_s is None for a in attempts])
    return encode_rows(
        "push_history",
        {
            "id": Int8(ids),
            "schedule_id": Int4(schedules, schedules == 0),
            "push_setup_id": Int4(np.array(setups)),
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


def object_rows(attempts: Sequence[Attempt], ids: Ints) -> list[Rows]:
    """The values of each push, with its last attempt; none if its setup lists other objects by now."""
    history: list[int] = []
    objects: list[int] = []
    values: list[str | None] = []
    for number, attempt in zip(ids.tolist(), attempts, strict=True):
        known = attempt.cohort.kept_pushes.object_ids(attempt.setup, attempt.row).tolist()
        if attempt.cells and len(known) == len(attempt.cells):
            history += [number] * len(known)
            objects += known
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
    """Of each alarm what its latest attempt came to; the attempts are in their order."""
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
    confirmed = [alarm for alarm, (attempt, _) in told.items() if attempt.alarm_status == _CONFIRMED]
    events = [Edit("acknowledge_events", {"alarms": confirmed, **raisers()})] if confirmed else []
    return [Edit("settle_alarms", values), *events]


def _retried(attempt: Attempt) -> dt.datetime | None:
    with contextlib.suppress(OverflowError):
        return _EPOCH + dt.timedelta(seconds=attempt.local_s) if attempt.retry_count else None
    return None
