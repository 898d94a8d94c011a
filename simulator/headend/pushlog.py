# SPDX-License-Identifier: GPL-2.0-only
"""Pushes as people and scripts want them: a line or a table on a terminal, one JSON object a line, a file of all.

The keys of the JSON are a promise (docs/pushes.md); it carries no key and no secret.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from simulator.errors import MeterfleetError, UserError
from simulator.headend.notifications import Item, Notification
from simulator.headend.tables import jsonable
from simulator.headend.values import as_text
from simulator.wire.ciphering import AUTHENTICATED, ENCRYPTED
from simulator.wire.codes import Tag

_SECURITY = {0: "none", AUTHENTICATED: "authenticated", ENCRYPTED: "encrypted"}


def as_json(note: Notification) -> dict[str, Any]:
    received, opened = note.received, note.received.opened
    return {
        "received": received.moment.isoformat(),
        "peer": received.peer,
        "transport": received.transport,
        "framing": received.framing,
        "meter": note.meter or None,
        "title": opened.title.hex() if opened.title else None,
        "security": _security(opened.control),
        "counter": opened.counter,
        "counter_remark": opened.remark or None,
        "answer": received.answer or None,
        "invoke_id": note.invoke_id,
        "sent": jsonable(note.sent),
        "device": note.device or None,
        "setup": note.setup or None,
        "clock": jsonable(note.clock),
        "values": [_item_json(item) for item in note.values],
        "alerts": [{"bit": bit.bit, "name": bit.name} for bit in note.alerts],
        "problem": note.problem or None,
        "apdu": received.apdu.hex(),
    }


def _item_json(item: Item) -> dict[str, Any]:
    label, value = item
    named = {} if label is None else {"obis": label.obis, "class": label.class_id, "attribute": label.attribute}
    if label is not None and label.name:
        named["name"] = label.name
    unit = {"unit": value.unit} if value.unit else {}
    return {**named, "type": value.type.name.lower().replace("_", "-"), "value": jsonable(value.value), **unit}


def _security(control: int) -> str:
    return _SECURITY.get(control & (AUTHENTICATED | ENCRYPTED), "authenticated+encrypted")


class Shown:
    """On a terminal. `names`: of objects, by OBIS code; `lines`: no values."""

    def __init__(self, console: Console, names: Mapping[str, str], *, lines: bool) -> None:
        self._console, self._names, self._lines = console, names, lines

    def show(self, note: Notification) -> None:
        self._console.print(self._line(note), soft_wrap=True)
        if self._lines or note.problem:
            return
        table = Table(box=None, show_header=False, padding=(0, 1, 0, 2))
        for item in note.values:
            table.add_row(*self._row(item, note))
        if table.row_count:
            self._console.print(table)

    def _line(self, note: Notification) -> Text:
        received, opened = note.received, note.received.opened
        what = self._what(note)
        words = [f"{received.moment.astimezone():%H:%M:%S}", received.peer, self._who(note)]
        words += [] if note.problem else [what, as_text(note.clock) if note.clock is not None else ""]
        if opened.counter is not None:
            words.append(f"{_security(opened.control)} counter {opened.counter}")
        words += [opened.remark and f"counter {opened.remark}", received.answer, note.problem]
        return Text("  ".join(word for word in words if word), style="red" if note.problem or opened.remark else "bold")

    def _who(self, note: Notification) -> str:
        title = note.received.opened.title
        unknown = "unknown meter" if title is None or note.problem else f"meter {title.hex()}"
        return note.meter or unknown

    def _what(self, note: Notification) -> str:
        """The push setup, or the attribute that an event was told by."""
        if note.setup or not note.items or note.items[0].label is None:
            return f"{note.setup} {self._names.get(note.setup, '')}".strip() or "push"
        label = note.items[0].label
        return f"event {label.obis}:{label.attribute} {as_text(note.sent) if note.sent is not None else ''}".rstrip()

    def _row(self, item: Item, note: Notification) -> tuple[str, str, str, str]:
        label, value = item
        if value.type is Tag.BIT_STRING and note.alerts:
            shown = "\n".join(f"{bit.bit} {bit.name}" for bit in note.alerts)
        else:
            shown = as_text(value.value)
        if label is None:
            return "", value.type.name.lower().replace("_", "-"), shown, value.unit
        attribute = f":{label.attribute}" if label.attribute != 2 else ""
        return f"{label.obis}{attribute}", label.name or self._names.get(label.obis, ""), shown, value.unit


class PushFile:
    """All pushes, appended to a file, one JSON object a line; each is handed to the system at once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._file: TextIO = path.open("a", encoding="utf-8")
        except OSError as error:
            raise UserError(f"{path} cannot be written: {error.strerror or error}") from error

    def append(self, document: Mapping[str, Any]) -> None:
        try:
            self._file.write(json.dumps(document, ensure_ascii=False) + "\n")
            self._file.flush()
        except OSError as error:
            raise MeterfleetError(f"{self._path} cannot be written: {error.strerror or error}") from error

    def close(self) -> None:
        self._file.close()
