# SPDX-License-Identifier: MIT
"""An Auto connect object (class 29 version 2, Blue Book 4.7.6) as a noun: whom a meter calls, when, how often it tries.

Parsed from the encoded attributes, once for all meters that have the same ones. The calling is the fleet's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import TYPE_CHECKING

from simulator.cosem.model import Model
from simulator.meter.change import objects_of, plain_value, settings
from simulator.meter.push.setup import Destination, Service, destination_of
from simulator.meter.push.times import Window, opening
from simulator.wire.axdr import Data, decode_whole, encode
from simulator.wire.codes import Tag

if TYPE_CHECKING:
    from simulator.meter.cohort import Cohort

AUTO_CONNECT = 29
MODE, REPETITIONS, DELAY, WINDOWS, DESTINATIONS = range(2, 7)
MOST_DESTINATIONS = 4


class Mode(IntEnum):
    """Those that a meter on a network has; 1 to 6 are of modems, short messages and mail."""

    NONE = 0
    PERMANENT = 101
    WINDOW = 102
    WINDOW_OR_INVOKED = 103
    INVOKED = 104


_WINDOWED = (Mode.WINDOW, Mode.WINDOW_OR_INVOKED)
_CONNECTING = frozenset(Mode) - {Mode.NONE}


@dataclass(frozen=True, slots=True)
class Rules:
    mode: int
    repetitions: int  # trials after one that has failed
    delay_s: int  # between them; 0: not specified
    windows: tuple[Window, ...]  # none: it is always open, as that of a Push setup
    destinations: tuple[Destination, ...]  # a connection to each

    @property
    def is_windowed(self) -> bool:
        """Outside the calling window there is no connection, but by the method connect in mode 103."""
        return self.mode in _WINDOWED

    def is_within(self, local_s: int) -> bool:
        """The calling window, by the meter's own clock."""
        return opening(self.windows, local_s) == local_s

    def keeps_connected(self, local_s: int) -> bool:
        return self.mode == Mode.PERMANENT or (self.is_windowed and self.is_within(local_s))

    def obeys_connect(self, local_s: int) -> bool:
        """Whether the method connect may lead to a connection."""
        if not self.destinations or self.mode not in _CONNECTING:
            return False
        return self.mode != Mode.WINDOW or self.is_within(local_s)


def rules_of(cohort: Cohort, row: int) -> Rules:
    """As one meter has them now; by a model without the object it calls whom the fleet says."""
    own, keys = cohort.overrides, _keys(cohort.model)
    if not any((row, key) in own for key in keys):
        return _rules_delivered(cohort.model, cohort.around.destinations)
    return _parse(tuple(kept(cohort, row, key) for key in keys))


@lru_cache(maxsize=64)
def _keys(model: Model) -> tuple[bytes, ...]:
    """Of all attributes but the logical name."""
    head = head_of(model)
    return () if head is None else tuple(head + bytes((index,)) for index in range(MODE, DESTINATIONS + 1))


@lru_cache(maxsize=64)
def _rules_delivered(model: Model, destinations: tuple[str, ...]) -> Rules:
    if not _keys(model):
        return _without_object(destinations)
    return _parse(tuple(_delivered(model, destinations, key) for key in _keys(model)))


def head_of(model: Model) -> bytes | None:
    """Class id and logical name of the object that a meter calls by."""
    return next(iter(objects_of(model, AUTO_CONNECT)), None)


def kept(cohort: Cohort, row: int, key: bytes) -> bytes:
    """An attribute as written, or as the meter was delivered."""
    own = cohort.overrides.get((row, key))
    return own if own is not None else _delivered(cohort.model, cohort.around.destinations, key)


@lru_cache(maxsize=512)
def _delivered(model: Model, destinations: tuple[str, ...], key: bytes) -> bytes:
    default = settings(model)[key]
    if not destinations or key[:8] != head_of(model):
        return default
    if key[8] == DESTINATIONS:
        return encode(Data(Tag.ARRAY, tuple(Data(Tag.OCTET_STRING, place.encode()) for place in destinations)))
    if key[8] == MODE and decode_whole(default).value == Mode.NONE:
        return encode(Data(Tag.ENUM, int(Mode.PERMANENT)))
    return default


def destinations_of(octets: Sequence[bytes]) -> tuple[Destination, ...]:
    """Of a destination_list; those that a meter of ours could not reach are left out."""
    found = (destination_of(Service.TCP, one) for one in octets)
    return tuple(one for one in found if one is not None)


@lru_cache(maxsize=8192)
def _parse(encoded: tuple[bytes, ...]) -> Rules:
    mode, repetitions, delay_s, windows, octets = (plain_value(decode_whole(one)) for one in encoded)
    return Rules(mode, repetitions, delay_s, tuple(Window(*one) for one in windows), destinations_of(octets))


def _without_object(places: tuple[str, ...]) -> Rules:
    mode = Mode.PERMANENT if places else Mode.NONE
    return Rules(mode, 10, 0, (), destinations_of([place.encode() for place in places]))
