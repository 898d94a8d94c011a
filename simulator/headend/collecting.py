# SPDX-License-Identifier: GPL-2.0-only
"""The reference head-end: reads meters when they are due, a bounded number at once, and lands what they said.

Workers talk to meters and never to the database; one writer lands batches and outlives a database that goes away:
workers then wait, because nothing more is taken from them. Whatever a meter does is an entry of the log; what is our
own mistake is a traceback besides, and counted.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from simulator.errors import MeterfleetError
from simulator.headend.agenda import Agenda, Schedule
from simulator.headend.failures import ANOTHER_METER, AnotherMeter, kind_of
from simulator.headend.judging import Circumstances
from simulator.headend.lasting import Lasting, OpenLanding
from simulator.headend.polling import Past, Poll
from simulator.headend.pushlists import PushLists
from simulator.headend.readings import missed
from simulator.headend.renewing import Renew, Renewal, told
from simulator.headend.roster import KnownMeter
from simulator.headend.switchboard import Switchboard
from simulator.hes.landing import Batch, Landed, LogEntry
from simulator.hes.tables import READINGS

log = logging.getLogger(__name__)

_BATCH_ROWS = 20_000
_BATCH_S = 0.25
_BACK_OFF_S = (0.5, 1.0, 2.0, 4.0, 8.0)
_POLL_S = 0.2
_OUR_MISTAKE = "INTERNAL_ERROR"
_HOPELESS = 3  # polls in a row that failed: the next ones try once, so that the dead do not keep others waiting


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
    """What came of it; `bugs`: mistakes of this program, which no meter can be blamed for."""

    polls: int = 0
    failed: int = 0
    rows: int = 0
    pushes: int = 0
    bugs: int = 0
    problems: dict[str, str] = field(default_factory=dict)  # the last one by meter

    @property
    def is_in_vain(self) -> bool:
        """Whether meters were tried and none could be read."""
        return self.failed > 0 and self.polls == 0


@dataclass(slots=True)
class _Done:
    """What is to land, and the polls that it came from."""

    batch: Batch
    polls: list[_Polled] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Polled:
    poll: Poll
    serial: str
    problem: str = ""
    is_bug: bool = False
    was_tried: bool = True


@contextlib.contextmanager
def _ends_told(then: Callable[[], None]) -> Iterator[None]:
    """A thread that ends by an exception, be it of gurux or of the machine, ends in words, and not alone."""
    before = threading.excepthook

    def tell(end: threading.ExceptHookArgs) -> None:
        name = end.thread.name if end.thread else "a thread"
        log.error("%s has ended by a mistake of meterfleet's own; the head-end ends", name, exc_info=end.exc_value)
        then()

    threading.excepthook = tell
    try:
        yield
    finally:
        threading.excepthook = before


class Collector:
    """`open_landing` opens a connection to the database; it is called again after one was lost. `calls`: of meters
    that call by themselves; `renew` gives the inventory anew, when meters may have been replaced; `lists` are told what
    meters push."""

    def __init__(
        self,
        meters: Sequence[KnownMeter],
        pasts: Mapping[str, Past],
        manners: Manners,
        open_landing: OpenLanding,
        *,
        calls: Switchboard | None = None,
        renew: Renew | None = None,
        lists: PushLists | None = None,
    ) -> None:
        self.tally = Tally()
        self.renewal = Renewal(renew)
        self._meters = {meter.serial: meter for meter in meters}
        self._pasts = {serial: pasts.get(serial) or Past() for serial in self._meters}
        self._manners, self._open_landing, self._calls, self._lists = manners, open_landing, calls, lists
        self._due: queue.Queue[tuple[KnownMeter, tuple[str, ...]] | None] = queue.Queue()
        self._done: queue.Queue[_Done] = queue.Queue(maxsize=4 * manners.workers)
        self._stop = threading.Event()
        self._ended = threading.Event()
        self._is_broken = False

    def stop(self) -> None:
        """Reads that are under way come to their end."""
        self._stop.set()

    def hand_in(self, batch: Batch) -> None:
        """What came by itself; waits while too much does, but not for a writer that has ended, be it by an error."""
        while not self._ended.is_set():
            with contextlib.suppress(queue.Full):
                self._done.put(_Done(batch), timeout=_POLL_S)
                return

    def block_s(self, serial: str) -> int | None:
        """The block period of a meter, as it was read."""
        past = self._pasts.get(serial)
        return past.block_s if past else None

    def run(
        self, schedule: Schedule, *, for_s: float | None = None, before_end: Callable[[], None] = lambda: None
    ) -> None:
        """`before_end`: those who hand in close and hand in the rest; it lands meanwhile."""
        workers = [threading.Thread(target=self._work, daemon=True) for _ in range(self._manners.workers)]
        for worker in workers:
            worker.start()
        try:
            with _ends_told(self._break_off), contextlib.closing(Lasting(self._open_landing, self._stop)) as landing:
                agenda = Agenda(schedule, self._meters)
                self._drive(agenda, for_s, landing)
                self._finish(before_end, agenda, landing)
        finally:
            self._ended.set()
            for _ in workers:
                self._due.put(None)

    def _drive(self, agenda: Agenda, for_s: float | None, landing: Lasting) -> None:
        """Meters that are due go to the workers, what is done to the database."""
        end_s = None if for_s is None else time.monotonic() + for_s
        while not self._stop.is_set() and (end_s is None or time.monotonic() < end_s):
            if self._calls:
                agenda.arrived(self._calls.arrived())
            for serial, parts in agenda.due(time.monotonic(), self._is_absent):
                self._due.put((self._meters[serial], parts))
            if agenda.is_done and not agenda.busy and self._done.empty():
                break
            self._land(agenda, landing)
            self._take_up(agenda, landing)

    def _finish(self, before_end: Callable[[], None], agenda: Agenda, landing: Lasting) -> None:
        self._stop.set()
        closing = threading.Thread(target=before_end, daemon=True)
        closing.start()
        while closing.is_alive() or (agenda.busy and not self._is_broken) or not self._done.empty():
            self._land(agenda, landing)

    def _break_off(self) -> None:
        """Somebody who works here has ended; what was to do for that one is not done any more."""
        self.tally.bugs += 1
        self._is_broken = True
        self._stop.set()

    def _is_absent(self, serial: str) -> bool:
        return self._calls is not None and self._meters[serial].calls and not self._calls.has(serial)

    def _land(self, agenda: Agenda, landing: Lasting) -> None:
        """What is done by now, together."""
        done = self._gathered()
        if done is None:
            landing.look()
            return
        landed = self._landed(done.batch, landing)
        self.tally.pushes += len(done.batch.pushes)
        for one in done.polls:
            past = self._pasts[one.serial]
            if one.serial not in landed.refused and one.poll.past is past:
                past.known = one.poll.known
            self._count(one)
            agenda.freed(one.serial)
        if "ERROR" in done.batch.status.values():
            self.renewal.doubt()

    def _landed(self, batch: Batch, landing: Lasting) -> Landed:
        """What the tables have lost is read again, of meters that are put into them again."""
        landed = landing.land(batch)
        self.tally.rows += landed.rows
        self.tally.bugs += landed.bugs
        self._pasts |= {serial: Past() for serial in landed.forgotten & self._pasts.keys()}
        if landed.forgotten:
            self.renewal.doubt()
        return landed

    def _take_up(self, agenda: Agenda, landing: Lasting) -> None:
        """Who has come into others' places is read from now on, and those no more."""
        try:
            found = self.renewal.found()
        except Exception:  # our own mistake: those who are known are read on
            self.tally.bugs += 1
            log.exception("a mistake of meterfleet's own while it asked for the inventory")
            return
        if found is None:
            return
        batch = told(self._meters, found)
        new = [serial for serial in found if serial not in self._meters]
        self._meters = dict(found)
        for serial in new:
            self._pasts.setdefault(serial, Past())
        agenda.renew(self._meters, new)
        if batch.log or batch.status:
            self._landed(batch, landing)

    def _count(self, one: _Polled) -> None:
        past, is_good = self._pasts[one.serial], not one.problem
        past.failures = 0 if is_good else past.failures + 1
        self.tally.bugs += one.is_bug
        if one.was_tried:
            self.tally.polls += is_good
            self.tally.failed += not is_good
        if one.problem:
            self.tally.problems[one.serial] = one.problem

    def _gathered(self) -> _Done | None:
        try:
            done = self._done.get(timeout=_POLL_S)
        except queue.Empty:
            return None
        until_s = time.monotonic() + _BATCH_S
        while done.batch.count < _BATCH_ROWS and time.monotonic() < until_s:
            try:
                more = self._done.get_nowait()
            except queue.Empty:
                break
            done.batch.take(more.batch)
            done.polls += more.polls
        return done

    # -- workers --------------------------------------------------------------------------------------------------

    def _work(self) -> None:
        while (task := self._due.get()) is not None:
            meter, parts = task
            past, manners = self._pasts[meter.serial], self._manners
            poll = Poll(meter.serial, past, parts, manners.zone, drift_s=manners.drift_s, lists=self._lists)
            try:
                polled = self._polled(meter, poll, past)
            except Exception as error:  # our own mistake: it costs that meter only, and it is shown
                log.exception("a mistake of meterfleet's own while it read meter %s", meter.serial)
                problem = LogEntry(_OUR_MISTAKE, f"a mistake of meterfleet's own: {error!r}", meter.serial)
                poll.batch.log.append(problem)
                polled = self._gave_up(poll, meter.serial, problem)
            self._done.put(_Done(poll.batch, [polled]))

    def _polled(self, meter: KnownMeter, poll: Poll, past: Past) -> _Polled:
        """With its retries, each of which goes on where the last one came to; what is left out in the end is said."""
        failures = list[LogEntry]()
        timeout_s, max_pdu = self._manners.timeout_s, self._manners.max_pdu
        for attempt in range(1 + (self._manners.retries if past.failures < _HOPELESS else 0)):
            if self._stop.wait(_BACK_OFF_S[min(attempt, len(_BACK_OFF_S)) - 1] if attempt else 0.0):
                break
            try:
                with meter.reader(timeout_s=timeout_s, max_pdu=max_pdu, heard=poll.hear, calls=self._calls) as reader:
                    poll.run(reader, Circumstances(retries=attempt, registers=past.registers, usual=past.usual))
            except MeterfleetError as error:
                failures.append(LogEntry(kind_of(error), str(error), meter.serial))
                if isinstance(error, AnotherMeter):
                    break
            else:
                poll.batch.log += failures
                poll.batch.status[meter.serial] = "CONNECTED"
                return _Polled(poll, meter.serial)
        if not failures:
            poll.batch.status[meter.serial] = "DISCONNECTED"
            return _Polled(poll, meter.serial, was_tried=False)
        poll.batch.log += failures
        status = "TIMEOUT" if failures[-1].event_type == "TIMEOUT" else "ERROR"
        return self._gave_up(poll, meter.serial, failures[-1], status, retries=len(failures) - 1)

    def _gave_up(
        self, poll: Poll, serial: str, problem: LogEntry, status: str = "ERROR", *, retries: int = 0
    ) -> _Polled:
        """The reading that is missing is a row, too, unless it is another meter's."""
        how = Circumstances(communication=status, retries=retries)
        if problem.event_type != ANOTHER_METER:
            moment = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=poll.past.off_s)  # in the meter's own time
            poll.batch.add(READINGS, serial, [missed(moment.replace(microsecond=0), how)])
        poll.batch.take(poll.partial)
        poll.batch.status[serial] = "ERROR"
        return _Polled(poll, serial, problem.description, is_bug=problem.event_type == _OUR_MISTAKE)
