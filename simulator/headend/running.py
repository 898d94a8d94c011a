# SPDX-License-Identifier: GPL-2.0-only
"""Does one head-end command: connects, reads or changes what was asked for, and says so on stdout.

It parses no option and decides no exit code.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from simulator.errors import UserError
from simulator.headend.ciphering import Keys
from simulator.headend.failures import ReadRefused
from simulator.headend.objects import CLOCK, DATA, PROFILE, REGISTERS, ObjectEntry
from simulator.headend.options import IDENTITY, LLS, Call, Rows, Wish
from simulator.headend.orders import Order
from simulator.headend.profiles import ProfileTable
from simulator.headend.pushlog import Shown
from simulator.headend.reader import MeterReader
from simulator.headend.tables import (
    ObjectReading,
    objects_json,
    objects_table,
    plain_console,
    profile_json,
    profile_tables,
    read_everything,
    read_objects,
)
from simulator.wire.codes import DataAccessResult

_PIPE_COLUMNS = 240  # rich takes a pipe for a terminal of 80 columns and folds profiles beyond reading
_VALUE_CLASSES = REGISTERS | {DATA, CLOCK}


class _Output:
    """Tables as they come, or one JSON document at the end."""

    def __init__(self, call: Call, names: Mapping[str, str], *, as_json: bool) -> None:
        self._console = plain_console(width=None if sys.stdout.isatty() else _PIPE_COLUMNS)
        self._names = names
        self._document: dict[str, Any] | None = None
        if as_json:
            self._document = {"host": call.host, "port": call.port, "client": call.preset.client}

    def objects(self, readings: Sequence[ObjectReading]) -> None:
        if self._document is None:
            self._console.print(objects_table(readings))
        else:
            self._document.setdefault("objects", []).extend(objects_json(readings))

    def profile(self, table: ProfileTable) -> None:
        if self._document is None:
            self._console.print(
                *profile_tables(table, self._names.get(table.obis, table.obis), width=self._console.width), sep="\n"
            )
        else:
            self._document.setdefault("profiles", []).append(profile_json(table))

    def finish(self) -> None:
        if self._document is not None:
            print(json.dumps(self._document, ensure_ascii=False))


def run(call: Call, names: Mapping[str, str], *, as_json: bool) -> None:
    """Raises UserError or a HeadEndError; what was read before is written all the same."""
    output = _Output(call, names, as_json=as_json)
    with _reader(call, names) as reader:
        try:
            _read(reader, call, output)
        finally:
            output.finish()


def write(call: Call, order: Order, names: Mapping[str, str]) -> None:
    """SET; raises a HeadEndError if the meter does not take it."""
    assert order.data is not None
    with _reader(call, names) as reader:
        reader.write(order.obis, order.index, order.data)
    print(f"{_named(order, names)}: written")


def act(call: Call, order: Order, names: Mapping[str, str]) -> None:
    """ACTION; what the method returns is shown."""
    with _reader(call, names) as reader:
        returned = reader.act(order.obis, order.index, order.data)
    print(f"{_named(order, names)}: {'done' if returned is None else returned.text}")


def _named(order: Order, names: Mapping[str, str]) -> str:
    return f"{order} {names.get(order.obis, '')}".rstrip()


def _reader(call: Call, names: Mapping[str, str]) -> MeterReader:
    password = call.password or ""
    keys = Keys(bytes.fromhex(call.ek), bytes.fromhex(call.ak)) if call.ek and call.ak else None
    return MeterReader(
        call.host,
        call.port,
        client=call.preset.client,
        password=(password.encode() if call.preset.mechanism == LLS else bytes.fromhex(password)) or None,
        server=call.server,
        mechanism=call.preset.mechanism,
        timeout_s=call.timeout_s,
        max_pdu=call.max_pdu,
        keys=keys,
        names=names,
        way=call.way,
        heard=Shown(plain_console(stderr=True), names, lines=False).show,
    )


def _read(reader: MeterReader, call: Call, output: _Output) -> None:
    if call.everything:
        output.objects(list(read_everything(reader)))
    elif not call.wishes:
        output.objects(list(read_objects(reader, [(entry, (2,)) for entry in _overview(reader)])))
    found = [(reader.find(wish.obis), wish) for wish in call.wishes]
    if call.rows and not any(_wants_rows(entry, wish) for entry, wish in found):
        raise UserError("--from, --to, --entries and --columns select rows, and nothing that you named is a profile")
    for entry, wish in found:
        _grant(reader, entry, wish, call.rows, output)


def _overview(reader: MeterReader) -> list[ObjectEntry]:
    """Identity, clock, registers: whatever of them this client may read."""
    view = [entry for entry in reader.association_view() if 2 in entry.readable]
    identity = [entry for obis in IDENTITY for entry in view if entry.obis == obis]
    clocks = [entry for entry in view if entry.class_id == CLOCK]
    return [*identity, *clocks, *(entry for entry in view if entry.class_id in REGISTERS)]


def _wants_rows(entry: ObjectEntry, wish: Wish) -> bool:
    return entry.class_id == PROFILE and wish.attribute in (None, 2)


def _grant(reader: MeterReader, entry: ObjectEntry, wish: Wish, rows: Rows, output: _Output) -> None:
    if _wants_rows(entry, wish):
        start, end, first, count, columns = rows.start, rows.end, rows.first, rows.count, rows.columns
        output.profile(reader.profile(entry.obis, start=start, end=end, first=first, count=count, columns=columns))
        return
    for reading in read_objects(reader, [(entry, _attributes(entry, wish))]):
        output.objects([reading])
        _raise_if_refused(reading)


def _attributes(entry: ObjectEntry, wish: Wish) -> tuple[int, ...]:
    if wish.attribute is not None:
        return (wish.attribute,)
    return (2,) if entry.class_id in _VALUE_CLASSES else entry.readable


def _raise_if_refused(reading: ObjectReading) -> None:
    for attribute, answer in reading.attributes.items():
        if isinstance(answer, DataAccessResult):
            raise ReadRefused(
                answer, f"{reading.entry.obis}:{attribute}", hint=reading.entry.lacks("attribute", attribute)
            )
