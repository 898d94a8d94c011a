# SPDX-License-Identifier: MIT
"""Every attempt to push as a row of sim.push_history, with the values that it carried, and what became of alarms.

Written in batches, a few times a second. While the store is away attempts are kept, so many and no more.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from simulator.errors import StoreError, StoreUnavailable
from simulator.fleet.push_rows import (
    CANCELLED,
    CONFIRMED,
    Attempt,
    alarm_edits,
    former_numbers,
    history_rows,
    known_numbers,
    object_rows,
    told_s,
)
from simulator.meter.cohort import Cohort
from simulator.meter.push.confirmations import Confirmed, kept, show
from simulator.store.database import Store
from simulator.store.pushing import Batch, Ids

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
REPEATED = "repeated after a restart"


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

    def delivered(self, push: Push) -> None:
        error = ", ".join(filter(None, (REPEATED if push.repeats else None, push.remark)))
        self._keep(push, "SUCCESS", error or None, alarm_status=CONFIRMED if push.is_confirmed else "SENT")
        if push.is_confirmed and push.is_there:
            show(_confirmed(self._attempts[-1]))

    def failed(self, push: Push, why: str, *, is_last: bool) -> None:
        why = f"{why} ({push.remark})" if push.remark else why
        self._keep(push, "FAILED" if is_last else "RETRY", why, alarm_status="FAILED" if is_last else "PENDING")

    def cancelled(self, push: Push, why: str) -> None:
        """It was not sent; its alarms stay open."""
        self._keep(push, CANCELLED, why, alarm_status="PENDING")

    def _keep(self, push: Push, status: str, error: str | None, *, alarm_status: str) -> None:
        cohort, was_sent = push.cohort, status != CANCELLED
        local_s = cohort.clock_ms_at(push.row, push.at_ms) // MS_PER_SECOND
        self._attempts.append(
            Attempt(
                cohort,
                push.row,
                push.meter,
                push.setup,
                push.schedule,
                local_s,
                told_s(push.cells[2], cohort.calendar.utc_offset_minutes) if len(push.cells) > 2 else None,
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
                written = await self._write(attempts)
            except StoreUnavailable as error:
                self._tell_away(error)
                return
            except StoreError:
                refused += self._put_off(attempts)
                continue
            self._forget(attempts, {id(one) for one in written})
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

    def _forget(self, attempts: Sequence[Attempt], written: set[int]) -> None:
        """Those that are written; some may have been dropped meanwhile."""
        for attempt in attempts:
            if self._attempts and self._attempts[0] is attempt:
                self._attempts.popleft()
                if id(attempt) not in written:
                    self._attempts.append(attempt)
        if self._dropped:
            log.warning("%d attempts to push were dropped while the store was away", self._dropped)
            self._dropped = 0

    def _tell_away(self, error: StoreUnavailable) -> None:
        if not self._is_away:
            log.warning("the store is away (%s); the history of pushes waits", error)
        self._is_away = True

    async def _write(self, attempts: Sequence[Attempt]) -> list[Attempt]:
        """Those that are written; a meter that was replaced in this very moment has them written the next time."""
        present = [one for one in attempts if one.is_there]
        left = await former_numbers([one for one in attempts if not one.is_there])
        await _ensure_rows(present)
        written: list[Attempt] = []

        def make(ids: Ids) -> Batch:
            known = [(one, known_numbers(one) if one.is_there else left.get(id(one))) for one in attempts]
            told = [(one, numbers) for one, numbers in known if numbers is not None]
            written.extend(one for one, _ in told)
            numbers, history = [found for _, found in told], ids["push_history"][: len(told)]
            if not told:
                return Batch()
            rows = [history_rows(written, numbers, history), *object_rows(written, numbers, history)]
            confirmed = [one for one in written if one.is_there and one.alarm_status == CONFIRMED]
            edits = [*alarm_edits(written, history), *kept(list(map(_confirmed, confirmed)))]
            return Batch(rows, after=edits)

        durable = any(attempt.alarms for attempt in attempts)
        await self._store.pushes.add({"push_history": len(attempts)}, make, durable=durable)
        return written


async def _ensure_rows(attempts: Sequence[Attempt]) -> None:
    """Setups and schedules of these attempts have theirs. Raises StoreUnavailable."""
    concerned: dict[tuple[Cohort, bytes], list[int]] = {}
    for attempt in attempts:
        concerned.setdefault((attempt.cohort, attempt.setup.logical_name), []).append(attempt.row)
    for (cohort, setup), rows in concerned.items():
        await cohort.kept_pushes.ensure(setup, np.array(rows))


def _confirmed(attempt: Attempt) -> Confirmed:
    return Confirmed(attempt.cohort, attempt.row, attempt.setup.logical_name, attempt.local_s)
