# SPDX-License-Identifier: MIT
"""The buffer of a Profile generic: which rows and columns a client selected, fetched and encoded (Blue Book 4.3.6).

Rows of tables come from the store as whole numbers and are encoded in one pass; the rows that a meter builds when it
is read (nameplate, instantaneous) are put together from its attributes.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

import numpy as np
import numpy.typing as npt

from simulator.cosem.model import Profile, StoreCell
from simulator.cosem.profiles import CLOCK
from simulator.cosem.stamps import local_seconds
from simulator.store.rows import Cell, ProfileQuery
from simulator.values import format_obis, parse_obis
from simulator.wire.axdr import sequence_of
from simulator.wire.codes import DataAccessResult, Tag
from simulator.wire.selection import EntryDescriptor, OtherSelector, RangeDescriptor, Selection

_CLOCK = parse_obis(CLOCK)
_EVENTS = "event_logs"
Integers = npt.NDArray[np.int64]


class Choice(NamedTuple):
    """What a client selected: an interval of time or of entries (both inclusive), and columns by their index."""

    first_s: int | None = None  # meter-local seconds
    last_s: int | None = None
    entries: tuple[int, int] | None = None
    columns: tuple[int, ...] | None = None


def choose(profile: Profile, selection: Selection | None, utc_offset_minutes: int) -> Choice | DataAccessResult:
    """What a selective access means for a profile, or why it cannot be followed."""
    if selection is None:
        return Choice()
    if isinstance(selection, RangeDescriptor):
        return _range(profile, selection, utc_offset_minutes)
    if isinstance(selection, EntryDescriptor):
        return _entries(profile, selection)
    assert isinstance(selection, OtherSelector)
    return DataAccessResult.TYPE_UNMATCHED


def _range(profile: Profile, selection: RangeDescriptor, utc_offset_minutes: int) -> Choice | DataAccessResult:
    restricting = selection.restricting
    is_time = restricting.logical_name == _CLOCK or (
        bool(profile.columns) and restricting.logical_name == profile.columns[0].logical_name
    )
    if not is_time or restricting.attribute_index != 2:
        return DataAccessResult.OTHER_REASON
    try:
        start = local_seconds(selection.start.value, utc_offset_minutes, latest=False)
        end = local_seconds(selection.end.value, utc_offset_minutes, latest=True)
    except (ValueError, TypeError):
        return DataAccessResult.TYPE_UNMATCHED
    columns: list[int] = []
    for wanted in selection.columns:
        found = [i for i, column in enumerate(profile.columns) if column[:3] == wanted[:3]]
        if not found:
            return DataAccessResult.OTHER_REASON
        columns += found
    return Choice(first_s=start, last_s=end, columns=tuple(columns) or None)


def _entries(profile: Profile, selection: EntryDescriptor) -> Choice | DataAccessResult:
    first, last = max(selection.first_column, 1), selection.last_column or len(profile.columns)
    columns = tuple(range(first - 1, min(last, len(profile.columns))))
    if not columns:
        return DataAccessResult.OTHER_REASON
    whole = columns == tuple(range(len(profile.columns)))
    entries = (max(selection.first_entry, 1), selection.last_entry)
    return Choice(entries=entries, columns=None if whole else columns)


def buffer_query(codes: Mapping[str, int], meter: UUID, profile: Profile, choice: Choice) -> ProfileQuery:
    """What to ask the store for a profile's rows; the time comes first in its answer, then the chosen cells."""
    return ProfileQuery(
        meter_id=meter,
        table=profile.table,
        time_column=profile.time_column,
        columns=tuple(_cell(profile, cell) for cell in _chosen(profile, choice) if cell is not None),
        depth=profile.depth,
        obis_code_id=codes[format_obis(profile.logical_name)] if profile.table == _EVENTS else None,
        first_s=choice.first_s,
        last_s=choice.last_s,
        entries=choice.entries,
    )


def encode_buffer(profile: Profile, choice: Choice, rows: Integers) -> bytes:
    """The store's answer to `buffer_query` as the buffer that the client selected."""
    assert profile.layout is not None
    places = itertools.count(1)
    order = [0 if cell is None else next(places) for cell in _chosen(profile, choice)]
    layout = profile.layout if choice.columns is None else profile.layout.only(choice.columns)
    return layout.encode(rows[:, order])


def _chosen(profile: Profile, choice: Choice) -> list[StoreCell | None]:
    columns = range(len(profile.columns)) if choice.columns is None else choice.columns
    return [profile.cells[column] for column in columns]


def built_buffer(profile: Profile, cells: Sequence[bytes], choice: Choice, local_s: int) -> bytes:
    """The buffer of a profile whose single row is built when it is read."""
    if choice.entries is not None and choice.entries[0] > 1:
        return b"\x01\x00"
    if choice.first_s is not None and choice.last_s is not None and not choice.first_s <= local_s <= choice.last_s:
        return b"\x01\x00"
    columns = choice.columns if choice.columns is not None else range(len(profile.columns))
    return sequence_of([sequence_of([cells[column] for column in columns], Tag.STRUCTURE)], Tag.ARRAY)


def _cell(profile: Profile, stored: StoreCell) -> Cell:
    if stored.column:
        return Cell(stored.column, stored.power)
    column = "additional_data" if profile.table == _EVENTS else "captured"
    return Cell(column, stored.power, stored.key, is_time=stored.is_time)
