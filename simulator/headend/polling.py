# SPDX-License-Identifier: GPL-2.0-only
"""One meter, read once: which parts are due, from when on, and what becomes of the answers.

It retries nothing and opens no database; whatever was read before a failure is in the batch.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from operator import itemgetter
from typing import Any, Protocol

from simulator.headend.configured import read_configuration
from simulator.headend.failures import AnotherMeter, BrokenAnswer, HeadEndError, ReadRefused
from simulator.headend.filing import entries, file_bills, file_blocks, file_days, file_instantaneous, undated
from simulator.headend.judging import Circumstances
from simulator.headend.notifications import Notification
from simulator.headend.objects import CLOCK, DATA, PROFILE, ObjectEntry
from simulator.headend.occurrences import LOGS, logged
from simulator.headend.options import NAMES
from simulator.headend.profiles import ProfileTable
from simulator.headend.pushlists import PROFILES, PushLists
from simulator.headend.reader import METER_CLOCK, MeterReader
from simulator.hes.landing import Batch, LogEntry
from simulator.hes.tables import DAILY, EVENTS, Table
from simulator.wire.codes import DataAccessResult

PARTS = ("instantaneous", "block", "daily", "billing", "events", "config")
_PERIOD = 4  # attribute of a profile: capture_period, seconds
_DAY = dt.timedelta(days=1)
_FIRST_YEAR = 1970  # a clock that shows an earlier one tells nothing about what was read
_SET_BACK_S = 2.0  # a clock that falls behind by more than this has been set
_NOT_NOW = (DataAccessResult.TEMPORARY_FAILURE, DataAccessResult.HARDWARE_FAULT, DataAccessResult.OTHER_REASON)
Gap = tuple[dt.datetime, dt.datetime]


def _object(class_id: int, obis: str) -> ObjectEntry:
    """One that every meter has, so that it need not be looked up in the object list, the longest answer of all."""
    return ObjectEntry(class_id, 0, obis, {}, {})


_CLOCK, _RESETS = _object(CLOCK, METER_CLOCK), _object(DATA, "0.0.0.1.0.255")
_BLOCKS, _SERIAL = _object(PROFILE, NAMES["block"]), _object(DATA, NAMES["serial"])


@dataclass(frozen=True, slots=True)
class Known:
    """Up to where a meter was read, by its profiles; `gaps`: blocks before that which are missing and not asked for;
    `row`: the newest block, if it was read since the head-end was started; `scalers` of what was read, by profile and
    object."""

    block: dt.datetime | None = None
    row: Sequence[Any] | None = None
    day: dt.date | None = None
    event: dt.datetime | None = None
    gaps: tuple[Gap, ...] = ()
    scalers: Mapping[tuple[str, str], int] = field(default_factory=dict)

    def until(self, moment: dt.datetime) -> Known:
        """What is later than this, or up to a day before, is read again."""
        return replace(
            self,
            block=None if self.block is None else min(self.block, moment) - _DAY,
            row=None,
            day=None if self.day is None else min(self.day, moment.date()) - _DAY,
            event=None if self.event is None else min(self.event, moment) - _DAY,
        )


@dataclass(slots=True)
class Past:
    """What is in the tables of a meter already, and what its clock was like."""

    known: Known = field(default_factory=Known)
    registers: dict[str, float] = field(default_factory=dict)
    usual: dict[str, deque[float]] = field(default_factory=dict)  # the newest intervals by reading type
    drift_s: float = 0.0  # of the meter's clock, as it was said last
    shown: dt.datetime | None = None  # by the meter's clock at the last poll, and how far off that was
    off_s: float = 0.0
    failures: int = 0  # polls in a row
    block_s: int | None = None  # the block period

    def check_clock(self, moment: dt.datetime, off_s: float) -> bool:
        """Whether the meter may have entries by now that are older than what was read: its clock was set back, or
        nobody looked at it since the head-end was started."""
        before, self.shown, self.off_s, behind_s = self.shown, moment, off_s, self.off_s - off_s
        if before is None:
            self.known = self.known.until(moment)
        elif behind_s > _SET_BACK_S or moment < before:
            self.known = self.known.until(min(before - dt.timedelta(seconds=behind_s), moment))
        else:
            return False
        return True


class File(Protocol):
    """What makes rows of a profile: a function of `filing`."""

    def __call__(
        self, batch: Batch, serial: str, table: ProfileTable, how: Circumstances, zone: dt.tzinfo, /
    ) -> None: ...


class Poll:
    """Parts of one meter, over as many associations as it takes, into `batch`; `known`: when that has landed,
    to be kept in `past`. `partial`: of the answer that broke off last, if nobody asks again. What tells how pushes are
    to be read goes to `lists`, if there is somebody who hears them."""

    def __init__(
        self, serial: str, past: Past, parts: Sequence[str], zone: dt.tzinfo, *, drift_s: float,
        lists: PushLists | None = None,
    ) -> None:  # fmt: skip
        self.batch, self.partial, self.known = Batch(), Batch(), past.known
        self.past, self._serial, self._left = past, serial, list(parts)
        self._zone, self._drift_s, self._lists = zone, drift_s, lists
        self._clock = zone  # the meter's own, if it says its deviation
        self._how = Circumstances()

    def run(self, reader: MeterReader, how: Circumstances) -> None:
        """What is left of it; each part is in the batch as a whole or not at all."""
        self._how = how
        self._check_identity(reader)
        self._check_clock(reader)
        while self._left:
            getattr(self, f"_{self._left[0]}")(reader)
            del self._left[0]
            self.partial = Batch()
        if self._lists is not None:
            with contextlib.suppress(ReadRefused):  # not now: the next poll asks again
                self._ask_scales(reader, self._lists, self._lists.unscaled(self._serial))

    def _check_identity(self, reader: MeterReader) -> None:
        """What another meter says must not be filed as this one's. Some tell nobody who they are."""
        try:
            said = reader.read(_SERIAL).text
        except ReadRefused as error:
            if error.result in _NOT_NOW:
                raise
            return
        if said.lstrip("0") != self._serial.lstrip("0"):
            raise AnotherMeter(f"there is meter {said} in its place")

    def hear(self, note: Notification) -> None:
        """What the meter reports on the open association. Its events are read from the logs, where none is missing."""
        raised = ", ".join(bit.name for bit in note.alerts)
        self._say("EVENT_NOTIFICATION", note.problem or f"said unasked, {note.sent}: status bits {raised or 'none'}")

    def _check_clock(self, reader: MeterReader) -> None:
        """Said when it is off by more than the limit, and again when it has moved by more than that."""
        shown = reader.read(_CLOCK).value
        if not isinstance(shown, dt.datetime):
            return
        self._clock = shown.tzinfo or self._zone
        moment = shown if shown.tzinfo else shown.replace(tzinfo=self._zone)
        off_s = (moment - dt.datetime.now(dt.UTC)).total_seconds()
        if shown.year >= _FIRST_YEAR and self.past.check_clock(moment, off_s):
            self.known = self.past.known
        if abs(off_s - self.past.drift_s) > self._drift_s:
            self.past.drift_s = off_s
            self._say("CLOCK_DRIFT", f"the meter's clock shows {moment.isoformat()}, {off_s:+.0f} s off")

    def _instantaneous(self, reader: MeterReader) -> None:
        table = self._checked(reader.profile(NAMES["instantaneous"]))
        file_instantaneous(self.batch, self._serial, table, self._how, self._zone)

    def _block(self, reader: MeterReader) -> None:
        """From the newest that is known, which is read again: if the meter has it no more, or another one of that time,
        its clock was set back, and what is older may have changed, too."""
        period_s = self.past.block_s = _number(reader.read(_BLOCKS, _PERIOD).value)
        blocks, late = partial(file_blocks, period_s=period_s), partial(file_blocks, period_s=period_s, is_late=True)
        while self.known.gaps:
            (first, last), *others = self.known.gaps
            self._file(late, self._answer(reader, NAMES["block"], late, self._shown(first), self._shown(last)))
            self.known = replace(self.known, gaps=tuple(others))
        answer = self._answer(reader, NAMES["block"], blocks, self._start(self.known.block))
        if self._is_rescaled("block", answer):
            self.known = replace(self.known, block=None, row=None)
            answer = self._answer(reader, NAMES["block"], blocks, None)
        if self.known.row is not None and answer.rows[:1] == [self.known.row]:
            answer = replace(answer, rows=answer.rows[1:], clock_status=answer.clock_status[1:])
        elif self.known.row is not None and self.known.block is not None:
            self.known = self.known.until(self.known.block)
            answer = self._answer(reader, NAMES["block"], blocks, self._start(self.known.block))
        self._file(blocks, answer)
        if newest := max(entries(answer, self._zone), key=itemgetter(0), default=None):
            self.known = replace(self.known, block=newest.moment, row=newest.cells)

    def _daily(self, reader: MeterReader) -> None:
        answer = self._days(reader)
        if self._is_rescaled("daily", answer):
            self.known = replace(self.known, day=None)
            answer = self._days(reader)
        self._file(file_days, answer)
        self.known = replace(self.known, day=_newest(self.batch, DAILY, self._serial, self.known.day))

    def _days(self, reader: MeterReader) -> ProfileTable:
        day = self.known.day
        start = None if day is None else dt.datetime.combine(day, dt.time(0, 0, 1))
        return self._answer(reader, NAMES["daily"], file_days, start)

    def _is_rescaled(self, part: str, table: ProfileTable) -> bool:
        """Whether the meter gives other scalers than before: then either may be wrong, and all is to be read again."""
        before = self.known.scalers
        now = {(part, column.obis): column.scaler for column in table.columns if column.register}
        changed = [obis for (_, obis), scaler in now.items() if before.get((part, obis), scaler) != scaler]
        self.known = replace(self.known, scalers={**before, **now})
        if changed:
            words = f"another scaler of {', '.join(changed)}; all of profile {table.obis} is read again"
            self._say("SCALER_CHANGED", words)
        return bool(changed)

    def _answer(
        self, reader: MeterReader, obis: str, file: File, start: dt.datetime | None, end: dt.datetime | None = None
    ) -> ProfileTable:
        """Of a long answer that broke off, the rows that came before are put aside, marked."""
        try:
            return self._checked(reader.profile(obis, start=start, end=end))
        except HeadEndError:
            if reader.unfinished is not None:
                self.partial = Batch()
                how = replace(self._how, communication="PARTIAL")
                file(self.partial, self._serial, reader.unfinished, how, self._zone)
            raise

    def _file(self, file: File, answer: ProfileTable) -> None:
        file(self.batch, self._serial, answer, self._how, self._zone)

    def _start(self, moment: dt.datetime | None) -> dt.datetime | None:
        return None if moment is None else self._shown(moment)

    def _billing(self, reader: MeterReader) -> None:
        """All of it: the number of an entry is known from the end. A reset in between is seen by the count."""
        resets = _number(reader.read(_RESETS).value)
        table = self._checked(reader.profile(NAMES["billing"]))
        if _number(reader.read(_RESETS).value) != resets:
            raise BrokenAnswer("a billing period was closed while they were read; they are read again")
        file_bills(self.batch, self._serial, table, self._how, self._zone, resets=resets)

    def _events(self, reader: MeterReader) -> None:
        """From the newest that is known, which is read again: another may bear the same second. All logs or none: what
        is known of one would hide what another has before it.
        """
        start = self._start(self.known.event)
        answers = [self._checked(reader.profile(log, start=start)) for log in LOGS]
        for answer in answers:
            self.batch.add(EVENTS, self._serial, logged(answer, self._zone))
        self.known = replace(self.known, event=_newest(self.batch, EVENTS, self._serial, self.known.event))

    def _config(self, reader: MeterReader) -> None:
        self.batch.setups[self._serial] = found = read_configuration(reader)
        if self._lists is not None:
            self._lists.configured(self._serial, found["setups"])
            self._ask_scales(reader, self._lists, PROFILES)

    def _ask_scales(self, reader: MeterReader, lists: PushLists, setups: Iterable[str]) -> None:
        for setup in setups:
            if columns := lists.columns(self._serial, setup):
                lists.told(self._serial, reader.scales(PROFILES[setup], columns))

    def _checked(self, table: ProfileTable) -> ProfileTable:
        if self._lists is not None:
            self._lists.scaled(self._serial, table.columns)
        if count := undated(table):
            self._say("UNDECODABLE", f"{count} rows of profile {table.obis} have no date-time in front")
        return table

    def _shown(self, moment: dt.datetime) -> dt.datetime:
        """As the meter's clock shows it, which is how it is asked."""
        return moment.astimezone(self._clock).replace(tzinfo=None)

    def _say(self, event_type: str, words: str) -> None:
        self.batch.log.append(LogEntry(event_type, words, self._serial))


def _newest(batch: Batch, table: Table, serial: str, known: Any) -> Any:
    """The latest time, which is the first column after the meter."""
    times = [row[0] for row in batch.rows[table][serial]] if table in batch.rows else []
    return max([*times, *([known] if known is not None else [])], default=None)


def _number(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise BrokenAnswer(f"a whole number was expected, not {value!r}")
    return value
