# SPDX-License-Identifier: MIT
"""A meter as a head-end's configuration has it: where it is, who may ask it, and with which secrets.

It is what was true when the meter was new; what clients change afterwards (secrets, keys) is not followed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from simulator.errors import UserError

READER = 32


@dataclass(frozen=True, slots=True)
class Client:
    """One of a meter's clients. What its authentication does not use is None."""

    sap: int
    auth: str  # none, lls, hls2 …
    password: str | None = field(default=None, repr=False)  # of LLS
    secret: bytes | None = field(default=None, repr=False)  # of HLS
    ek: bytes | None = field(default=None, repr=False)  # global unicast encryption key
    ak: bytes | None = field(default=None, repr=False)  # authentication key
    master: bytes | None = field(default=None, repr=False)  # key encrypting key


@dataclass(frozen=True, slots=True)
class Meter:
    number: int  # in the fleet, from 1
    serial: str
    logical_device_name: str
    system_title: bytes
    framing: str
    host: str | None  # None: on a serial line
    port: int | None
    server: int  # server address: wPort, or upper HDLC address
    physical: int | None  # lower HDLC address
    device: str | None  # of a serial line
    clients: tuple[Client, ...]
    places: tuple[Mapping[str, Any], ...] = field(compare=False)  # all ways, as `meterfleet inventory --json` has them

    def __str__(self) -> str:
        return f"meter {self.number} ({self.serial})"

    @property
    def address(self) -> str:
        """`HOST:PORT`, or the device of a serial line."""
        return str(self.device) if self.host is None else f"{self.host}:{self.port}"

    @property
    def password(self) -> str:
        """Of the meter reader (client 32, LLS)."""
        password = self.client(READER).password
        if password is None:
            raise UserError(f"client {READER} of {self} has no password but {self.client(READER).auth}")
        return password

    def client(self, sap: int) -> Client:
        found = next((client for client in self.clients if client.sap == sap), None)
        if found is None:
            known = ", ".join(str(client.sap) for client in self.clients)
            raise UserError(f"{self} has no client {sap}; it has {known}")
        return found


def meter_of(number: int, entry: Mapping[str, Any]) -> Meter:
    """From the entry of the inventory."""
    first: dict[str, Any] = {key: entry.get(key) for key in ("host", "port", "framing", "server", "physical", "device")}
    return Meter(
        number,
        entry["serial"],
        entry["logical_device_name"],
        bytes.fromhex(entry["system_title"]),
        clients=tuple(_client(client) for client in entry["clients"]),
        places=tuple(entry.get("places", [first])),
        **first,
    )


def _client(entry: Mapping[str, Any]) -> Client:
    octets = {key: bytes.fromhex(entry[key]) for key in ("secret", "ek", "ak", "master") if key in entry}
    return Client(entry["sap"], entry["auth"], entry.get("password"), **octets)
