# SPDX-License-Identifier: MIT
"""Push setups, their objects, schedules and entries as rows of the store, and as changes of rows that are there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence

import numpy as np

from simulator.meter.columns import Ints
from simulator.meter.push.setup import PushSetup, Service
from simulator.meter.push.times import Moments, schedule_type
from simulator.store.copy import Column, Int2, Int4, Rows, Text, encode_rows
from simulator.store.rows import Edit
from simulator.values import format_obis

_MESSAGES = {0: "A-XDR", 1: "XML"}


def setup_edit(setup: PushSetup, ids: Sequence[int]) -> Edit:
    """Rows of setups that are to be these."""
    values = {
        "ids": list(ids),
        "destination": destination_words(setup),
        "windows": windows_json(setup),
        "interval": setup.start_interval_s,
        "retries": setup.retries,
        "delay": setup.repetition.minimum_s,
    }
    return Edit("change_push_setups", values)


def schedule_edit(moments: Moments, ids: Sequence[int], setups: Sequence[int], *, is_enabled: bool) -> Edit:
    """Rows of schedules that are to have these times; their entries go, the new ones are rows of their own."""
    values = {
        "ids": list(ids),
        "setup_ids": [setup or None for setup in setups],
        "schedule_type": schedule_type(moments),
        "is_enabled": is_enabled,
    }
    return Edit("change_push_schedules", values)


def objects_digest(setup: PushSetup) -> str:
    """As the store tells it of its rows."""
    told = (f"{o.class_id} {format_obis(o.logical_name)} {o.attribute_index} {o.data_index}" for o in setup.objects)
    return _digest(told)


def entries_digest(moments: Moments) -> str:
    return _digest(f"{_hex(moment.date)} {_hex(moment.time)}" for moment in moments)


def _digest(parts: Iterable[str]) -> str:
    text = ",".join(parts)
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest() if text else ""


def object_rows(setup: PushSetup, setups: Ints, ids: Ints | None) -> Rows:
    """The objects of so many equal setups; `ids` [setups, objects] where they were drawn."""
    count, objects = len(setups), setup.objects
    numbers = [(one.class_id, one.attribute_index, one.data_index) for one in objects]
    classes, attributes, elements = np.tile(np.array(numbers, np.int64).reshape(-1, 3), (count, 1)).T
    columns: dict[str, Column] = {
        "push_setup_id": Int4(np.repeat(setups, len(objects))),
        "class_id": Int4(classes),
        "logical_name": Text([format_obis(one.logical_name) for one in objects] * count),
        "attribute_index": Int4(attributes),
        "data_index": Int4(elements),
        "position": Int2(np.tile(np.arange(len(objects)), count)),
    }
    return encode_rows("push_objects", columns if ids is None else {"id": Int4(ids.ravel()), **columns})


def entry_rows(schedules: Ints | Sequence[int], moments: Moments) -> list[Rows]:
    """The same entries for each schedule."""
    ids = np.asarray(schedules, np.int64)
    if not moments or not len(ids):
        return []
    entries = encode_rows(
        "schedule_entries",
        {
            "schedule_id": Int4(np.repeat(ids, len(moments))),
            "date_pattern": Text([_hex(moment.date) for moment in moments] * len(ids)),
            "time_pattern": Text([_hex(moment.time) for moment in moments] * len(ids)),
            "comment": Text([entry_words(moment.time) for moment in moments] * len(ids)),
        },
    )
    return [entries]


def _hex(octets: bytes) -> str:
    return octets.hex(":").upper()


def entry_words(time: bytes) -> str:
    hour, minute = time[:2]
    if hour == 0xFF:
        return "every minute" if minute == 0xFF else f"every hour at :{minute:02d}"
    return f"every minute from {hour:02d}:00 to {hour:02d}:59" if minute == 0xFF else f"at {hour:02d}:{minute:02d}"


def destination_words(setup: PushSetup) -> str:
    """`TCP 10.0.0.1:4059 A-XDR`; what no text is, in hexadecimal; a method without a name by its number."""
    known = {int(service): service.name for service in Service}
    try:
        text = setup.octets.decode("ascii")
    except UnicodeDecodeError:
        text = ""
    told = text if text.isprintable() and (text or not setup.octets) else f"hex:{setup.octets.hex()}"
    message = _MESSAGES.get(setup.message, str(setup.message))
    return " ".join(filter(None, (known.get(setup.service, str(setup.service)), told, message)))


def windows_json(setup: PushSetup) -> str:
    """From and to of each window, date-times in hexadecimal."""
    return json.dumps([[window.start.hex(), window.end.hex()] for window in setup.windows])
