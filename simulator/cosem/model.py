# SPDX-License-Identifier: MIT
"""A compiled model: the object tree that all its meters share, and one table per client of what it may do.

The object list, the access rights and the behaviour come from the same table, so that what is listed as readable
reads. A model holds no meter's data; where a value comes from is its attribute's source.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from simulator.cosem.catalogue import Catalogue
from simulator.cosem.classes import InterfaceClass
from simulator.cosem.encodings import Encoding, RowLayout
from simulator.cosem.quantities import Quantity
from simulator.cosem.spec import ModelSpec
from simulator.cosem.types import Choice
from simulator.wire.selection import CaptureObject


@dataclass(frozen=True, slots=True)
class Setting:
    """The same for every meter until a client writes it: the model's default, A-XDR encoded."""

    default: bytes


@dataclass(frozen=True, slots=True)
class Measured:
    """A number or a moment that the meter knows."""

    quantity: Quantity
    encoding: Encoding


@dataclass(frozen=True, slots=True)
class Identity:
    """A text of the meter's own, for example its serial number."""

    quantity: Quantity
    tag: int


@dataclass(frozen=True, slots=True)
class Buffer:
    """Attribute 2 of a Profile generic."""

    profile: Profile


@dataclass(frozen=True, slots=True)
class EntriesInUse:
    """Attribute 6 of a Profile generic."""

    profile: Profile


@dataclass(frozen=True, slots=True)
class PerClient:
    """Differs between clients, for example the current association's object list."""

    encoded: dict[int, bytes]


@dataclass(frozen=True, slots=True)
class StatusWord:
    """The event status word (IS 15959): what has happened to a meter and was not cleared."""

    default: bytes  # of a new meter, A-XDR encoded


@dataclass(frozen=True, slots=True)
class InvocationCounter:
    """The last invocation counter that a meter has received from a client."""

    client: int
    tag: int


Source = Setting | Measured | Identity | Buffer | EntriesInUse | PerClient | InvocationCounter | StatusWord


class Attribute(NamedTuple):
    key: bytes  # nine octets, values.attribute_key
    name: str
    type: Choice
    source: Source


class CosemObject(NamedTuple):
    interface_class: InterfaceClass
    logical_name: bytes
    name: str
    attributes: tuple[Attribute, ...]


@dataclass(frozen=True, slots=True)
class StoreCell:
    """Where a table keeps a column's cell, and the power of ten that makes it a whole number."""

    column: str  # of the table; empty: in the JSON column under `key`
    key: str
    power: int
    is_time: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """One Profile generic: its columns on the wire and in the store."""

    logical_name: bytes
    source: str  # table, snapshot, live or scalers
    table: str
    time_column: str
    depth: int
    columns: tuple[CaptureObject, ...]
    captured: tuple[Attribute, ...]  # the attributes behind the columns
    layout: RowLayout | None  # of table and snapshot profiles
    cells: tuple[StoreCell | None, ...]  # None: the time column
    constant: bytes = b""  # the whole buffer of a scaler profile

    @property
    def quantities(self) -> tuple[str, ...]:
        """The quantity behind each column; empty where a column shows a setting."""
        return tuple(a.source.quantity.name if isinstance(a.source, Measured) else "" for a in self.captured)


@dataclass(frozen=True, slots=True, eq=False)
class ClientView:
    """What one client sees and may do."""

    client: int
    name: str
    readable: dict[bytes, Attribute]
    writable: dict[bytes, Attribute]
    methods: dict[bytes, Choice]  # parameter type by nine octets
    visible: frozenset[bytes]  # class id and logical name, eight octets
    object_list: bytes


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    name: str
    spec: ModelSpec
    objects: tuple[CosemObject, ...]
    views: dict[int, ClientView]
    profiles: dict[str, Profile]  # by logical name as text
    zones: tuple[int, ...]  # tariff zone of each quarter of the local day, 96
    class_of: dict[bytes, int] = field(default_factory=dict)  # logical name -> class id
    events: Catalogue = field(default_factory=dict)  # what these meters can notice, by code
