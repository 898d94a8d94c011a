# SPDX-License-Identifier: MIT
"""What a push carries: the values of a setup's objects, of many meters at one instant, flat in one structure.

What the meters measure and remember is taken at once; what the store has a hand in is fetched afterwards.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from simulator.cosem.model import Attribute, Measured, Profile, StatusWord
from simulator.cosem.profiles import CLOCK
from simulator.cosem.stamps import local_seconds
from simulator.meter.buffers import Choice, buffer_query, built_buffer, encode_buffer
from simulator.meter.columns import Ints
from simulator.meter.device import Device
from simulator.meter.push.acceptance import profile_of
from simulator.meter.push.setup import BUFFER, PushObject, PushSetup, attributes_of
from simulator.meter.readers import compile_all
from simulator.meter.shown import Shown
from simulator.meter.status import encoded_word
from simulator.ports import GetAnswer
from simulator.store.rows import MISSING
from simulator.values import attribute_key, format_obis, parse_obis
from simulator.wire.axdr import decode_whole, encode, sequence_of
from simulator.wire.codes import Tag

if TYPE_CHECKING:
    from simulator.meter.cohort import Cohort

_CLOCK = attribute_key(8, parse_obis(CLOCK), 2)
_NULL = b"\x00"
Cells = list[bytes]  # one meter's, or one object's of all meters
Later = Callable[[], Awaitable[Cells]]


@dataclass(frozen=True, slots=True)
class Collected:
    """By object the cells of all meters, or how to come by them."""

    rows: Ints
    columns: list[Cells | Later]

    async def bodies(self) -> list[Cells | None]:
        """By meter its cells, in the setup's order; None: a profile to push from has no row yet.

        Raises StoreUnavailable.
        """
        columns = [await column() if callable(column) else column for column in self.columns]
        meters = [list(cells) for cells in zip(*columns, strict=True)] if columns else [[] for _ in self.rows]
        return [cells if all(cells) else None for cells in meters]


def body_of(cells: Sequence[bytes]) -> bytes:
    return sequence_of(cells, Tag.STRUCTURE)


def collect(cohort: Cohort, setup: PushSetup, rows: Ints, instant_ms: int) -> Collected:
    """The objects of a setup that all these meters have."""
    pushes = cohort.model.spec.pushes
    code = pushes.profiles.get(format_obis(setup.logical_name)) if pushes else None
    latest = _Latest(cohort, cohort.model.profiles[code], rows) if code else None
    gathering = _Gathering(cohort, rows, instant_ms, latest)
    return Collected(rows, [gathering.column(one) for one in setup.objects])


class _Gathering:
    def __init__(self, cohort: Cohort, rows: Ints, instant_ms: int, latest: _Latest | None) -> None:
        self._cohort, self._rows, self._latest = cohort, rows, latest
        self._instant_ms = instant_ms
        self._shown: Shown = {}

    def column(self, wanted: PushObject) -> Cells | Later:
        column = self._whole(wanted)
        if not wanted.data_index or wanted.latest:
            return column
        if not callable(column):
            return [element(cell, wanted.data_index) for cell in column]

        async def later() -> Cells:
            return [element(cell, wanted.data_index) for cell in await column()]

        return later

    def _whole(self, wanted: PushObject) -> Cells | Later:
        attribute = attributes_of(self._cohort.model).get(wanted.key)
        if wanted.attribute_index == 0 or (wanted.class_id, wanted.attribute_index) == BUFFER:
            return lambda: self._from_devices(wanted)
        if attribute is None:
            return [_NULL] * len(self._rows)
        latest = self._latest
        if latest is not None and latest.holds(wanted.key):
            return lambda: latest.column(attribute)
        return self._live(attribute)

    def _live(self, attribute: Attribute) -> Cells:
        source = attribute.source
        if isinstance(source, Measured):
            return list(map(source.encoding.encoder(), self._measured(source.quantity.name).tolist()))
        if isinstance(source, StatusWord):
            words = self._cohort.columns.status_word[:, self._rows]
            return [encoded_word(word) for word in words.T]
        reader = compile_all(self._cohort.model)[attribute.key]
        if isinstance(reader, bytes):
            return [reader] * len(self._rows)
        read = (reader(Device(self._cohort, row), None) for row in self._rows.tolist())
        return [cell if isinstance(cell, bytes) else _NULL for cell in read]

    def _measured(self, name: str) -> Ints:
        """Clocks need no look at anything else; the rest is computed once for all objects."""
        if name == "clock":
            return self._cohort.clocks_s(self._rows, self._instant_ms)
        self._shown = self._shown or self._cohort.shown_at(self._rows, self._instant_ms)
        return self._shown[name]

    async def _from_devices(self, wanted: PushObject) -> Cells:
        return [await _read(Device(self._cohort, row), wanted) for row in self._rows.tolist()]


class _Latest:
    """The latest row of a profile, for those of its columns that a setup pushes."""

    def __init__(self, cohort: Cohort, profile: Profile, rows: Ints) -> None:
        self._cohort, self._profile, self._rows = cohort, profile, rows
        columns = zip(profile.columns, profile.cells, strict=True)
        self._places = {attribute_key(*column[:3]): place for place, (column, _) in enumerate(columns)}
        self._found: Ints | None = None

    def holds(self, key: bytes) -> bool:
        return key in self._places or key == _CLOCK

    async def column(self, attribute: Attribute) -> Cells:
        """Empty cells where a meter has no row."""
        assert isinstance(attribute.source, Measured)
        found = await self._rows_found()
        kept = [place for place, cell in enumerate(self._profile.cells) if cell is not None]
        place = self._places.get(attribute.key)
        values = found[:, 1 + kept.index(place) if place in kept else 0].tolist()
        encode_value = attribute.source.encoding.encoder()
        return [
            b"" if time == MISSING else _NULL if value == MISSING else encode_value(value)
            for time, value in zip(found[:, 0].tolist(), values, strict=True)
        ]

    async def _rows_found(self) -> Ints:
        if self._found is None:
            around, ids = self._cohort.around, [self._cohort.identities[row].id for row in self._rows.tolist()]
            query = buffer_query(around.codes, ids[0], self._profile, Choice())
            self._found = await around.store.latest_rows(query, ids)
        return self._found


def element(cell: bytes, data_index: int) -> bytes:
    """The part of an array or a structure, counted from 1; null-data if there is none (Blue Book 4.4.8.2)."""
    data = decode_whole(cell)
    is_complex = data.tag in (Tag.ARRAY, Tag.STRUCTURE)
    return encode(data.value[data_index - 1]) if is_complex and data_index <= len(data.value) else _NULL


async def _read(device: Device, wanted: PushObject) -> bytes:
    """An attribute of one meter, or all of an object's in a structure."""
    if wanted.attribute_index:
        return await _attribute(device, wanted.key, wanted)
    head = wanted.key[:8]
    keys = [key for key in attributes_of(device.cohort.model) if key[:8] == head]
    return sequence_of([await _attribute(device, key, wanted) for key in keys], Tag.STRUCTURE)


