# SPDX-License-Identifier: MIT
"""What a server sends unasked: DataNotification, its confirmation, EventNotificationRequest (Green Book 9.3.10, 9.5).

Bytes to nouns and back, nothing else. The confirmation came with the tenth edition.
"""

from __future__ import annotations

from typing import NamedTuple

from simulator.wire.axdr import Malformed, decode, encode_string, take, take_string
from simulator.wire.fields import DESCRIPTOR_OCTETS, filled, take_number

DATA_NOTIFICATION, CONFIRM, EVENT_NOTIFICATION = 0x0F, 0x10, 0xC2
# Bits of long-invoke-id-and-priority; the invoke id has the lowest 24.
INVOKE_ID_MASK, CONFIRMED, HIGH_PRIORITY = 0xFF_FFFF, 1 << 30, 1 << 31


class DataNotification(NamedTuple):
    invoke: int  # long-invoke-id-and-priority
    date_time: bytes  # 12 octets or none
    body: bytes  # A-XDR encoded Data


class Confirm(NamedTuple):
    invoke: int
    date_time: bytes


class EventNotification(NamedTuple):
    time: bytes | None
    attribute: bytes  # nine octets
    value: bytes  # A-XDR encoded Data


def encode_notification(notification: DataNotification) -> bytes:
    return _head(DATA_NOTIFICATION, notification.invoke, notification.date_time) + notification.body


def decode_notification(apdu: bytes) -> DataNotification:
    invoke, date_time, offset = _take_head(apdu, DATA_NOTIFICATION)
    return filled(apdu, decode(apdu, offset)[1], DataNotification(invoke, date_time, apdu[offset:]))


def encode_confirm(confirm: Confirm) -> bytes:
    return _head(CONFIRM, confirm.invoke, confirm.date_time)


def decode_confirm(apdu: bytes) -> Confirm:
    invoke, date_time, offset = _take_head(apdu, CONFIRM)
    return filled(apdu, offset, Confirm(invoke, date_time))


def encode_event(event: EventNotification) -> bytes:
    time = b"\x00" if event.time is None else b"\x01" + encode_string(event.time)
    return bytes((EVENT_NOTIFICATION,)) + time + event.attribute + event.value


def decode_event(apdu: bytes) -> EventNotification:
    head, offset = take(apdu, 0, 2)
    if head[0] != EVENT_NOTIFICATION or head[1] not in (0, 1):
        raise Malformed("no EventNotificationRequest")
    time = None
    if head[1]:
        time, offset = take_string(apdu, offset)
    attribute, offset = take(apdu, offset, DESCRIPTOR_OCTETS)
    return filled(apdu, decode(apdu, offset)[1], EventNotification(time, attribute, apdu[offset:]))


def _head(tag: int, invoke: int, date_time: bytes) -> bytes:
    return bytes((tag,)) + invoke.to_bytes(4, "big") + encode_string(date_time)


def _take_head(apdu: bytes, tag: int) -> tuple[int, bytes, int]:
    first, offset = take(apdu, 0, 1)
    if first[0] != tag:
        raise Malformed(f"an APDU of tag {first[0]:#x} where {tag:#x} was due")
    invoke, offset = take_number(apdu, offset)
    date_time, offset = take_string(apdu, offset)
    return invoke, date_time, offset
