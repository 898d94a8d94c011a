# SPDX-License-Identifier: MIT
"""One meter while it changes: what a behaviour may look at, and the change that it answers with.

A behaviour decides and returns; `apply` makes it so: the store first, then columns and settings. Whoever uses this
holds the cohort's lock.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from simulator.cosem.model import Model, Setting
from simulator.meter.clocks import Clock, clock_of
from simulator.meter.columns import Ints
from simulator.meter.happening import Alongside, Happening, happen
from simulator.store.copy import Rows
from simulator.store.rows import Acknowledgement, AttributeValue, Edit, Forget
from simulator.values import MS_PER_MINUTE, MS_PER_SECOND, format_obis
from simulator.wire import axdr
from simulator.wire.axdr import Data
from simulator.wire.codes import ActionResult, DataAccessResult, Tag

if TYPE_CHECKING:
    from simulator.meter.cohort import Cohort

PRIVATE = 0  # index of what an object remembers for itself; no client can name it
_NOTHING: Mapping[str, Ints | int] = {}
_NO_ATTRIBUTES: Mapping[bytes, bytes] = {}


@dataclass(frozen=True, slots=True)
class Change:
    """All of it happens at once."""

    columns: Mapping[str, Ints | int] = field(default_factory=lambda: _NOTHING)  # of this meter, by name
    attributes: Mapping[bytes, bytes] = field(default_factory=lambda: _NO_ATTRIBUTES)  # encoded, by nine octets
    batches: tuple[Rows, ...] = ()
    forgets: tuple[Forget, ...] = ()
    events: tuple[int, ...] = ()  # codes that the meter notices
    acknowledged: tuple[Acknowledgement, ...] = ()
    edits: tuple[Edit, ...] = ()

    @property
    def is_empty(self) -> bool:
        return not (self.columns or self.attributes or self.batches or self.forgets or self.events)


Refusal = DataAccessResult | ActionResult
Answer = Change | Refusal | tuple[Change, ActionResult] | bytes  # bytes: what a method returns, encoded
Hook = Callable[["Meter", bytes, Data], Awaitable[Answer]]


def result_of(answer: Answer) -> int:
    """The code that the client is told."""
    if isinstance(answer, tuple):
        return int(answer[1])
    return 0 if isinstance(answer, Change | bytes) else int(answer)


class Timer(NamedTuple):
    """What a meter does by itself: when next (None: not in sight), and the doing of it."""

    due: Callable[[Meter], int | None]
    fire: Callable[[Meter], Awaitable[Change | None]]


@dataclass(frozen=True, slots=True)
class Meter:
    """Meter `row` of a cohort at an instant; `act` and `write` do at once what a script tells it."""

    cohort: Cohort
    row: int
    instant_ms: int
    act: Hook
    write: Hook
    local: bool = False  # the meter itself acts: a limiter, a schedule; not a client

    def encoded(self, key: bytes) -> bytes | None:
        """An attribute as written, or the model's default; None if the model has no such setting."""
        kept = self.cohort.overrides.get((self.row, key))
        return kept if kept is not None else settings(self.cohort.model).get(key)

    def value(self, key: bytes) -> Any:
        """The same in plain Python: numbers, octets, tuples of them."""
        encoded = self.encoded(key)
        return None if encoded is None else plain_value(axdr.decode_whole(encoded))

    def column(self, name: str) -> Ints:
        return getattr(self.cohort.columns, name)[..., self.row]  # type: ignore[no-any-return]

    def number(self, name: str) -> int:
        return int(self.column(name))

    @property
    def local_s(self) -> int:
        """What the meter's clock shows."""
        return (self.instant_ms + self._offset_ms + self.clock.offset_at(self.instant_ms)) // MS_PER_SECOND

    def instant_of(self, local_s: int) -> int:
        """When the meter's clock shows a moment."""
        return self.clock.instant_of(local_s * MS_PER_SECOND - self._offset_ms)

    @property
    def clock(self) -> Clock:
        return clock_of(self.cohort.columns, self.row)

    @property
    def _offset_ms(self) -> int:
        return self.cohort.calendar.utc_offset_minutes * MS_PER_MINUTE

    async def apply(self, change: Change) -> None:
        """Raises StoreUnavailable with nothing changed."""
        rows = np.array([self.row])
        also = Alongside(
            rows,
            {name: np.asarray(value)[..., None] for name, value in change.columns.items()},
            {(self.row, key): self._attribute(key, encoded) for key, encoded in change.attributes.items()},
            change.batches,
            change.forgets,
            acknowledged=change.acknowledged,
            edits=change.edits,
        )
        await happen(self.cohort, [Happening(rows, code) for code in change.events], self.instant_ms, also)
        if "billing_count" in change.columns:
            self.cohort.around.occur(self.cohort, rows, "billing", self.instant_ms)

    def _attribute(self, key: bytes, encoded: bytes) -> AttributeValue:
        return AttributeValue(
            meter_id=self.cohort.identities[self.row].id,
            class_id=int.from_bytes(key[:2], "big"),
            logical_name=format_obis(key[2:8]),
            attribute_index=key[8],
            encoded=encoded,
            value=plain(axdr.decode_whole(encoded)),
        )


def sibling(key: bytes, index: int) -> bytes:
    """Another attribute of the same object."""
    return key[:8] + bytes((index,))


@lru_cache(maxsize=64)
def settings(model: Model) -> dict[bytes, bytes]:
    """The default of each setting of a model."""
    return {
        attribute.key: attribute.source.default
        for entry in model.objects
        for attribute in entry.attributes
        if isinstance(attribute.source, Setting)
    }


@lru_cache(maxsize=256)
def objects_of(model: Model, class_id: int) -> tuple[bytes, ...]:
    """The eight octets of class id and logical name of a model's objects of a class."""
    chosen = (entry for entry in model.objects if entry.interface_class.class_id == class_id)
    return tuple(class_id.to_bytes(2, "big") + entry.logical_name for entry in chosen)


def plain_value(data: Data) -> Any:
    if data.tag in (Tag.ARRAY, Tag.STRUCTURE):
        return tuple(plain_value(item) for item in data.value)
    return data.value


def plain(data: Data) -> object:
    """Data as JSON would have it: octets in hexadecimal, texts as text, structures as lists.

    A client may write what jsonb cannot hold, U+0000 and numbers that are none; the encoded value keeps them.
    """
    if isinstance(data.value, tuple) and data.tag in (Tag.ARRAY, Tag.STRUCTURE):
        return [plain(item) for item in data.value]
    if data.tag == Tag.VISIBLE_STRING or data.tag == Tag.UTF8_STRING:
        return bytes(data.value).decode("utf-8", "replace").replace("\0", "\ufffd")
    if isinstance(data.value, tuple):
        return [part.hex() if isinstance(part, bytes) else part for part in data.value]
    if isinstance(data.value, float) and not math.isfinite(data.value):
        return str(data.value)
    return data.value.hex() if isinstance(data.value, bytes) else data.value
