# SPDX-License-Identifier: GPL-2.0-only
"""What a meter is set to push, read back from it: push setups (class 40) and their schedules (class 22)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from simulator.headend.objects import ObjectEntry
from simulator.headend.reader import MeterReader
from simulator.headend.values import Value, as_text
from simulator.values import format_obis

PUSH_SETUP, SCHEDULE = 40, 22
_EVERY = 0xFF
_TYPES = {  # by firings a day
    96: "FIFTEEN_MIN", 48: "THIRTY_MIN", 24: "ONE_HOUR", 6: "FOUR_HOUR", 3: "EIGHT_HOUR", 2: "TWELVE_HOUR",
    1: "TWENTY_FOUR_HOUR",
}  # fmt: skip


def read_configuration(reader: MeterReader) -> dict[str, Any]:
    """As hes/queries.sql `configure` takes it."""
    view = reader.association_view()
    setups = {entry.obis: _setup(reader, entry) for entry in view if entry.class_id == PUSH_SETUP}
    found = {entry.obis: _schedule(reader, entry, setups) for entry in view if entry.class_id == SCHEDULE}
    return {"setups": setups, "schedules": {obis: schedule for obis, schedule in found.items() if schedule}}


def _setup(reader: MeterReader, entry: ObjectEntry) -> dict[str, Any]:
    objects, destination, window, spread, retries, delay = _answers(reader, entry, (2, 3, 4, 5, 6, 7))
    return {
        "objects": [[row[0], format_obis(row[1]), row[2], row[3]] for row in objects or ()],
        "destination": None if destination is None else as_text(destination),
        "window": None if window is None else [as_text(row) for row in window],
        "randomisation": spread,
        "retries": retries,
        "delay": delay,
    }


def _schedule(reader: MeterReader, entry: ObjectEntry, setups: dict[str, Any]) -> dict[str, Any] | None:
    """0.x.15.0.4.255 is that of the push setup 0.x.25.9.0.255 (IS 15959)."""
    group, number = entry.obis.split(".")[1], entry.obis.split(".")[4]
    setup = f"0.{group}.25.9.0.255"
    (times,) = _answers(reader, entry, (4,))
    a_day = sum(24 if time[0] == _EVERY else 1 for time, _date in times or ())
    if number != "4" or setup not in setups or (kind := _TYPES.get(a_day)) is None:
        return None
    return {"setup": setup, "type": kind, "times": [_pattern(time) for time, _date in times]}


def _answers(reader: MeterReader, entry: ObjectEntry, attributes: Sequence[int]) -> list[Any]:
    answers = reader.read_many([(entry, attribute) for attribute in attributes])
    return [answer.value if isinstance(answer, Value) else None for answer in answers]


def _pattern(time: bytes) -> str:
    """Hours, minutes, seconds, hundredths in hexadecimal, as sim.schedule_entries writes them."""
    return ":".join(f"{octet:02X}" for octet in time)
