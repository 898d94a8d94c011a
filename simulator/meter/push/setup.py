# SPDX-License-Identifier: MIT
"""A Push setup (class 40, Blue Book 4.4.8.2, versions 0 to 3) as a noun: what is pushed, where to, when again.

Parsed from the encoded attributes, once for all meters that have the same ones.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from simulator.cosem.model import Attribute, CosemObject, Model, Setting
from simulator.meter.change import plain_value, settings
from simulator.meter.columns import Ints
from simulator.meter.push.times import Window
from simulator.values import attribute_key, is_number
from simulator.wire.axdr import decode_whole
from simulator.wire.ciphering import AUTHENTICATED, ENCRYPTED, PROTECTED

if TYPE_CHECKING:
    from simulator.meter.cohort import Cohort

PUSH_SETUP = 40
OBJECTS, DESTINATION, WINDOWS, START_INTERVAL, RETRIES, DELAY = range(2, 8)
PORT, CLIENT_SAP, PROTECTION, OPERATION_METHOD, CONFIRMATION = range(8, 13)
ANY_DATE_TIME = b"\xff" * 12
LAST_CONFIRMATION = 13  # changes with each confirmation, and is nothing that a push depends on
PUSH_METHOD, RESET_METHOD = 1, 2
# push_operation_method: retry on failure of the layer below, on its missing confirmation, on a missing confirmation
FAILURE_METHOD, ACKNOWLEDGED_METHOD, CONFIRMED_METHOD = range(3)
LINE = "line"  # in words, where a destination along the meter's own serial line has no address
DEFAULT_PORT = 4059  # IANA: dlms-cosem
BUFFER = (7, 2)  # of a Profile generic
_BY_DATE, _BY_ENTRY = 1, 2
_DATE_TIME_OCTETS = 12
_SELECTING = 0x1000  # from here on data_index selects among the entries of a buffer
_NEWEST = 0x10  # high octet: the last number of entries, all columns
_PERCENT = 100
_CONTROLS = {0: AUTHENTICATED, 1: ENCRYPTED, 2: PROTECTED}  # by protection_type


class Service(IntEnum):
    """transport_service of send_destination_and_method."""

    TCP = 0
    UDP = 1
    HDLC = 5
    HDLC_UDP = 200  # a maker's own number: the standard has none for HDLC frames in datagrams


class Destination(NamedTuple):
    service: Service
    host: str
    port: int

    @property
    def place(self) -> str:
        if self.is_line:
            return LINE
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_line(self) -> bool:
        """The serial line that the meter itself is on."""
        return not self.host

    @property
    def is_hdlc(self) -> bool:
        return self.service in (Service.HDLC, Service.HDLC_UDP)

    @property
    def by_datagram(self) -> bool:
        return self.service in (Service.UDP, Service.HDLC_UDP)

    @property
    def is_stream(self) -> bool:
        """Over TCP, where what is lost comes all the same."""
        return not self.by_datagram and not self.is_line

    def __str__(self) -> str:
        return f"{self.service.name} {self.place}"


class Restriction(NamedTuple):
    """Of a profile's rows: date-times of twelve octets, or entries counted from 1, both ends included."""

    dates: tuple[bytes, bytes] | None = None
    entries: tuple[int, int] | None = None


NO_RESTRICTION = Restriction()


class PushObject(NamedTuple):
    """push_object_definition: an attribute, or an element of it; of a profile perhaps some rows and columns only."""

    class_id: int
    logical_name: bytes
    attribute_index: int  # 0: all of them
    data_index: int  # 0: the whole attribute
    restriction: Restriction = NO_RESTRICTION
    columns: tuple[tuple[int, bytes, int, int], ...] = ()

    @property
    def key(self) -> bytes:
        return attribute_key(self.class_id, self.logical_name, self.attribute_index)

    @property
    def latest(self) -> int:
        """How many of a profile's newest entries, 0x1001 one and so on; 0: data_index says something else."""
        return self.data_index & 0xFF if self.data_index >> 8 == _NEWEST else 0

    @property
    def is_restricted(self) -> bool:
        """To some rows or columns of a profile."""
        return self.restriction != NO_RESTRICTION or bool(self.columns)

    @property
    def is_understood(self) -> bool:
        """Whether data_index is a form that a meter of ours knows, and does not meet a restriction beside it."""
        if self.data_index < _SELECTING:
            return True
        is_buffer = (self.class_id, self.attribute_index) == BUFFER
        return is_buffer and self.latest > 0 and self.restriction == NO_RESTRICTION


