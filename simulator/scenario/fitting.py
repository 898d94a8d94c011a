# SPDX-License-Identifier: MIT
"""What a step or an expectation wants of meters that their model has not: told before anything runs."""

from __future__ import annotations

from typing import NamedTuple

from simulator.cosem.model import Attribute, CosemObject, Model
from simulator.scenario.values import Target
from simulator.values import format_obis


class Unfit(NamedTuple):
    """`key`: the word in the file; `words`: what is said of the model."""

    key: str
    words: str


def attribute_of(model: Model, key: bytes) -> Attribute | None:
    objects = (entry for entry in model.objects if entry.logical_name == key[2:8])
    return next((one for entry in objects for one in entry.attributes if one.key == key), None)


def without_attribute(model: Model, key: str, target: Target) -> Unfit | None:
    if (found := _object(model, target.logical_name)) is None:
        return _without(key, target.logical_name)
    indices = {one.index for one in found.interface_class.attributes}
    return None if target.index in indices else Unfit(key, f"has no attribute {target.index} of {_told(found)}")


def without_method(model: Model, key: str, target: Target) -> Unfit | None:
    if (found := _object(model, target.logical_name)) is None:
        return _without(key, target.logical_name)
    indices = {one.index for one in found.interface_class.methods}
    return None if target.index in indices else Unfit(key, f"has no method {target.index} of {_told(found)}")


def without_client(model: Model, key: str, client: int | None) -> Unfit | None:
    """None: no client is asked for."""
    if client is None or client in model.views:
        return None
    return Unfit(key, f"has no client {client}; its clients are {', '.join(map(str, sorted(model.views)))}")


def without_object(model: Model, key: str, logical_name: bytes) -> Unfit | None:
    return _without(key, logical_name) if _object(model, logical_name) is None else None


def _object(model: Model, logical_name: bytes) -> CosemObject | None:
    return next((one for one in model.objects if one.logical_name == logical_name), None)


def _without(key: str, logical_name: bytes) -> Unfit:
    return Unfit(key, f"has no object {format_obis(logical_name)}")


def _told(found: CosemObject) -> str:
    return f"{format_obis(found.logical_name)} ({found.interface_class.name})"