async def _attribute(device: Device, key: bytes, wanted: PushObject) -> bytes:
    reader = compile_all(device.cohort.model).get(key)
    if reader is None:
        return _NULL
    if isinstance(reader, bytes):
        return reader
    profile = profile_of(device.cohort, device.row, wanted)
    if profile is not None and profile.source == "table":
        query = buffer_query(device.cohort.around.codes, device.id, profile, choice := _choice(device, profile, wanted))
        if wanted.latest:
            query = replace(query, depth=min(query.depth, wanted.latest))
        return encode_buffer(profile, choice, await device.cohort.around.store.profile_rows(query))
    answer = reader(device, None) if profile is None or not wanted.is_restricted else _built(device, profile, wanted)
    found = await answer if isinstance(answer, Awaitable) else answer
    return found if isinstance(found, bytes) else _NULL


def _built(device: Device, profile: Profile, wanted: PushObject) -> GetAnswer | Awaitable[GetAnswer]:
    """Of a profile whose row is made when it is read."""
    pushes, choice = device.cohort.model.spec.pushes, _choice(device, profile, wanted)
    assert pushes is not None
    if profile.source == "live":
        return built_buffer(profile, device.cells(pushes.client, profile), choice, 0)
    return device.buffer(pushes.client, profile, choice)


def _choice(device: Device, profile: Profile, wanted: PushObject) -> Choice:
    """What the restriction of a push object leaves of a profile."""
    names = [column[:3] for column in wanted.columns]
    columns = tuple(place for name in names for place, one in enumerate(profile.columns) if one[:3] == name)
    first = last = None
    if wanted.restriction.dates is not None:
        offset = device.cohort.calendar.utc_offset_minutes
        first, last = (
            _moment(stamp, offset, latest)
            for stamp, latest in zip(wanted.restriction.dates, (False, True), strict=True)
        )
    return Choice(first, last, wanted.restriction.entries, columns or None)


def _moment(stamp: bytes, utc_offset_minutes: int, latest: bool) -> int | None:
    """None for an end that is open: a date-time that names no year."""
    try:
        return local_seconds(stamp, utc_offset_minutes, latest=latest)
    except ValueError:
        return None