class Repetition(NamedTuple):
    """repetition_delay: minimum × (exponent × 0.01)^n, at most the maximum; version 0 has one number for both."""

    minimum_s: int
    exponent: int
    maximum_s: int

    def delay_s(self, retry: int) -> int:
        """Before a retry, counted from 0."""
        try:
            return int(min(self.minimum_s * (self.exponent / _PERCENT) ** retry, self.maximum_s))
        except OverflowError:  # more seconds than a number has room for
            return self.maximum_s if self.minimum_s else 0


@dataclass(frozen=True, slots=True)
class PushSetup:
    logical_name: bytes
    objects: tuple[PushObject, ...]
    service: int
    octets: bytes  # of the destination, as written
    message: int
    windows: tuple[Window, ...]
    start_interval_s: int
    retries: int
    repetition: Repetition
    client: int
    control: int  # security control that push_protection_parameters want
    method: int  # push_operation_method
    confirmation: tuple[bytes, int]  # confirmation_parameters: start, and seconds from one confirmed push to the next
    destination: Destination | None  # None: nobody, or nobody that a meter of ours could reach

    @property
    def is_confirmed(self) -> bool:
        return self.method == CONFIRMED_METHOD


@lru_cache(maxsize=64)
def attributes_of(model: Model) -> dict[bytes, Attribute]:
    return {attribute.key: attribute for entry in model.objects for attribute in entry.attributes}


@lru_cache(maxsize=64)
def setup_objects(model: Model) -> dict[bytes, CosemObject]:
    """A model's push setups by logical name."""
    return {entry.logical_name: entry for entry in model.objects if entry.interface_class.class_id == PUSH_SETUP}


def setup_of(cohort: Cohort, row: int, logical_name: bytes) -> PushSetup:
    """As one meter has it now."""
    return setup_with(cohort, row, logical_name, {})


def setup_with(cohort: Cohort, row: int, logical_name: bytes, changed: Mapping[bytes, bytes]) -> PushSetup:
    """As it would be with other attributes."""
    entry, own = setup_objects(cohort.model)[logical_name], cohort.overrides
    encoded = tuple(changed.get(key) or own.get((row, key), default) for key, default in _defaults(entry))
    return parse_setup(logical_name, encoded, _client(cohort.model))


def setups_of(cohort: Cohort, logical_name: bytes, rows: Ints) -> Iterator[tuple[PushSetup, Ints]]:
    """The meters grouped by what they have: those that follow their model are one group."""
    head = attribute_key(PUSH_SETUP, logical_name, 0)[:8]
    owners = {row for row, key in cohort.overrides if key[:8] == head and key[8] != LAST_CONFIRMATION}
    is_own = np.isin(rows, np.fromiter(owners, np.int64, len(owners)))
    if not is_own.all():
        entry = setup_objects(cohort.model)[logical_name]
        yield model_setup(entry, _client(cohort.model)), rows[~is_own]
    groups: dict[PushSetup, list[int]] = {}
    for row in rows[is_own].tolist():
        groups.setdefault(setup_of(cohort, row, logical_name), []).append(row)
    for setup, own in groups.items():
        yield setup, np.array(own)


def model_setup(entry: CosemObject, client: int) -> PushSetup:
    return parse_setup(entry.logical_name, tuple(default for _, default in _defaults(entry)), client)


def has_destination(model: Model, logical_name: bytes, own: Mapping[bytes, bytes]) -> bool:
    """Whether a setup, with what clients have written of a meter's, pushes to anybody."""
    key = attribute_key(PUSH_SETUP, logical_name, DESTINATION)
    encoded = own.get(key) or settings(model).get(key)
    return encoded is not None and _is_reached(encoded)


