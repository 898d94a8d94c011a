# SPDX-License-Identifier: GPL-2.0-only
"""The meters that a head-end reads, from an inventory: where each is, and how a client logs in there.

It takes what `meterfleet inventory` prints, JSON or CSV, and never shows a password or a key.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from simulator.errors import Mistake, UserError
from simulator.headend.aside import Heard
from simulator.headend.ciphering import Keys
from simulator.headend.options import Preset
from simulator.headend.reader import MeterReader
from simulator.headend.switchboard import Switchboard
from simulator.headend.way import Transport, Way

_CALLS = "dial"
_HDLC = frozenset({"hdlc", "serial"})
_HEXADECIMAL = frozenset({"secret", "ek", "ak"})
_NUMBERS = ("port", "server", "physical", "baud")


@dataclass(frozen=True, slots=True)
class KnownMeter:
    """One line of the inventory, as one client sees it."""

    serial: str
    host: str
    port: int
    server: int
    way: Way
    client: int
    mechanism: int
    secret: bytes | None = field(default=None, repr=False)
    keys: Keys | None = field(default=None, repr=False)
    calls: bool = False  # by itself, and cannot be called

    @contextmanager
    def reader(
        self, *, timeout_s: float, max_pdu: int, heard: Heard | None = None, calls: Switchboard | None = None
    ) -> Iterator[MeterReader]:
        """Associated; over the meter's own call, if it is one of those that call."""
        with ExitStack() as stack:
            opened = None
            if self.calls:
                assert calls is not None
                opened = stack.enter_context(calls.link(self.serial, timeout_s=timeout_s))
            yield stack.enter_context(
                MeterReader(
                    self.host, self.port, client=self.client, password=self.secret, server=self.server,
                    mechanism=self.mechanism, way=self.way, timeout_s=timeout_s, max_pdu=max_pdu, keys=self.keys,
                    opened=opened, heard=heard,
                )
            )  # fmt: skip


def read_inventory_file(path: Path) -> list[dict[str, Any]]:
    """As `inventory --json` has it, whatever the file's form; UserError if it is neither CSV nor JSON of that kind."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read: {error}") from None
    try:
        if path.suffix != ".json":
            entries = _entries(text, path)
        else:
            document = json.loads(text)
            entries = list(document["meters"] if isinstance(document, dict) else document)
        for number, entry in enumerate(entries, 1):
            _check(entry, f"{path}: meter {number}")
    except KeyError as error:
        raise UserError(f"{path} is no inventory as `meterfleet inventory` prints it: {error} is missing") from None
    except (ValueError, TypeError) as error:
        raise UserError(f"{path} is no inventory as `meterfleet inventory` prints it: {error}") from None
    if not entries:
        raise UserError(f"{path}: no meter in it")
    counts = Counter(str(entry["serial"]) for entry in entries)
    if twice := [serial for serial, count in counts.items() if count > 1]:
        raise UserError(f"{path}: meter {twice[0]} is there {counts[twice[0]]} times; a serial number is of one meter")
    return entries


def _check(entry: Any, where: str) -> None:
    """What no head-end could use is told before anybody is read. Names and titles may be missing: without them nobody
    knows who calls or pushes."""
    try:
        entry["serial"]
        bytes.fromhex(entry.get("system_title", ""))
        if entry.get("framing") != _CALLS:
            entry["device" if "device" in entry else "host"]
        for client in entry["clients"]:
            int(client["sap"])
            for name in _HEXADECIMAL & client.keys():
                bytes.fromhex(client[name])
    except KeyError as error:
        raise UserError(f"{where}: {error} is missing") from None
    except (ValueError, TypeError, AttributeError) as error:
        raise UserError(f"{where} is not as `meterfleet inventory` prints it: {error}") from None


def _entries(text: str, path: Path) -> list[dict[str, Any]]:
    lines = csv.DictReader(text.splitlines())
    entries = []
    for row in lines:
        if None in row:
            header = len(lines.fieldnames or ())
            words = (
                f"more cells than the {header} of the first line; an inventory is what `meterfleet inventory` prints"
            )
            raise UserError([Mistake(str(path), lines.line_num, 0, words)])
        entries.append(_entry(row))
    return entries


def _entry(row: Mapping[str, str]) -> dict[str, Any]:
    """A line of CSV as an object with its clients nested."""
    entry: dict[str, Any] = {name: cell for name, cell in row.items() if cell and not name.startswith("client_")}
    entry |= {name: int(entry[name]) for name in _NUMBERS if name in entry}
    clients: dict[int, dict[str, Any]] = {}
    for name, cell in row.items():
        if cell and name.startswith("client_"):
            _, sap, key = name.split("_", 2)
            clients.setdefault(int(sap), {"sap": int(sap)})[key] = cell
    return {"serial": entry["serial"], **entry, "clients": [*clients.values()]}


def known_meters(
    inventory: Iterable[Mapping[str, Any]], preset: Preset, *, accepted: Way | None = None
) -> list[KnownMeter]:
    """Meters that call by themselves are left out, unless calls are `accepted`; then their lines are of this kind."""
    return [_known(entry, preset, accepted) for entry in inventory if accepted or entry.get("framing") != _CALLS]


def _known(entry: Mapping[str, Any], preset: Preset, accepted: Way | None) -> KnownMeter:
    serial = str(entry["serial"])
    calls = accepted is not None and any(place["framing"] == _CALLS for place in entry.get("places", [entry]))
    clients: Sequence[Mapping[str, Any]] = entry["clients"]
    client = next((one for one in clients if one["sap"] == preset.client), None)
    if client is None:
        raise UserError(f"the inventory has no client {preset.client} for meter {serial}; choose another --client")
    password, secret = client.get("password"), client.get("secret")
    if preset.mechanism and not (password or secret):
        raise UserError(f"the inventory has no password of client {preset.client} for meter {serial}")
    if preset.mechanism > 1 and not ("ek" in client and "ak" in client):
        raise UserError(f"the inventory has no keys of client {preset.client} for meter {serial}")
    keys = Keys(bytes.fromhex(client["ek"]), bytes.fromhex(client["ak"])) if preset.mechanism > 1 else None
    return KnownMeter(
        serial,
        str(entry.get("device") or entry["host"]),
        int(entry.get("port") or 0),
        int(entry.get("server", 1)),
        accepted if calls and accepted else _way(entry, serial),
        preset.client,
        preset.mechanism,
        password.encode() if password else bytes.fromhex(secret) if secret else None,
        keys,
        calls,
    )


def _way(entry: Mapping[str, Any], serial: str) -> Way:
    framing = str(entry.get("framing", "wrapper"))
    transport = {"udp": Transport.UDP, "serial": Transport.SERIAL}.get(framing, Transport.TCP)
    mode_e = str(entry.get("mode_e", "")).lower() in ("true", "1")
    return Way(
        transport,
        hdlc=framing in _HDLC,
        physical=entry.get("physical"),
        gateway=serial if framing == "gateway" else None,
        mode_e=mode_e,
        device_address=serial if mode_e else "",
        baud=int(entry.get("baud") or 9600),
    )
