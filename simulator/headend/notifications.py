# SPDX-License-Identifier: GPL-2.0-only
"""What a push says, decoded by gurux: DataNotification and EventNotification (Green Book 9.3.10, 9.3.11).

gurux reads the values; which type each has is read from its octets. Nothing here deciphers or prints.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from gurux_dlms import GXByteBuffer, GXDLMSClient, GXReplyData
from gurux_dlms.enums import Authentication, InterfaceType
from gurux_dlms.internal._GXCommon import _GXCommon
from gurux_dlms.internal._GXDataInfo import _GXDataInfo

from simulator.cosem.status_word import BITS, STATUS_WORD, StatusBit, raised
from simulator.errors import PeerError
from simulator.headend.unsealing import EVENT_NOTIFICATION, Opened
from simulator.headend.values import PLAIN, ScalerUnit, Value, moment, value_of
from simulator.values import format_obis
from simulator.wire import axdr
from simulator.wire.codes import Tag

PUSH_SETUP = 40
_INVOKE_ID = 0x00FF_FFFF
_LOGICAL_NAME, _CLOCK = 6, 12  # octets
_PUSH_CLIENT, _SERVER = 64, 1
_MOST_MISFITS = 100_000


class Label(NamedTuple):
    """What an element of a push is: an entry of push_object_list, with its name and scaler."""

    class_id: int
    obis: str
    attribute: int
    name: str = ""
    scale: ScalerUnit = PLAIN


Labels = Callable[[str, str], Sequence[Label]]
"""By the meter's serial number (of a plain push its device id) and the push setup: what it pushes, in order; empty: not
known."""


class Item(NamedTuple):
    label: Label | None
    value: Value


@dataclass(frozen=True, slots=True)
class Received:
    """A push as it came, deciphered; it is decoded when somebody wants to know what it says."""

    moment: dt.datetime
    peer: str  # host:port
    transport: str  # tcp or udp
    framing: str  # wrapper or hdlc
    apdu: bytes  # before it was deciphered
    opened: Opened
    answer: str  # confirmed, refused (a trouble that was asked for), or empty


@dataclass(frozen=True, slots=True)
class Notification:
    """A push and what it says; `problem` if that cannot be told.

    The head is what IS 15959 puts before each body: device id, the push setup's logical name, the meter's clock.
    """

    received: Received
    invoke_id: int | None = None
    sent: Any = None  # date-time of the APDU, where it carries one
    device: str = ""
    setup: str = ""  # of an event-notification empty
    clock: Any = None
    clock_status: int = 0
    items: tuple[Item, ...] = ()  # all elements of the body, those of the head included
    alerts: tuple[StatusBit, ...] = ()  # bits that are set in an event status word
    problem: str = ""

    @property
    def meter(self) -> str:
        """The serial number of the title's owner, or else what the push says."""
        return self.received.opened.meter or self.device

    @property
    def values(self) -> tuple[Item, ...]:
        """What comes after the head."""
        return self.items[3:] if self.setup else self.items


def _nothing_known(_serial: str, _setup: str) -> Sequence[Label]:
    return ()


