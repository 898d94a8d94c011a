# SPDX-License-Identifier: MIT
"""What goes into the store and comes out of it, other than batches of COPY rows. Data only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from simulator.store.copy import Rows

Raisers = Mapping[str, Sequence[int]]
"""`codes` of events, and beside them the `bits` of the status word that they set."""

MISSING = int(np.iinfo(np.int64).min)
"""NULL among the integers of `Store.profile_rows`."""


@dataclass(frozen=True, slots=True)
class FleetRow:
    name: str
    seed: int
    version: str
    spec: Mapping[str, Any]
    installed_ms: int
    clock_ms: int
    speed: str


@dataclass(frozen=True, slots=True)
class MeterRow:
    id: UUID
    meter_number: str
    meter_type: str
    profile: str | None = None
    manufacturer_flag: str | None = None
    system_title: bytes | None = None
    logical_device_name: str | None = None
    phases: int = 3
    utc_offset_minutes: int = 0
    host: str | None = None
    port: int | None = None
    serial_device: str | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    status: str = "STOPPED"

    @property
    def is_removed(self) -> bool:
        """Another one is in its place."""
        return self.status == "REMOVED"


@dataclass(frozen=True, slots=True)
class ObisRow:
    logical_name: str
    class_id: int
    description: str | None = None
    unit: str | None = None
    scaler: int | None = None


@dataclass(frozen=True, slots=True)
class AttributeValue:
    """An attribute that a client has written; `encoded` is A-XDR, `value` the same as JSON for people."""

    meter_id: UUID
    class_id: int
    logical_name: str
    attribute_index: int
    encoded: bytes
    value: Any = None


@dataclass(frozen=True, slots=True)
class SecurityKey:
    """A key (ek, bk, ak, master) or a secret of a client's security setup; client 0: of all."""

    meter_id: UUID
    client: int
    name: str
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class CounterRow:
    """The lowest invocation counter of a client, or with client 0 of the meter, that is good after a restart."""

    meter_id: UUID
    client: int
    key: str  # unicast or broadcast
    lowest: int


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A cohort's columns at `settled_ms`, as the owner of the columns has packed them."""

    cohort: str
    settled_ms: int
    columns: bytes


@dataclass(frozen=True, slots=True)
class Forget:
    """Rows of meters that leave a table: those after a moment of a column (local seconds), or with None all."""

    meter_ids: tuple[UUID, ...]
    table: str
    column: str = ""
    after_s: int | None = None


@dataclass(frozen=True, slots=True)
class Numbered:
    """Rows whose ids are drawn from their table's sequence before they are written, so that others can name them."""

    table: str
    count: int
    rows: Callable[[NDArray[np.int64]], Sequence[Rows]]  # all that is written, made from the ids


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """The head-end has cleared status bits of a meter: open alarms of other bits than those `left` are acknowledged,
    and with them the events that raised them."""

    meter_id: UUID
    left: tuple[int, ...]
    raisers: Raisers


@dataclass(frozen=True, slots=True)
class Edit:
    """A named statement of queries.sql that changes rows, and its parameters."""

    name: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RowsChange:
    """What changes of some meters of a cohort, all of it or nothing; `columns` are theirs, packed by their owner."""

    cohort: str
    rows: Sequence[int]
    columns: Sequence[bytes]
    attributes: Sequence[AttributeValue] = ()
    forgets: Sequence[Forget] = ()  # happen before the batches are written
    batches: Sequence[Rows | Numbered] = ()
    keys: Sequence[SecurityKey] = ()
    counters: Sequence[CounterRow] = ()
    acknowledged: Sequence[Acknowledgement] = ()
    edits: Sequence[Edit] = ()  # happen before all else


@dataclass(frozen=True, slots=True)
class Cell:
    """One column of a profile: delivered as `value * 10**power`, rounded; a time as local seconds since 1970.

    With a `key`, `name` is a jsonb column (captured, additional_data) and the value what stands under that key: a
    number, or with `is_time` the text of a timestamp.
    """

    name: str
    power: int = 0
    key: str | None = None
    is_time: bool = False


@dataclass(frozen=True, slots=True)
class ProfileQuery:
    """A meter's buffer, the newest `depth` rows, or a part of it: a time range or entries (Blue Book 4.3.6.2).

    Both ends belong to a range. Times are local seconds since 1970, None: open. Entries count from 1, the oldest
    row of the buffer; a last entry of 0 is the newest.
    """

    meter_id: UUID
    table: str
    time_column: str
    columns: tuple[Cell, ...]
    depth: int
    obis_code_id: int | None = None
    first_s: int | None = None
    last_s: int | None = None
    entries: tuple[int, int] | None = None
