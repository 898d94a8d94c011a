# SPDX-License-Identifier: MIT
"""Keys, secrets and system titles of meters from a CSV file, one line per serial number.

It takes the columns of `inventory --csv`, and says every mistake at once with path and line; it never repeats a key.
"""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from simulator.errors import Mistake, UserError
from simulator.fleet.inventory import CSV_COLUMNS
from simulator.meter.identity import Delivered
from simulator.wire.ciphering import KEY_OCTETS, TITLE_OCTETS

_KEY = re.compile(r"(?:client_(\d{1,5})_)?(ek|bk|ak|master|secret|password)")
_HEX_OCTETS = {"ek": (KEY_OCTETS,), "bk": (KEY_OCTETS,), "ak": (KEY_OCTETS,), "master": (KEY_OCTETS,)}
_SECRET_OCTETS = range(8, 65)


@dataclass(frozen=True, slots=True)
class KeyFile:
    digest: str  # of the file: another file is another fleet
    meters: Mapping[str, Delivered]  # by serial, of meters that are there and of such as may replace them


def read_keys(path: Path) -> KeyFile:
    """UserError with every mistake."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: the key file cannot be read: {error}") from None
    rows = csv.DictReader(text.splitlines())
    try:
        meters = _meters(path, rows)
    except csv.Error as error:  # such as a cell of 131,073 letters, mostly a quote that is not closed
        raise UserError([Mistake(str(path), rows.line_num, 0, f"not valid CSV: {error}")]) from None
    return KeyFile(hashlib.sha256(text.encode()).hexdigest()[:16], meters)


def _meters(path: Path, rows: csv.DictReader[str]) -> Mapping[str, Delivered]:
    mistakes = [Mistake(str(path), 1, 0, message) for message in _of_header(rows.fieldnames or ())]
    meters: dict[str, Delivered] = {}
    for row in rows if not mistakes else ():
        serial = (row.get("serial") or "").strip()
        if not serial or serial in meters:
            mistakes.append(Mistake(str(path), rows.line_num, 0, "the serial number is missing, or there twice"))
        meters[serial], wrong = _meter(row)
        mistakes += [Mistake(str(path), rows.line_num, 0, message) for message in wrong]
    if mistakes:
        raise UserError(mistakes)
    return meters


def _of_header(names: object) -> list[str]:
    columns = list(names) if isinstance(names, list | tuple) else []
    if "serial" not in columns:
        return ["a key file begins with a line of column names, one of which is serial"]
    known = {"serial", *CSV_COLUMNS}
    return [
        f"column {name!r} is not known; write for example system_title, ek, ak, master, client_48_secret"
        for name in columns
        if name not in known and not _KEY.fullmatch(name)
    ]


def _meter(row: Mapping[str, str | None]) -> tuple[Delivered, list[str]]:
    keys: dict[tuple[int, str], bytes] = {}
    mistakes: list[str] = []
    title = b""
    for column, cell in row.items():
        text = (cell or "").strip() if isinstance(cell, str | None) else ""
        match = _KEY.fullmatch(column or "")
        if not text or (match is None and column != "system_title"):
            continue
        name = match[2] if match else column
        octets = text.encode() if name == "password" else _hex(text)
        if octets is None or len(octets) not in _sizes(name):
            mistakes.append(f"{column}: {_expected(name)}")
        elif match is None:
            title = octets
        else:
            keys[int(match[1] or 0), "secret" if name == "password" else name] = octets
    return Delivered(title, keys), mistakes


def _sizes(name: str) -> range | tuple[int, ...]:
    if name == "system_title":
        return (TITLE_OCTETS,)
    return range(1, 65) if name == "password" else _HEX_OCTETS.get(name, _SECRET_OCTETS)


def _expected(name: str) -> str:
    if name == "password":
        return "a password has 1 to 64 characters"
    sizes = _sizes(name)
    octets = str(sizes[0]) if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
    return f"{octets} octets in hexadecimal were expected"


def _hex(text: str) -> bytes | None:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return None
