# SPDX-License-Identifier: MIT
"""The meter's clock says of itself that it cannot be trusted (Blue Book 4.1.6.1): in all that it stamps, be it read or
sent unasked. What clients have set, such as the time of an activation, stays as they set it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from simulator.faults.fault import Fault, Peek, Roll
from simulator.faults.moments import marked
from simulator.ports import GetItem

_BITS = {
    "invalid": 0x01,
    "doubtful": 0x02,
    "different_base": 0x04,
    "invalid_status": 0x08,
    "daylight_saving": 0x80,
    "not_specified": 0xFF,
}
_Word = Literal["invalid", "doubtful", "different_base", "invalid_status", "daylight_saving", "not_specified"]
_STAMPED = {(8, 2), (7, 2), (4, 5), (5, 6), (5, 7)}  # clock, profile buffer, capture times of registers
_TIMED_EVENT = b"\xc2\x01\x0c"  # an EventNotification that tells its time
_EVENT_STATUS = 14  # the place of the status in it


@dataclass(frozen=True, slots=True)
class ClockStatus(Fault):
    clock_status: Annotated[
        tuple[_Word, ...], BeforeValidator(lambda given: _listed(given)), Field(min_length=1)
    ]  # these bits besides those that are set

    def change(self, item: GetItem, value: bytes, peek: Peek) -> bytes | None:
        stamped = (int.from_bytes(item.attribute[:2], "big"), item.attribute[8]) in _STAMPED
        return marked(value, self._status) if stamped else None

    def push(self, body: bytes) -> bytes | None:
        return marked(body, self._status)

    def spoil(self, apdu: bytes, roll: Roll) -> bytes | None:
        if apdu[:3] != _TIMED_EVENT:
            return None
        return apdu[:_EVENT_STATUS] + bytes((apdu[_EVENT_STATUS] | self._status,)) + apdu[_EVENT_STATUS + 1 :]

    @property
    def _status(self) -> int:
        return reduce(or_, (_BITS[word] for word in self.clock_status))


def _listed(given: Any) -> Any:
    return [given] if isinstance(given, str) else given