@lru_cache(maxsize=8192)
def _is_reached(encoded: bytes) -> bool:
    service, octets, _ = plain_value(decode_whole(encoded))
    return destination_of(service, octets) is not None


def _client(model: Model) -> int:
    return model.spec.pushes.client if model.spec.pushes else 0


def _defaults(entry: CosemObject) -> Iterator[tuple[bytes, bytes]]:
    for attribute in entry.attributes[1:]:
        if isinstance(attribute.source, Setting) and attribute.key[8] != LAST_CONFIRMATION:
            yield attribute.key, attribute.source.default


@lru_cache(maxsize=8192)
def parse_setup(logical_name: bytes, encoded: Sequence[bytes], client: int) -> PushSetup:
    """`encoded`: the attributes from 2 on; `client`: of versions that do not name theirs."""
    values = [None, None, *(plain_value(decode_whole(one)) for one in encoded)]
    service, octets, message = values[DESTINATION]
    delay = values[DELAY]
    return PushSetup(
        logical_name,
        push_objects(values[OBJECTS]),
        service,
        octets or b"",
        message,
        tuple(Window(*window) for window in values[WINDOWS]),
        values[START_INTERVAL],
        values[RETRIES],
        Repetition(*delay) if isinstance(delay, tuple) else Repetition(delay, _PERCENT, delay),
        values[CLIENT_SAP] if len(values) > CLIENT_SAP else client,
        (protection_of(values[PROTECTION]) if len(values) > PROTECTION else None) or 0,
        values[OPERATION_METHOD] if len(values) > OPERATION_METHOD else FAILURE_METHOD,
        values[CONFIRMATION] if len(values) > CONFIRMATION else (ANY_DATE_TIME, 0),
        destination_of(service, octets or b""),
    )


def protection_of(parameters: Any) -> int | None:
    """push_protection_parameters as security control; 0: none are given. None: what general-glo-ciphering cannot say,
    that is other keys than the global unicast one, several layers, signatures, a transaction."""
    match parameters:
        case ():
            return 0
        case ((int(kind), (b"", bytes(), b"", b"", (0, (0,)))),):
            return _CONTROLS.get(kind)
    return None


def push_objects(definitions: Sequence[Any]) -> tuple[PushObject, ...]:
    """Of an attribute push_object_list."""
    return tuple(_object(definition) for definition in definitions)


def is_restriction(element: Any) -> bool:
    """restriction_element: none, by date, by entry, each with its own parameters."""
    match element:
        case (0, _):
            return True
        case (1, (bytes(start), bytes(end))):
            return len(start) == len(end) == _DATE_TIME_OCTETS
        case (2, (int(first), int(last))):
            return first > 0 and (last >= first or last == 0)
    return False


def _object(definition: Sequence[Any]) -> PushObject:
    class_id, logical_name, attribute_index, data_index, *more = definition
    restriction = NO_RESTRICTION
    if more and is_restriction(more[0]) and more[0][0] == _BY_DATE:
        restriction = Restriction(dates=more[0][1])
    elif more and is_restriction(more[0]) and more[0][0] == _BY_ENTRY:
        restriction = Restriction(entries=more[0][1])
    return PushObject(class_id, logical_name, attribute_index, data_index, restriction, more[1] if more[1:] else ())


def destination_of(service: int, octets: bytes, default_port: int = DEFAULT_PORT) -> Destination | None:
    """`10.0.0.1:4059`, `[fd00::1]:4059`, `fd00::1` or a name; without a port that of DLMS. HDLC without an address is
    spoken along the meter's own line."""
    try:
        kind, text = Service(service), octets.decode("ascii").strip("\0 ")
    except ValueError:
        return None
    if kind is Service.HDLC and not text:
        return Destination(kind, "", 0)
    host, colon, port = text.rpartition(":")
    if _is_address(text) or not colon:
        host, port = text, str(default_port)
    host = host.removeprefix("[").removesuffix("]")
    if not host or not is_number(port) or not 0 < int(port) < 1 << 16:
        return None
    return Destination(kind, host, int(port))


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True
