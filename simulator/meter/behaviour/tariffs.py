# SPDX-License-Identifier: MIT
"""Activity calendar (class 20) and Special days table (class 11): the passive half is written, then becomes active.

The tariff registers follow through the meter's calendar (regime.py).
"""

from __future__ import annotations

from simulator.meter.behaviour.clock import moment_of
from simulator.meter.change import PRIVATE, Answer, Change, Meter, Timer, objects_of, sibling
from simulator.meter.events import CALENDAR
from simulator.meter.tariff import Tariff, mistake
from simulator.wire.axdr import Data, decode_whole, encode
from simulator.wire.codes import ActionResult, DataAccessResult, Tag

_CLASS = 20
_ACTIVE, _PASSIVE = (2, 3, 4, 5), (6, 7, 8, 9)
_ACTIVATION_TIME = 10
_UNSPECIFIED = b"\xff\xff\xff\xff\xff\xff\xff\xff\xff"


async def set_passive(meter: Meter, key: bytes, value: Data) -> Answer:
    """Not checked against its other parts: a calendar is written part by part."""
    return Change(attributes={key: encode(value)}, events=(CALENDAR,))


async def set_activation_time(meter: Meter, key: bytes, value: Data) -> Answer:
    octets = value.value
    if octets[:5] + octets[5:8] != _UNSPECIFIED[:8] and moment_of(meter, octets) is None:
        return DataAccessResult.OTHER_REASON  # Blue Book 4.5.5: not partially unspecified
    return Change(attributes={key: encode(value)}, events=(CALENDAR,))


async def activate(meter: Meter, key: bytes, parameter: Data) -> Answer:
    """The passive calendar becomes the active one, whole."""
    passive = [meter.encoded(sibling(key, index)) or b"" for index in _PASSIVE]
    if mistake(Tariff(*passive[1:])):
        return ActionResult.OTHER_REASON
    attributes = {sibling(key, index): encoded for index, encoded in zip(_ACTIVE, passive, strict=True)}
    return Change(attributes=attributes, events=(CALENDAR,))


def _due(meter: Meter) -> int | None:
    """A time that has passed, while the clock stepped over it, is due now; one that was kept is not due again."""
    for head in objects_of(meter.cohort.model, _CLASS):
        time = meter.encoded(head + bytes((_ACTIVATION_TIME,)))
        if time is None or time == meter.encoded(head + bytes((PRIVATE,))):
            continue
        moment = moment_of(meter, time[2:])
        if moment is not None:
            return max(meter.instant_of(moment), meter.instant_ms)
    return None


async def _fire(meter: Meter) -> Change | None:
    for head in objects_of(meter.cohort.model, _CLASS):
        done = {head + bytes((PRIVATE,)): meter.encoded(head + bytes((_ACTIVATION_TIME,))) or b""}
        answer = await activate(meter, head + b"\x01", Data(Tag.INTEGER, 0))
        if isinstance(answer, Change):
            return Change(attributes={**answer.attributes, **done}, events=answer.events)
        return Change(attributes=done)
    return None


# -- special days ----------------------------------------------------------------------------------------------------


async def set_special_days(meter: Meter, key: bytes, value: Data) -> Answer:
    return Change(attributes={key: encode(value)}, events=(CALENDAR,))


async def insert_special_day(meter: Meter, key: bytes, parameter: Data) -> Answer:
    """An entry of the same index is overwritten (Blue Book 4.5.4)."""
    return _with_entries(meter, key, parameter.value[0].value, (parameter,))


async def delete_special_day(meter: Meter, key: bytes, parameter: Data) -> Answer:
    return _with_entries(meter, key, parameter.value, ())


def _with_entries(meter: Meter, key: bytes, index: int, added: tuple[Data, ...]) -> Answer:
    place = sibling(key, 2)
    entries = decode_whole(meter.encoded(place) or b"\x01\x00").value
    kept = tuple(entry for entry in entries if entry.value[0].value != index)
    if not added and len(kept) == len(entries):
        return ActionResult.OBJECT_UNAVAILABLE
    ordered = tuple(sorted((*kept, *added), key=lambda entry: int(entry.value[0].value)))
    return Change(attributes={place: encode(Data(Tag.ARRAY, ordered))}, events=(CALENDAR,))


TIMER = Timer(_due, _fire)
