# SPDX-License-Identifier: MIT
"""COSEM date-times (Blue Book 4.1.6.1) as octets that are shifted, rounded or marked; nothing else in them changes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from simulator.wire import axdr
from simulator.wire.axdr import Data
from simulator.wire.codes import Tag

_OCTETS = 12
_NO_DEVIATION = b"\x80\x00"


def tells_deviation(value: Any) -> bool:
    return isinstance(value, bytes) and len(value) == _OCTETS and value[9:11] != _NO_DEVIATION


def a_second_before(stamp: bytes) -> bytes:
    """The same if it names no second."""
    moment = _moment(stamp)
    return stamp if moment is None else _written(stamp, moment - dt.timedelta(seconds=1))


def rounded(value: bytes, seconds: int) -> bytes:
    """Encoded Data with all date-times in it at whole multiples of so many seconds of their day."""

    def nearest(stamp: bytes, moment: dt.datetime) -> bytes:
        midnight = moment.replace(hour=0, minute=0, second=0)
        steps = (2 * (moment - midnight).seconds + seconds) // (2 * seconds)
        return _written(stamp, midnight + dt.timedelta(seconds=steps * seconds))

    return axdr.encode(_each(axdr.decode_whole(value), nearest))


def marked(value: bytes, status: int, within: Callable[[dt.datetime], bool]) -> bytes | None:
    """Encoded Data with these bits set in the clock status of its date-times of a span; None if there are none."""
    told = axdr.decode_whole(value)
    changed = _each(told, lambda stamp, at: stamp[:-1] + bytes((stamp[-1] | status,)) if within(at) else stamp)
    return None if changed == told else axdr.encode(changed)


def _each(data: Data, change: Callable[[bytes, dt.datetime], bytes]) -> Data:
    """With all date-times in it changed."""
    if data.tag in (Tag.ARRAY, Tag.STRUCTURE):
        return data._replace(value=tuple(_each(item, change) for item in data.value))
    moment = _moment(data.value) if data.tag == Tag.OCTET_STRING else None
    return data if moment is None else data._replace(value=change(data.value, moment))


def _moment(stamp: bytes) -> dt.datetime | None:
    """None if it is no date-time, or one that leaves something open."""
    if len(stamp) != _OCTETS:
        return None
    try:
        return dt.datetime(int.from_bytes(stamp[:2], "big"), stamp[2], stamp[3], stamp[5], stamp[6], stamp[7])
    except ValueError:
        return None


def _written(stamp: bytes, moment: dt.datetime) -> bytes:
    day = 0xFF if stamp[4] == 0xFF else moment.isoweekday()
    date = moment.year.to_bytes(2, "big") + bytes((moment.month, moment.day, day))
    return date + bytes((moment.hour, moment.minute, moment.second)) + stamp[8:]
