# SPDX-License-Identifier: GPL-2.0-only
"""What a client addresses and sees in a meter: objects with their access rights.

It holds no value of any attribute.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gurux_dlms import GXDateTime
from gurux_dlms.enums import DateTimeSkips

from simulator.headend.failures import BrokenAnswer
from simulator.values import format_obis, parse_obis

DATA, REGISTER, EXTENDED_REGISTER, PROFILE, CLOCK, ASSOCIATION = 1, 3, 4, 7, 8, 15
REGISTERS = frozenset({REGISTER, EXTENDED_REGISTER})
_READABLE = frozenset({1, 3, 4, 6})  # attribute access modes of Association LN version 0 to 2 (Blue Book 4.4.4)
_WRITABLE = frozenset({2, 3, 5, 6})


@dataclass(frozen=True, slots=True)
class ObjectEntry:
    """One row of the association's object list; access modes by attribute or method index, as the meter gives them."""

    class_id: int
    version: int
    obis: str
    attributes: Mapping[int, int]
    methods: Mapping[int, int]

    @property
    def readable(self) -> tuple[int, ...]:
        return tuple(index for index, mode in self.attributes.items() if mode in _READABLE)

    @property
    def writable(self) -> tuple[int, ...]:
        return tuple(index for index, mode in self.attributes.items() if mode in _WRITABLE)

    def lacks(self, kind: str, index: int) -> str:
        """Words for an "attribute" or "method" that the object list has not; empty if it has.

        What is not there, meters refuse by the code of what is denied.
        """
        listed = self.attributes if kind == "attribute" else self.methods
        if index in listed:
            return ""
        numbers = ", ".join(map(str, sorted(listed))) or "none"
        return f"the object has no {kind} {index} for this client; it has {numbers}"


class Target:
    """An object as gurux's request builders want it, without its sixty-odd classes of objects."""

    def __init__(self, class_id: int, obis: str, sort: Target | None = None) -> None:
        parse_obis(obis)
        self.objectType = class_id
        self.name = self.logicalName = obis
        self.sortObject = sort
        self.captureObjects: tuple[Any, ...] = ()
        self.buffer: list[Any] = []


class Setting(Target):
    """A target with a value to write: already encoded, which gurux takes as it is under the type of an array."""

    def __init__(self, class_id: int, obis: str, octets: bytes) -> None:
        super().__init__(class_id, obis)
        self._octets = octets

    def getValue(self, _settings: Any, _event: Any) -> bytes:  # noqa: N802
        return self._octets

    def getDataType(self, _index: int) -> int:  # noqa: N802
        return ENCODED


ENCODED = 1  # gurux's setData writes bytes of type ARRAY (1) verbatim


def entry_of(row: Any) -> ObjectEntry:
    """An object_list_element as gurux decodes it: class id, version, logical name, (attribute, method rights)."""
    try:
        class_id, version, name, (attributes, methods) = row
        return ObjectEntry(
            int(class_id),
            int(version),
            format_obis(bytes(name)),
            {int(right[0]): int(right[1]) for right in attributes},
            {int(right[0]): int(right[1]) for right in methods},
        )
    except (TypeError, ValueError, IndexError) as error:
        raise BrokenAnswer(f"the object list has an element of another shape: {error}") from error


def gurux_moment(moment: Any) -> Any:
    """A datetime as gurux's; a naive one is the meter's own time, so its deviation is left open."""
    stamp = GXDateTime()
    stamp.value = moment
    stamp.skip = DateTimeSkips.DAY_OF_WEEK | DateTimeSkips.MILLISECOND | DateTimeSkips.STATUS
    if moment.tzinfo is None:
        stamp.skip |= DateTimeSkips.DEVITATION
    return stamp
