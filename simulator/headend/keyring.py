# SPDX-License-Identifier: GPL-2.0-only
"""The list of meters that a head-end was given, as `meterfleet inventory` prints it: places, clients, secrets.

Pure but for reading the file: no gurux, no socket, no database, so that a reader on another machine needs none.
"""

from __future__ import annotations

import csv
import json
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from simulator.errors import Mistake, UserError
from simulator.headend.options import Call, Known
from simulator.headend.way import Transport, Way
from simulator.meter.identity import index_of

Entry = Mapping[str, Any]
_CLIENT = re.compile(r"client_(\d+)_(\w+)")
_CALLS = "dial"  # a meter's framing if it is the one that calls
_NUMBERS = {"port", "server", "physical", "baud"}


def read_meters(path: Path) -> list[Entry]:
    """CSV or JSON; UserError if it is neither."""
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"--keys {path}: {error}") from None
    return _of_json(path, text) if text.lstrip().startswith("[") else _of_csv(path, text)


def _of_json(path: Path, text: str) -> list[Entry]:
    try:
        entries = json.loads(text)
    except json.JSONDecodeError as error:
        raise UserError([Mistake(str(path), error.lineno, error.colno, f"no JSON: {error.msg}")]) from None
    if not all(isinstance(entry, dict) and {"serial", "framing", "clients"} <= set(entry) for entry in entries):
        raise UserError(f"--keys {path}: not what `meterfleet inventory --json` prints")
    return list(entries)


def _of_csv(path: Path, text: str) -> list[Entry]:
    rows = csv.DictReader(text.splitlines())
    if not {"serial", "framing"} <= set(rows.fieldnames or ()):
        raise UserError(f"--keys {path}: not what `meterfleet inventory --csv` or --json prints")
    entries = []
    for row in rows:
        try:
            entries.append(_of_row({name: cell for name, cell in row.items() if isinstance(cell, str) and cell}))
        except ValueError as error:
            raise UserError([Mistake(str(path), rows.line_num, 0, str(error))]) from None
    return entries


def _of_row(row: Mapping[str, str]) -> Entry:
    entry: dict[str, Any] = {"server": 1}
    clients: dict[int, dict[str, Any]] = {}
    for name, cell in row.items():
        if match := _CLIENT.fullmatch(name):
            clients.setdefault(int(match[1]), {"sap": int(match[1])})[match[2]] = cell
        else:
            entry[name] = int(cell) if name in _NUMBERS else cell == "True" if name == "mode_e" else cell
    return {**entry, "clients": list(clients.values())}


def is_called(entry: Entry, word: str) -> bool:
    """By its serial number, or by its number from 1."""
    return word in (entry["serial"], str(index_of(entry["serial"]) + 1))


def named(entries: Iterable[Entry], word: str, way: Way) -> tuple[str, int, int, Way] | None:
    """Host, port, server and the rest of the way to the meter of that number or serial number; None: there is none.

    The place of the framing that `way` asks for, else its first.
    """
    entry = next((entry for entry in entries if is_called(entry, word)), None)
    if entry is None:
        return None
    serial = entry["serial"]
    places = [place for place in entry.get("places", [entry]) if place["framing"] != _CALLS]
    if not places:
        raise UserError(f"meter {serial} calls the head-end and cannot be called")
    asked = [place for place in places if place["framing"] == framing_of(way)]
    place = (asked or places)[0]
    _check_reachable(entry, place, way)
    serial_line, physical = place["framing"] == "serial", place.get("physical")
    found = replace(
        way,
        transport=Transport.SERIAL if serial_line else Transport.UDP if place["framing"] == "udp" else Transport.TCP,
        hdlc=place["framing"] in ("hdlc", "serial"),
        physical=physical if way.physical is None else way.physical,
        gateway=serial if place["framing"] == "gateway" else None,
        mode_e=bool(place.get("mode_e")),
        device_address=serial if place.get("mode_e") else "",
        baud=place.get("baud") or way.baud,
    )
    return place.get("host") or place["device"], place.get("port") or 0, place["server"], found


def _check_reachable(entry: Entry, place: Mapping[str, Any], way: Way) -> None:
    """UserError if the meter is not there by the way that was asked for. HDLC's options are a serial line's, too."""
    asked, has = framing_of(way), place["framing"]
    if asked not in ("wrapper", has) and (asked, has) != ("hdlc", "serial"):
        raise UserError(f"meter {entry['serial']} is not reached by {asked}; its first place is of {has}")
    if way.gateway is not None and not is_called(entry, way.gateway):
        raise UserError(f"--gateway {way.gateway}: meter {entry['serial']} goes by its own name there; leave it out")


def login_for(entries: Iterable[Entry], call: Call) -> Known | None:
    """What the call's client needs, if there is a meter at its place; UserError if that does not know the client."""
    for entry in entries:
        if any(_reaches(call, place, entry["serial"]) for place in entry.get("places", [entry])):
            clients: dict[int, dict[str, str]] = {one["sap"]: one for one in entry["clients"]}
            if (known := clients.get(call.preset.client)) is None:
                has = ", ".join(map(str, sorted(clients)))
                raise UserError(f"meter {entry['serial']} has no client {call.preset.client}; it has {has}")
            password = known.get("password") or known.get("secret")
            return Known(password, known.get("ek"), known.get("ak")) if password else None
    return None


def _reaches(call: Call, place: Mapping[str, Any], serial: str) -> bool:
    """Whether a call gets to this meter at this place; a lower address that it leaves out is the first one there."""
    way = call.way
    where = (place.get("device"), 0) if place["framing"] == "serial" else (place.get("host"), place.get("port"))
    names = ("",) if place["framing"] != "gateway" else ()
    return (
        place["framing"] == framing_of(way)
        and where == (call.host, call.port)
        and place["server"] == call.server
        and way.physical in (None, place.get("physical"))
        and (way.gateway or way.device_address) in (*names, serial, str(index_of(serial) + 1))
    )


def framing_of(way: Way) -> str:
    if way.transport is Transport.SERIAL:
        return "serial"
    if way.hdlc:
        return "hdlc"
    if way.gateway is not None:
        return "gateway"
    return "udp" if way.transport is Transport.UDP else "wrapper"
