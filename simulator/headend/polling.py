# SPDX-License-Identifier: GPL-2.0-only
"""One meter, read once: which parts are due, from when on, and what becomes of the answers.

It retries nothing and opens no database; whatever was read before a failure is in the batch.
"""

from __future__ import annotations

import datetime as dt
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Protocol

from simulator.headend.configured import read_configuration
from simulator.headend.failures import AnotherMeter, HeadEndError, ReadRefused
from simulator.headend.filing import file_bills, file_blocks, file_days, file_instantaneous, undated
from simulator.headend.judging import Circumstances
from simulator.headend.notifications import Notification
from simulator.headend.occurrences import LOGS, logged
from simulator.headend.options import NAMES
from simulator.headend.profiles import ProfileTable
from simulator.headend.reader import METER_CLOCK, MeterReader
from simulator.hes.landing import Batch, LogEntry
from simulator.hes.tables import BLOCK, DAILY, EVENTS, Table
from simulator.wire.codes import DataAccessResult

PARTS = ("instantaneous", "block", "daily", "billing", "events", "config")
_RESETS = "0.0.0.1.0.255"
_PERIOD = 4  # attribute of a profile: capture_period, seconds
_SECOND = dt.timedelta(seconds=1)
_NOT_NOW = (DataAccessResult.TEMPORARY_FAILURE, DataAccessResult.HARDWARE_FAULT, DataAccessResult.OTHER_REASON)
Gap = tuple[dt.datetime, dt.datetime]


@dataclass(slots=True)
class Past:
    """What is in the tables of a meter already. `asked`: gaps for which the meter has nothing to give."""

    block: dt.datetime | None = None
    day: dt.date | None = None
    event: dt.datetime | None = None
    gaps: Sequence[Gap] = ()
    registers: dict[str, float] = field(default_factory=dict)
    usual: dict[str, deque[float]] = field(default_factory=dict)  # the newest intervals by reading type
    asked: set[Gap] = field(default_factory=set)
    drift_s: float = 0.0  # of the meter's clock, as it was said last

    def learn(self, batch: Batch, serial: str) -> None:
        """From what has landed."""
        self.block = _newest(batch, BLOCK, serial, self.block)
        self.day = _newest(batch, DAILY, serial, self.day)
        self.event = _newest(batch, EVENTS, serial, self.event)


class File(Protocol):
    """What makes rows of a profile: a function of `filing`."""

    def __call__(
        self, batch: Batch, serial: str, table: ProfileTable, how: Circumstances, zone: dt.tzinfo, /
    ) -> None: ...


class Poll:
    """`parts` of one meter over one association, into `batch`."""

    def __init__(self, serial: str, past: Past, how: Circumstances, zone: dt.tzinfo, *, drift_s: float) -> None:
        self.batch = Batch()
        self._serial, self._past, self._how, self._zone, self._drift_s = serial, past, how, zone, drift_s

    def run(self, reader: MeterReader, parts: Sequence[str]) -> None:
        self._check_identity(reader)
        self._check_clock(reader)
        if {"instantaneous", "config"}.intersection(parts):
            reader.association_view()
        for part in parts:
            getattr(self, f"_{part}")(reader)

    def _check_identity(self, reader: MeterReader) -> None:
        """What another meter says must not be filed as this one's. Some tell nobody who they are."""
        try:
            said = reader.read(NAMES["serial"]).text
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
        shown = reader.read(METER_CLOCK).value
        if not isinstance(shown, dt.datetime):
            return
        moment = shown if shown.tzinfo else shown.replace(tzinfo=self._zone)
        drift_s = (moment - dt.datetime.now(dt.UTC)).total_seconds()
        if abs(drift_s - self._past.drift_s) > self._drift_s:
            self._past.drift_s = drift_s
            self._say("CLOCK_DRIFT", f"the meter's clock shows {moment.isoformat()}, {drift_s:+.0f} s off")

    def _instantaneous(self, reader: MeterReader) -> None:
        table = self._checked(reader.profile(NAMES["instantaneous"]))
        file_instantaneous(self.batch, self._serial, table, self._how, self._zone)

    def _block(self, reader: MeterReader) -> None:
        obis, last = NAMES["block"], self._past.block
        period_s = int(reader.read(obis, _PERIOD).value)
        for gap in [gap for gap in self._past.gaps if gap not in self._past.asked]:
            late = partial(file_blocks, period_s=period_s, is_late=True)
            self._rows(reader, obis, late, start=self._shown(gap[0]), end=self._shown(gap[1]))
            self._past.asked.add(gap)
        start = None if last is None else self._shown(last + _SECOND)
        self._rows(reader, obis, partial(file_blocks, period_s=period_s), start=start)

    def _daily(self, reader: MeterReader) -> None:
        start = None if self._past.day is None else dt.datetime.combine(self._past.day, dt.time(0, 0, 1))
        self._rows(reader, NAMES["daily"], file_days, start=start)

    def _rows(
        self, reader: MeterReader, obis: str, file: File, *, start: dt.datetime | None, end: dt.datetime | None = None
    ) -> None:
        """Of a long answer that broke off, those that came before are filed, too, and marked."""
        try:
            table = self._checked(reader.profile(obis, start=start, end=end))
        except HeadEndError:
            if reader.unfinished is not None:
                how = replace(self._how, communication="PARTIAL")
                file(self.batch, self._serial, reader.unfinished, how, self._zone)
            raise
        file(self.batch, self._serial, table, self._how, self._zone)

    def _billing(self, reader: MeterReader) -> None:
        """All of it: the number of an entry is known from the end. A reset in between is seen by the count."""
        for _ in range(2):
            resets = int(reader.read(_RESETS).value)
            table = reader.profile(NAMES["billing"])
            if int(reader.read(_RESETS).value) == resets:
                break
        file_bills(self.batch, self._serial, self._checked(table), self._how, self._zone, resets=resets)

    def _events(self, reader: MeterReader) -> None:
        """From the newest that is known, which is read again: another may bear the same second. All logs or none: what
        is known of one would hide what another has before it.
        """
        start = None if self._past.event is None else self._shown(self._past.event)
        tables = [self._checked(reader.profile(log, start=start)) for log in LOGS]
        for table in tables:
            self.batch.add(EVENTS, self._serial, logged(table, self._zone))

    def _config(self, reader: MeterReader) -> None:
        self.batch.setups[self._serial] = read_configuration(reader)

    def _checked(self, table: ProfileTable) -> ProfileTable:
        if count := undated(table):
            self._say("UNDECODABLE", f"{count} rows of profile {table.obis} have no date-time in front")
        return table

    def _shown(self, moment: dt.datetime) -> dt.datetime:
        """As the meter's clock shows it, which is how it is asked."""
        return moment.astimezone(self._zone).replace(tzinfo=None)

    def _say(self, event_type: str, words: str) -> None:
        self.batch.log.append(LogEntry(event_type, words, self._serial))


def _newest(batch: Batch, table: Table, serial: str, known: Any) -> Any:
    """The latest time, which is the first column after the meter."""
    times = [row[0] for row in batch.rows[table][serial]] if table in batch.rows else []
    return max([*times, *([known] if known is not None else [])], default=None)
