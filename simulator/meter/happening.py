# SPDX-License-Identifier: MIT
"""Events happen to meters: log entries, counters, status bits, alarms, and whatever else changes with them.

`happen` is the only way in. All meters and all codes are one transaction, and a handful of COPYs; the columns follow
when the store has it. It decides nothing: who calls it knows what has happened, and holds the cohort's lock.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from simulator.cosem.catalogue import Event, clears, raises
from simulator.meter.columns import Columns, Ints
from simulator.meter.events import NON_ROLLOVER, POWER_FAILED, is_programming, log_code
from simulator.meter.snapshot import Snapshots
from simulator.meter.status import alarm_rows, filters, place_of, status_rows
from simulator.store.copy import Column, Int4, Int8, Jsonb, Rows, Text, Timestamp, Uuid, encode_rows
from simulator.store.rows import (
    Acknowledgement,
    AttributeValue,
    CounterRow,
    Edit,
    Forget,
    Numbered,
    RowsChange,
    SecurityKey,
)

if TYPE_CHECKING:
    from simulator.meter.cohort import Cohort

Mask = npt.NDArray[np.bool_]
COUNTED = ("last_event", "event_count", "tamper_count", "programming_count", "power_failure_count", "status_word")
_NO_ROWS = np.zeros(0, np.int64)
_NO_COLUMNS: Mapping[str, Ints | int] = {}
_NO_ATTRIBUTES: Mapping[tuple[int, bytes], AttributeValue] = {}


class Happening(NamedTuple):
    """These meters, rows of a cohort, notice this event now."""

    rows: Ints
    code: int


@dataclass(frozen=True, slots=True)
class Alongside:
    """What else changes in the same transaction."""

    rows: Ints = field(default_factory=lambda: _NO_ROWS)
    columns: Mapping[str, Ints | int] = field(default_factory=lambda: _NO_COLUMNS)  # [..., rows], by name
    attributes: Mapping[tuple[int, bytes], AttributeValue] = field(default_factory=lambda: _NO_ATTRIBUTES)  # (row, key)
    batches: tuple[Rows | Numbered, ...] = ()
    forgets: tuple[Forget, ...] = ()
    keys: tuple[SecurityKey, ...] = ()
    counters: tuple[CounterRow, ...] = ()
    acknowledged: tuple[Acknowledgement, ...] = ()
    edits: tuple[Edit, ...] = ()


NOTHING = Alongside()
Causes = Mapping[int, Callable[["Cohort", Columns, Ints, int], Alongside]]
"""What else happens to meters, rows of a cohort with these columns, that notice a code at an instant."""


async def happen(cohort: Cohort, happenings: Sequence[Happening], instant_ms: int, also: Alongside = NOTHING) -> None:
    """Events, in their order, and `also`. A code that the model does not know is not noticed.

    Raises StoreUnavailable with nothing changed.
    """
    noticed = [one for one in happenings if one.code in cohort.model.events and len(one.rows)]
    rows = np.unique(np.concatenate([also.rows, *(one.rows for one in noticed)])).astype(np.int64)
    if not len(rows):
        return
    lived_ms = np.maximum(cohort.columns.lived_ms[rows], instant_ms)
    columns = cohort.columns.with_rows(rows, lived_ms=lived_ms).with_rows(also.rows, **also.columns)
    told = _tell(cohort, columns, rows, noticed, instant_ms)
    kept = RowsChange(
        cohort.name,
        rows.tolist(),
        told.columns.pack_rows(rows),
        attributes=tuple(also.attributes.values()),
        forgets=also.forgets,
        batches=(*also.batches, *told.batches),
        keys=also.keys,
        counters=also.counters,
        acknowledged=also.acknowledged,
        edits=also.edits,
    )
    await cohort.change(told.columns, kept)
    cohort.overrides.update({place: value.encoded for place, value in also.attributes.items()})
    hear(cohort, told)


async def happen_in_turn(cohort: Cohort, rows: Ints, codes: Sequence[int], instant_ms: int, causes: Causes) -> None:
    """One event after the other, each with its own status row and alarm, in one transaction.

    Raises StoreUnavailable with nothing changed.
    """
    columns, told, batches = cohort.columns, list[Told](), list[Rows | Numbered]()
    if len(rows):
        lived_ms = np.maximum(columns.lived_ms[rows], instant_ms)
        columns = columns.with_rows(rows, lived_ms=lived_ms)
    for code in [code for code in codes if code in cohort.model.events and len(rows)]:
        also = causes[code](cohort, columns, rows, instant_ms) if code in causes else NOTHING
        columns = columns.with_rows(also.rows, **also.columns)
        told.append(tell(cohort, columns, [Happening(rows, code)], instant_ms))
        columns = told[-1].columns
        batches += [*also.batches, *told[-1].batches]
    if not told:
        return
    await cohort.change(columns, RowsChange(cohort.name, rows.tolist(), columns.pack_rows(rows), batches=batches))
    for one in told:
        hear(cohort, one)


class Told(NamedTuple):
    """What events at one instant come to, before the store has them."""

    instant_ms: int
    columns: Columns
    rows: Ints
    batches: tuple[Rows | Numbered, ...]
    alerted: Ints
    tampered: Ints


def hear(cohort: Cohort, told: Told) -> None:
    """The store has them: those who push hear of it, and see the status words that they left."""
    if len(told.alerted):
        with cohort.as_it_was(told.columns):
            cohort.around.alert(cohort, told.alerted, told.instant_ms)
    if len(told.tampered):
        cohort.around.occur(cohort, told.tampered, "tamper", told.instant_ms)


def tell(cohort: Cohort, columns: Columns, happenings: Sequence[Happening], instant_ms: int) -> Told:
    """Events, known to the model, that belong into somebody else's transaction. `columns` are those of the cohort, with
    what came before; the cohort itself must not be captured beyond the instant."""
    rows = np.unique(np.concatenate([one.rows for one in happenings])).astype(np.int64)
    return _tell(cohort, columns, rows, happenings, instant_ms)


def _tell(cohort: Cohort, columns: Columns, rows: Ints, noticed: Sequence[Happening], instant_ms: int) -> Told:
    meters = _Noticing(cohort, rows, columns, instant_ms)
    for one in noticed:
        meters.notice(cohort.model.events[one.code], np.searchsorted(rows, np.unique(one.rows)))
    alarms, alerted = meters.alarms()
    after = columns.with_rows(rows, **meters.state)
    return Told(instant_ms, after, rows, (*meters.entries, *alarms), alerted, rows[meters.is_tampered])


class _Noticing:
    """What becomes of the counters and status words of some meters; a place is an index among them."""

    def __init__(self, cohort: Cohort, rows: Ints, columns: Columns, instant_ms: int) -> None:
        self._cohort, self._rows, self._catalogue = cohort, rows, cohort.model.events
        self.state = {name: getattr(columns, name)[..., rows] for name in COUNTED}
        self._word_before = self.state["status_word"].copy()
        self.is_tampered = np.zeros(len(rows), np.bool_)
        self._raised: dict[int, Mask] = {}  # by bit: whose it is that was raised, if only once more
        self._local_s = cohort.clocks_s(rows, instant_ms)
        self._snapshots = Snapshots(cohort, rows, instant_ms)
        self.entries: list[Rows] = []

    def notice(self, event: Event, places: Ints) -> None:
        self._move_bits(event, places)
        self.state["tamper_count"][places] += event.tamper
        self.is_tampered[places] |= event.tamper
        self.state["programming_count"][places] += is_programming(event.code)
        self.state["power_failure_count"][places] += event.code == POWER_FAILED
        places = self._with_room(event.log, places)
        self.state["last_event"][event.log, places] = event.code
        self.state["event_count"][event.log, places] += 1
        if len(places):
            self.entries.append(self._entries(event, places))

    def _with_room(self, log: int, places: Ints) -> Ints:
        """Logs roll over; the one whose name says so stops when it is full (IS 15959 part 2)."""
        if log != NON_ROLLOVER:
            return places
        depth = self._cohort.model.profiles[log_code(log)].depth
        has_room: Mask = self.state["event_count"][log] < depth
        return places[has_room[places]]

    def _move_bits(self, event: Event, places: Ints) -> None:
        word, known = self.state["status_word"], self._catalogue
        cleared, raised = clears(known, event), raises(known, event)
        if cleared >= 0:
            index, mask = place_of(cleared)
            word[index, places] &= ~mask
        if raised >= 0:
            index, mask = place_of(raised)
            anew = (word[index, places] & mask == 0) | (event.kind == "single")
            word[index, places] |= mask
            self._raised.setdefault(raised, np.zeros(len(self._rows), np.bool_))[places] |= anew

    def _entries(self, event: Event, places: Ints) -> Rows:
        columns: dict[str, Column] = {
            "meter_id": Uuid(self._cohort.ids[self._rows[places]]),
            "obis_code_id": Int4(self._cohort.around.codes[log_code(event.log)]),
            "event_timestamp": Timestamp(self._local_s[places]),
            "event_code": Int4(event.code),
            "event_type": Text(event.event_type),
            "description": Text(event.words),
            "sequence_number": Int8(self.state["event_count"][event.log, places]),
        }
        if event.snapshot:
            profile = self._cohort.model.profiles[log_code(event.log)]
            columns["additional_data"] = Jsonb(self._snapshots.of(profile, places, self.state))
        return encode_rows("event_logs", columns)

    def alarms(self) -> tuple[list[Numbered], Ints]:
        """New status words with their alarms, and the rows whose word changed in what the filter passes.

        An alarm is a bit that was raised and still is.
        """
        word, moved = self.state["status_word"], self.state["status_word"] ^ self._word_before
        passed = filters(self._cohort, self._rows)
        changed, alerted = moved.any(axis=0), (moved & passed).any(axis=0)
        pending: dict[int, Mask] = {}
        for bit, anew in self._raised.items():
            index, mask = place_of(bit)
            still = anew & (word[index] & mask != 0)
            chosen = still & (passed[index] & mask != 0)
            changed, alerted = changed | still, alerted | chosen
            if chosen.any():
                pending[bit] = chosen
        return self._numbered(np.flatnonzero(changed), pending), self._rows[alerted]

    def _numbered(self, places: Ints, pending: Mapping[int, Mask]) -> list[Numbered]:
        if not len(places):
            return []

        def rows(ids: Ints) -> list[Rows]:
            of_place = np.zeros(len(self._rows), np.int64)
            of_place[places] = ids
            meters, local_s = self._cohort.ids[self._rows[places]], self._local_s[places]
            codes, word = self._cohort.around.codes, self.state["status_word"][:, places]
            alarms = [alarm_rows(of_place[chosen], bit, self._local_s[chosen]) for bit, chosen in pending.items()]
            return [status_rows(meters, codes, word, local_s, ids), *alarms]

        return [Numbered("eswf_status", len(places), rows)]
