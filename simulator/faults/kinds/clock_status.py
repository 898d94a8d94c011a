# SPDX-License-Identifier: MIT
"""The meter's clock says of itself that it cannot be trusted (Blue Book 4.1.6.1): in all that it stamps, or stamps in a
span of its own time, be it read or sent unasked. What clients have set, such as the time of an activation, stays."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from simulator.faults.fault import Fault, Peek, Roll
from simulator.faults.moments import marked
from simulator.ports import GetItem
from simulator.wire.codes import CLOCK_STATUS

_Word = Literal["invalid", "doubtful", "different_base", "invalid_status", "daylight_saving", "not_specified"]
_STAMPED = {(8, 2), (7, 2), (4, 5), (5, 6), (5, 7)}  # clock, profile buffer, capture times of registers
_TIMED_EVENT = b"\xc2\x01\x0c"  # an EventNotification that tells its time
_EVENT_TIME = slice(3, 15)
_STRING = b"\x09\x0c"  # an octet-string of 12 octets


def _meters_time(text: Any) -> dt.datetime:
    try:
        moment = dt.datetime.fromisoformat(str(text))
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is not None:
        raise ValueError(f"{text!r} is no time of the meter's clock; write for example 2025-06-10T10:00:00")
    return moment


_Moment = Annotated[dt.datetime, BeforeValidator(_meters_time)]


@dataclass(frozen=True, slots=True)
class ClockStatus(Fault):
    clock_status: Annotated[
        tuple[_Word, ...], BeforeValidator(lambda given: _listed(given)), Field(min_length=1)
    ]  # these bits besides those that are set
    from_: Annotated[_Moment | None, Field(alias="from")] = None
    to: _Moment | None = None  # which is included

    def __post_init__(self) -> None:
        if self.from_ is not None and self.to is not None and self.from_ > self.to:
            raise ValueError(f"from {self.from_.isoformat()} is after to {self.to.isoformat()}")

    def change(self, item: GetItem, value: bytes, peek: Peek) -> bytes | None:
        stamped = (int.from_bytes(item.attribute[:2], "big"), item.attribute[8]) in _STAMPED
        return self._marked(value) if stamped else None

    def push(self, body: bytes) -> bytes | None:
        return self._marked(body)

    def spoil(self, apdu: bytes, roll: Roll) -> bytes | None:
        if apdu[:3] != _TIMED_EVENT:
            return None
        told = self._marked(_STRING + apdu[_EVENT_TIME])
        return None if told is None else apdu[: _EVENT_TIME.start] + told[len(_STRING) :] + apdu[_EVENT_TIME.stop :]

    def _marked(self, value: bytes) -> bytes | None:
        return marked(value, reduce(or_, (CLOCK_STATUS[word] for word in self.clock_status)), self._holds)

    def _holds(self, at: dt.datetime) -> bool:
        return (self.from_ is None or self.from_ <= at) and (self.to is None or at <= self.to)


def _listed(given: Any) -> Any:
    return [given] if isinstance(given, str) else given
