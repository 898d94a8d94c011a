# SPDX-License-Identifier: MIT
"""What is known of meters that push: keys by system title, and which objects they were told to push.

It comes from a fleet's database or from a file of keys. Nothing is opened for longer than it takes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from simulator.commands.inventory import read_inventory
from simulator.commands.place import Place
from simulator.commands.pushed import Reference, listed
from simulator.errors import UserError
from simulator.fleet.keyfile import read_keys
from simulator.fleet.spec import FleetSpec
from simulator.headend.keybook import KeyPair, Owner
from simulator.headend.notifications import PUSH_SETUP
from simulator.meter.identity import Delivered, index_of
from simulator.store.database import Store

_PUSH_CLIENT = 64


class Found(NamedTuple):
    spec: FleetSpec
    owners: dict[bytes, Owner]
    objects: dict[tuple[str, str], tuple[Reference, ...]]  # by serial and push setup, where they are a meter's own

    def model_of(self, serial: str) -> str:
        """Of a meter that is not of the fleet, the first model."""
        number = index_of(serial)
        return self.spec.group_of(number if 0 <= number < self.spec.count else 0).model


async def read_fleet(place: Place) -> Found:
    entries = await read_inventory(place)
    store = await Store.open(place.dsn, revive=place.revive)
    try:
        fleet, lists, meters = await store.fleet(), await store.push_lists(), await store.meters()
        written = [value for value in await store.attributes() if value.class_id == PUSH_SETUP]
    finally:
        await store.close()
    assert fleet is not None  # read_inventory has said so
    objects = {(serial, setup): _references(text) for serial, setup, text in lists}
    serials = {meter.id: meter.meter_number for meter in meters}
    for value in written:
        if value.attribute_index == 2:
            objects[serials[value.meter_id], value.logical_name] = listed(value.encoded)
    return Found(FleetSpec.stored(fleet.spec), owners_in(entries), objects)


def owners_in(entries: Iterable[Mapping[str, Any]]) -> dict[bytes, Owner]:
    """Of the inventory; a meter without a title cannot be told by it."""
    owners = {}
    for entry in (entry for entry in entries if "system_title" in entry):
        clients = sorted(entry["clients"], key=lambda client: client["sap"] != _PUSH_CLIENT)
        pairs = [KeyPair(bytes.fromhex(one["ek"]), bytes.fromhex(one.get("ak", ""))) for one in clients if "ek" in one]
        owners[bytes.fromhex(entry["system_title"])] = Owner(str(entry["serial"]), tuple(dict.fromkeys(pairs)))
    return owners


def owners_in_file(path: Path) -> dict[bytes, Owner]:
    """Of the inventory as JSON or CSV, of a ready event, or of a key file."""
    if path.suffix != ".json":
        return _owners_in_csv(path)
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return owners_in(document["meters"] if isinstance(document, dict) else document)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is no inventory as `meterfleet inventory --json` prints it: {error!r}") from None


def _owners_in_csv(path: Path) -> dict[bytes, Owner]:
    meters = read_keys(path).meters
    if nameless := [serial for serial, meter in meters.items() if not meter.title]:
        raise UserError(f"{path}: meter {nameless[0]} has no system_title, so its pushes cannot be told from others'")
    return {meter.title: Owner(serial, tuple(_pairs(meter))) for serial, meter in meters.items()}


def _pairs(meter: Delivered) -> Iterable[KeyPair]:
    """The push client's first, then those of all clients, then any other."""
    clients = {client for client, name in meter.keys if name == "ek"}
    for client in sorted(clients, key=lambda client: (client != _PUSH_CLIENT, client)):
        ak = meter.keys.get((client, "ak")) or meter.keys.get((0, "ak"), b"")
        yield KeyPair(meter.keys[client, "ek"], ak)


@cache
def _references(text: str) -> tuple[Reference, ...]:
    """``8/0.0.1.0.0.255/2 …``"""
    return tuple(
        (int(class_id), obis, int(attribute)) for class_id, obis, attribute in (w.split("/") for w in text.split())
    )
