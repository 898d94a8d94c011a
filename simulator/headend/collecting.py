# SPDX-License-Identifier: GPL-2.0-only
"""The reference head-end: reads meters when they are due, a bounded number at once, and lands what they said.

Workers talk to meters and never to the database; one writer lands batches and outlives a database that goes away:
workers then wait, because nothing more is taken from them.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import heapq
import itertools
import queue
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import psycopg

from simulator.errors import MeterfleetError, StoreUnavailable
from simulator.headend.failures import (
    AnotherMeter,
    AssociationRefused,
    BrokenAnswer,
    HeadEndError,
    NoAnswer,
    NotReachable,
)
from simulator.headend.judging import Circumstances
from simulator.headend.polling import Past, Poll
from simulator.headend.readings import missed
from simulator.headend.renewing import Renew, Renewal, told
from simulator.headend.roster import KnownMeter
from simulator.hes.landing import Batch, Landing, LogEntry
from simulator.hes.tables import READINGS

OpenLanding = Callable[[], AbstractContextManager[Landing]]
_BATCH_ROWS = 20_000
_BATCH_S = 0.25
_BACK_OFF_S = (0.5, 1.0, 2.0, 4.0, 8.0)
_POLL_S = 0.2
_ANOTHER = "ANOTHER_METER"


@dataclass(frozen=True, slots=True)
class Schedule:
    """How often each part of a meter is read, seconds; `once`: all parts, one time."""

    periods_s: Mapping[str, float]
    once: bool = False


@dataclass(frozen=True, slots=True)
class Manners:
    """How meters are talked to."""

    workers: int = 8
    timeout_s: float = 10.0
    retries: int = 2
    drift_s: float = 60.0
    zone: dt.tzinfo = dt.UTC
    max_pdu: int = 65535  # the largest APDU that is taken, octets


@dataclass(slots=True)
class Tally:
    """What came of it."""

    polls: int = 0
    failed: int = 0
    rows: int = 0
    pushes: int = 0
    problems: dict[str, str] = field(default_factory=dict)  # the last one by meter


class Collector:
    """`open_landing` opens a connection to the database; it is called again after one was lost. `renew` gives the
    inventory anew, when meters may have been replaced."""

    def __init__(
        self,
        meters: Sequence[KnownMeter],
        pasts: Mapping[str, Past],
        manners: Manners,
        open_landing: OpenLanding,
        *,
        renew: Renew | None = None,
    ) -> None:
        self.tally = Tally()
        self.renewal = Renewal(renew)
        self._meters = {meter.serial: meter for meter in meters}
        self._pasts = {serial: pasts.get(serial) or Past() for serial in self._meters}
        self._manners, self._open_landing = manners, open_landing
        self._due: queue.Queue[tuple[KnownMeter, tuple[str, ...]] | None] = queue.Queue()
        self._done: queue.Queue[Batch] = queue.Queue(maxsize=4 * manners.workers)
        self._busy: set[str] = set()
        self._stop = threading.Event()

    def stop(self) -> None:
        """Reads that are under way come to their end."""
        self._stop.set()

    def hand_in(self, batch: Batch) -> None:
        """What came by itself; waits while too much does."""
        self._done.put(batch)

    def run(self, schedule: Schedule, *, for_s: float | None = None) -> None:
        workers = [threading.Thread(target=self._work, daemon=True) for _ in range(self._manners.workers)]
        for worker in workers:
            worker.start()
        try:
            self._drive(schedule, for_s)
        finally:
            for _ in workers:
                self._due.put(None)

    def _drive(self, schedule: Schedule, for_s: float | None) -> None:
        """Meters that are due go to the workers, what is done to the database."""
        end_s = None if for_s is None else time.monotonic() + for_s
        agenda = _Agenda(schedule, self._meters)
        landing = _Lasting(self._open_landing, self._stop)
        while not self._stop.is_set() and (end_s is None or time.monotonic() < end_s):
            for serial, parts in agenda.due(time.monotonic(), self._busy):
                self._busy.add(serial)
                self._due.put((self._meters[serial], parts))
            if schedule.once and not self._busy and self._done.empty():
                break
            self._land(landing)
            self._take_up(agenda, landing)
        self._stop.set()
        while self._busy or not self._done.empty():
            self._land(landing)
        landing.close()

    def _land(self, landing: _Lasting) -> None:
        """What is done by now, together."""
        batch = self._gathered()
        if batch is None:
            return
        self.tally.rows += landing.land(batch)
        self.tally.pushes += len(batch.pushes)
        for serial in batch.status:
            self._pasts[serial].learn(batch, serial)
            self._busy.discard(serial)
        if "ERROR" in batch.status.values():
            self.renewal.doubt()

    def _take_up(self, agenda: _Agenda, landing: _Lasting) -> None:
        """Who has come into others' places is read from now on, and those no more."""
        found = self.renewal.found()
        if found is None:
            return
        batch = told(self._meters, found)
        new = [serial for serial in found if serial not in self._meters]
        self._meters = dict(found)
        for serial in new:
            self._pasts.setdefault(serial, Past())
        agenda.renew(self._meters, new)
        if batch.log or batch.status:
            landing.land(batch)

    def _gathered(self) -> Batch | None:
        try:
            batch = self._done.get(timeout=_POLL_S)
        except queue.Empty:
            return None
        until_s = time.monotonic() + _BATCH_S
        while batch.count < _BATCH_ROWS and time.monotonic() < until_s:
            try:
                batch.take(self._done.get_nowait())
            except queue.Empty:
                break
        return batch

    # -- workers --------------------------------------------------------------------------------------------------

    def _work(self) -> None:
        while (task := self._due.get()) is not None:
            meter, parts = task
            if self._stop.is_set():
                self._done.put(Batch(status={meter.serial: "DISCONNECTED"}))
                continue
            self._done.put(self._polled(meter, parts))

    def _polled(self, meter: KnownMeter, parts: Sequence[str]) -> Batch:
        """With its retries; what is left out in the end is said, and what came before it is kept."""
        batch, log = Batch(), list[LogEntry]()
        for attempt in range(self._manners.retries + 1):
            if attempt and self._stop.wait(_BACK_OFF_S[min(attempt - 1, len(_BACK_OFF_S) - 1)]):
                break
            past = self._pasts[meter.serial]
            how = Circumstances(retries=attempt, registers=past.registers, usual=past.usual)
            poll = Poll(meter.serial, past, how, self._manners.zone, drift_s=self._manners.drift_s)
            try:
                timeout_s, max_pdu = self._manners.timeout_s, self._manners.max_pdu
                with meter.reader(timeout_s=timeout_s, max_pdu=max_pdu, heard=poll.hear) as reader:
                    poll.run(reader, parts)
            except AnotherMeter as error:
                log.append(LogEntry(_ANOTHER, str(error), meter.serial))
                break
            except Exception as error:  # whatever a meter makes us stumble over, it costs that meter only
                log.append(LogEntry(_kind(error), str(error) or repr(error), meter.serial))
                batch = max(batch, poll.batch, key=lambda one: one.count)
            else:
                poll.batch.log += log
                poll.batch.status[meter.serial] = "CONNECTED"
                self.tally.polls += 1
                return poll.batch
        return self._gave_up(meter, batch, log)

    def _gave_up(self, meter: KnownMeter, batch: Batch, log: list[LogEntry]) -> Batch:
        self.tally.failed += 1
        if log:
            self.tally.problems[meter.serial] = log[-1].description
            status = "TIMEOUT" if log[-1].event_type == "TIMEOUT" else "ERROR"
            how = Circumstances(communication=status, retries=len(log) - 1)
            if log[-1].event_type != _ANOTHER:
                batch.add(READINGS, meter.serial, [missed(dt.datetime.now(dt.UTC).replace(microsecond=0), how)])
        batch.log += log
        batch.status[meter.serial] = "ERROR"
        return batch


