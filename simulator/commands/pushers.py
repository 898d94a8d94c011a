# SPDX-License-Identifier: MIT
"""What is known of meters that push: keys by system title, and which objects each push setup sends.

It comes from a fleet's database, from a file of keys, or from a model. Nothing is opened for longer than it takes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from simulator.commands.inventory import read_inventory
from simulator.commands.place import Place
from simulator.cosem.compiler import compile_model
from simulator.cosem.model import CosemObject, Setting
from simulator.cosem.registry import obis_names
from simulator.errors import UserError
from simulator.fleet.keyfile import MeterKeys, read_keys
from simulator.headend.keybook import KeyPair, Owner
from simulator.headend.notifications import PUSH_SETUP, Label, Labels
from simulator.headend.values import PLAIN, UNITS, ScalerUnit
from simulator.store.database import Store
from simulator.values import format_obis
from simulator.wire import axdr

_PUSH_CLIENT = 64
_SCALER = {3: ({2}, 3), 4: ({2}, 3), 5: ({2, 3}, 4)}  # class: attributes with a unit, and where it stands
Reference = tuple[int, str, int]
"""Class, logical name and attribute."""


class Found(NamedTuple):
    model: str
    owners: dict[bytes, Owner]
    objects: dict[tuple[str, str], tuple[Reference, ...]]  # by serial and push setup, where they are a meter's own


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
            objects[serials[value.meter_id], value.logical_name] = _listed(value.encoded)
    return Found(str(fleet.spec["model"]), owners_in(entries), objects)


def owners_in(entries: Iterable[Mapping[str, Any]]) -> dict[bytes, Owner]:
    """Of the inventory."""
    owners = {}
    for entry in entries:
        clients = sorted(entry["clients"], key=lambda client: client["sap"] != _PUSH_CLIENT)
        pairs = [KeyPair(bytes.fromhex(one["ek"]), bytes.fromhex(one["ak"])) for one in clients if "ek" in one]
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


def _pairs(meter: MeterKeys) -> Iterable[KeyPair]:
    """The push client's first, then those of all clients, then any other."""
    clients = {client for client, name in meter.keys if name == "ek"}
    for client in sorted(clients, key=lambda client: (client != _PUSH_CLIENT, client)):
        ak = meter.keys.get((client, "ak")) or meter.keys.get((0, "ak"), b"")
        yield KeyPair(meter.keys[client, "ek"], ak)


def labels(model: str | None, own: Mapping[tuple[str, str], Sequence[Reference]]) -> Labels:
    """Of a meter's own lists, or else of its model's."""
    objects = compile_model(model).objects if model else ()
    scales = {_name(one): _scales(one) for one in objects}
    names = obis_names()
    usual = {
        _name(one): _listed(one.attributes[1].source.default)
        for one in objects
        if one.interface_class.class_id == PUSH_SETUP and isinstance(one.attributes[1].source, Setting)
    }

    @cache
    def label(reference: Reference) -> Label:
        class_id, obis, attribute = reference
        return Label(class_id, obis, attribute, names.get(obis, ""), scales.get(obis, {}).get(attribute, PLAIN))

    def find(serial: str, setup: str) -> Sequence[Label]:
        return [label(reference) for reference in own.get((serial, setup)) or usual.get(setup, ())]

    return find


def _name(one: CosemObject) -> str:
    return format_obis(one.logical_name)


def _scales(one: CosemObject) -> dict[int, ScalerUnit]:
    """By attribute."""
    attributes, place = _SCALER.get(one.interface_class.class_id, (set(), 0))
    source = next((found.source for found in one.attributes if found.key[8] == place), None)
    if not isinstance(source, Setting):
        return {}
    scaler, unit = (part.value for part in axdr.decode_whole(source.default).value)
    return dict.fromkeys(attributes, ScalerUnit(scaler, UNITS.get(unit, "")))


def _listed(encoded: bytes) -> tuple[Reference, ...]:
    """push_object_list (Blue Book 4.4.8): class, logical name, attribute, data index and perhaps more."""
    rows = axdr.decode_whole(encoded).value
    return tuple(
        (class_id.value, format_obis(name.value), attribute.value)
        for class_id, name, attribute, *_ in (row.value for row in rows)
    )


@cache
def _references(text: str) -> tuple[Reference, ...]:
    """``8/0.0.1.0.0.255/2 …``"""
    return tuple(
        (int(class_id), obis, int(attribute)) for class_id, obis, attribute in (w.split("/") for w in text.split())
    )