class Decoder:
    """`labels` says what the elements of a push are."""

    def __init__(self, labels: Labels = _nothing_known) -> None:
        self.labels = labels
        self.misfits = 0  # bodies of another length than the list that is known, each kind counted once
        self._misfits: set[tuple[str, str, int]] = set()  # meter, setup, elements
        self._gurux: Any = GXDLMSClient(True, _PUSH_CLIENT, _SERVER, Authentication.NONE, None, InterfaceType.PDU)

    def decode(self, received: Received) -> Notification:
        opened = received.opened
        if opened.problem:
            return Notification(received, problem=opened.problem)
        try:
            if opened.plain[0] == EVENT_NOTIFICATION:
                return self._event(received, opened.plain)
            return self._data(received, opened.plain)
        except PeerError as error:
            return Notification(received, problem=f"broken: {error}")
        except Exception as error:  # gurux raises whatever its parser stumbles over
            return Notification(received, problem=f"gurux cannot decode it: {error}")

    def _data(self, received: Received, apdu: bytes) -> Notification:
        """long-invoke-id-and-priority, date-time, notification-body."""
        stamp, start = axdr.take_string(apdu, 5)
        parts = _parts(apdu, start)
        reply, notify = GXReplyData(), GXReplyData()
        self._gurux.getData(GXByteBuffer(apdu), reply, notify)
        decoded = _elements(notify.value) if apdu[start] == Tag.STRUCTURE else [notify.value]
        if len(decoded) != len(parts):
            raise axdr.Malformed(f"gurux sees {len(decoded)} elements and there are {len(parts)}")
        head = _head(parts)
        known = self._labels_of(received.opened.meter or head[0], head[1], len(parts)) if head else [None] * len(parts)
        items = tuple(map(_item, known, parts, decoded))
        clock, status = (items[2].value.value, parts[2][-1]) if head else (None, 0)
        return Notification(
            received,
            int.from_bytes(apdu[1:5], "big") & _INVOKE_ID,
            moment(stamp) if len(stamp) == _CLOCK else None,
            *(head or ("", "")),
            clock,
            status,
            items,
            _alerts(items, parts),
        )

    def _labels_of(self, meter: str, setup: str, count: int) -> Sequence[Label | None]:
        labels, body = self.labels(meter, setup), (meter, setup, count)
        if len(labels) == count:
            self._misfits.discard(body)
            return labels
        if body not in self._misfits and len(self._misfits) < _MOST_MISFITS:
            self._misfits.add(body)
            self.misfits += 1
        return [None] * count

    def _event(self, received: Received, apdu: bytes) -> Notification:
        """time OPTIONAL, cosem-attribute-descriptor, attribute-value."""
        stamp, at = axdr.take_string(apdu, 2) if apdu[1:2] == b"\x01" else (b"", 2)
        descriptor, at = axdr.take(apdu, at, 9)
        octets = apdu[at : axdr.decode(apdu, at)[1]]
        decoded = _GXCommon.getData(self._gurux.settings, GXByteBuffer(octets), _GXDataInfo())
        label = Label(int.from_bytes(descriptor[:2], "big"), format_obis(descriptor[2:8]), descriptor[8])
        items = (_item(label, octets, decoded),)
        sent = moment(stamp) if len(stamp) == _CLOCK else None
        return Notification(received, sent=sent, items=items, alerts=_alerts(items, [octets]))


def _parts(apdu: bytes, start: int) -> list[bytes]:
    """The octets of the body's elements; of a body that is no structure, the body itself. Malformed if they are not."""
    if apdu[start : start + 1] != bytes((Tag.STRUCTURE,)):
        axdr.decode_whole(apdu[start:])
        return [apdu[start:]]
    count, at = axdr.decode_count(apdu, start + 1)
    parts = []
    for _ in range(count):
        end = axdr.decode(apdu, at, 1)[1]
        parts.append(apdu[at:end])
        at = end
    if at != len(apdu):
        raise axdr.Malformed(f"{len(apdu) - at} octets too many")
    return parts


def _elements(decoded: Any) -> list[Any]:
    return list(decoded) if decoded is not None else []  # gurux reads an empty structure as nothing


def _item(label: Label | None, octets: bytes, decoded: Any) -> Item:
    return Item(label, value_of(octets, decoded, label.scale if label else PLAIN))


def _head(parts: Sequence[bytes]) -> tuple[str, str] | None:
    """Device id and push setup; None if the body does not begin as IS 15959 says."""
    if len(parts) < 3 or parts[0][0] not in (Tag.OCTET_STRING, Tag.VISIBLE_STRING):
        return None
    if any(
        part[:2] != bytes((Tag.OCTET_STRING, size))
        for part, size in zip(parts[1:], (_LOGICAL_NAME, _CLOCK), strict=False)
    ):
        return None
    device = axdr.take_string(parts[0], 1)[0].decode("ascii", "backslashreplace")
    return device, format_obis(parts[1][2:])


def _alerts(items: Sequence[Item], parts: Sequence[bytes]) -> tuple[StatusBit, ...]:
    """Of the first event status word: by its name, or where objects are not known, by its 128 bits."""
    for (label, _), octets in zip(items, parts, strict=True):
        if octets[0] == Tag.BIT_STRING and (label is None or label.obis == STATUS_WORD):
            bits, at = axdr.decode_length(octets, 1)
            if bits == BITS:
                return tuple(raised(octets[at:]))
    return ()