class _Agenda:
    """When which parts of which meter are due. A part that is missed because its meter is busy comes with the next."""

    def __init__(self, schedule: Schedule, serials: Mapping[str, object]) -> None:
        self._schedule = schedule
        now_s = time.monotonic()
        ties = itertools.count()
        self._heap = [(now_s, next(ties), serial, (*schedule.periods_s,)) for serial in serials]
        self._ties = ties
        heapq.heapify(self._heap)

    def renew(self, serials: Collection[str], new: Iterable[str]) -> None:
        """Only these are read any more, the new ones at once."""
        self._heap = [entry for entry in self._heap if entry[2] in serials]
        now_s = time.monotonic()
        self._heap += [(now_s, next(self._ties), serial, (*self._schedule.periods_s,)) for serial in new]
        heapq.heapify(self._heap)

    def due(self, now_s: float, busy: set[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
        found: dict[str, list[str]] = {}
        while self._heap and self._heap[0][0] <= now_s:
            at_s, _, serial, parts = heapq.heappop(self._heap)
            if serial in busy:
                heapq.heappush(self._heap, (now_s + _POLL_S, next(self._ties), serial, parts))
                continue
            found.setdefault(serial, []).extend(parts)
            for part in () if self._schedule.once else parts:
                period_s = self._schedule.periods_s[part]
                again_s = max(at_s + period_s, now_s)
                heapq.heappush(self._heap, (again_s, next(self._ties), serial, (part,)))
        for serial, due in found.items():
            yield serial, tuple(part for part in self._schedule.periods_s if part in due)


class _Lasting:
    """A landing that is opened again when it was lost, for as long as it takes."""

    def __init__(self, open_landing: OpenLanding, stop: threading.Event) -> None:
        self._open, self._stop = open_landing, stop
        self._opened: AbstractContextManager[Landing] | None = None
        self._landing: Landing | None = None

    def land(self, batch: Batch) -> int:
        for wait_s in itertools.chain(_BACK_OFF_S, itertools.repeat(_BACK_OFF_S[-1])):
            try:
                return self._ready().land_each(batch)
            except StoreUnavailable:
                self.close()
                if self._stop.is_set() and wait_s == _BACK_OFF_S[-1]:
                    raise
                time.sleep(wait_s)
        raise AssertionError("the waiting has no end")

    def close(self) -> None:
        opened, self._opened, self._landing = self._opened, None, None
        if opened is not None:
            with contextlib.suppress(psycopg.Error, MeterfleetError):
                opened.__exit__(None, None, None)

    def _ready(self) -> Landing:
        if self._landing is None:
            self._opened = self._open()
            self._landing = self._opened.__enter__()
        return self._landing


def _kind(error: Exception) -> str:
    """As hes.event_logs names it."""
    if isinstance(error, AssociationRefused):
        return "ASSOCIATION_REFUSED"
    if isinstance(error, NoAnswer):
        return "TIMEOUT"
    if isinstance(error, NotReachable):
        return "CONNECTION_FAILED"
    return "READ_FAILED" if isinstance(error, HeadEndError) and not isinstance(error, BrokenAnswer) else "UNDECODABLE"
