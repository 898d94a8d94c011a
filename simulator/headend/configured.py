# SPDX-License-Identifier: GPL-2.0-only
"""What a meter is set to push, read back from it: push setups (class 40) and their schedules (class 22)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from simulator.headend.failures import BrokenAnswer, ReadRefused, is_transient
from simulator.headend.objects import ObjectEntry
from simulator.headend.reader import MeterReader
from simulator.headend.values import Value, as_text
from simulator.values import format_obis
from simulator.wire.codes import DataAccessResult

SCRIPTS, SCHEDULE, PUSH_SETUP = 9, 22, 40
_EVERY = 0xFF
_TYPES = {  # by firings a day
    96: "FIFTEEN_MIN", 48: "THIRTY_MIN", 24: "ONE_HOUR", 6: "FOUR_HOUR", 3: "EIGHT_HOUR", 2: "TWELVE_HOUR",
    1: "TWENTY_FOUR_HOUR",
}  # fmt: skip


def read_configuration(reader: MeterReader) -> dict[str, Any]:
    """As hes/queries.sql `configure` takes it; BrokenAnswer if the meter's values have another shape."""
    try:
        return _configuration(reader)
    except (TypeError, ValueError, IndexError) as error:
        raise BrokenAnswer(f"its push setups and schedules are not as their classes have it: {error}") from error


def _configuration(reader: MeterReader) -> dict[str, Any]:
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
    """One whose script pushes, so often that it is one of the kinds that the tables know."""
    script, times = _answers(reader, entry, (2, 4))
    if not script or not times:
        return None
    setup = next((obis for obis in _pushed_by(reader, format_obis(script[0]), script[1]) if obis in setups), None)
    kind = _TYPES.get(sum(24 if time[0] == _EVERY else 1 for time, _date in times))
    if setup is None or kind is None:
        return None
    return {"setup": setup, "type": kind, "times": [_pattern(time) for time, _date in times]}


def _pushed_by(reader: MeterReader, table: str, number: int) -> list[str]:
    """The push setups whose method 1 a script calls (Blue Book 4.5.2, script table)."""
    found = next((one for one in reader.association_view() if (one.class_id, one.obis) == (SCRIPTS, table)), None)
    (scripts,) = _answers(reader, found, (2,)) if found else (None,)
    actions = next((actions for script, actions in scripts or () if script == number), ())
    return [format_obis(obis) for _service, class_id, obis, *_ in actions if class_id == PUSH_SETUP]


def _answers(reader: MeterReader, entry: ObjectEntry, attributes: Sequence[int]) -> list[Any]:
    """None for what the meter refuses; ReadRefused if it does so only now, for what is not there is deleted."""
    answers = reader.read_many([(entry, attribute) for attribute in attributes])
    for attribute, answer in zip(attributes, answers, strict=True):
        if isinstance(answer, DataAccessResult) and is_transient(answer):
            raise ReadRefused(answer, f"{entry.obis}:{attribute}")
    return [answer.value if isinstance(answer, Value) else None for answer in answers]


def _pattern(time: bytes) -> str:
    """Hours, minutes, seconds, hundredths in hexadecimal, as sim.schedule_entries writes them."""
    return ":".join(f"{octet:02X}" for octet in time)
