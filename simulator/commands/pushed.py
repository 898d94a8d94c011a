# SPDX-License-Identifier: MIT
"""What the elements of a push are: the object lists of a model's push setups, with names, scalers and units.

A meter's own list goes before its model's. It opens no database.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache

from simulator.cosem.compiler import compile_model
from simulator.cosem.model import CosemObject, Setting
from simulator.cosem.registry import obis_names
from simulator.headend.notifications import PUSH_SETUP, Label, Labels
from simulator.headend.values import PLAIN, UNITS, ScalerUnit
from simulator.values import format_obis
from simulator.wire import axdr

_SCALER = {3: ({2}, 3), 4: ({2}, 3), 5: ({2, 3}, 4)}  # class: attributes with a unit, and where it stands
Reference = tuple[int, str, int]
"""Class, logical name and attribute."""


def labels(model_of: Callable[[str], str | None], own: Mapping[tuple[str, str], Sequence[Reference]]) -> Labels:
    """`model_of` a serial number; `own`: lists by serial number and push setup."""

    def find(serial: str, setup: str) -> Sequence[Label]:
        model = model_of(serial)
        references = own.get((serial, setup)) or (_lists(model).get(setup, ()) if model else ())
        return [_label(model, reference) for reference in references]

    return find


@cache
def _label(model: str | None, reference: Reference) -> Label:
    class_id, obis, attribute = reference
    scales = _scales(model).get(obis, {}) if model else {}
    return Label(class_id, obis, attribute, _names().get(obis, ""), scales.get(attribute, PLAIN))


@cache
def _names() -> Mapping[str, str]:
    return obis_names()


@cache
def _lists(model: str) -> Mapping[str, Sequence[Reference]]:
    setups = [one for one in compile_model(model).objects if one.interface_class.class_id == PUSH_SETUP]
    return {
        format_obis(one.logical_name): listed(one.attributes[1].source.default)
        for one in setups
        if isinstance(one.attributes[1].source, Setting)
    }


@cache
def _scales(model: str) -> Mapping[str, Mapping[int, ScalerUnit]]:
    return {format_obis(one.logical_name): _scale(one) for one in compile_model(model).objects}


def _scale(one: CosemObject) -> dict[int, ScalerUnit]:
    """By attribute."""
    attributes, place = _SCALER.get(one.interface_class.class_id, (set(), 0))
    source = next((found.source for found in one.attributes if found.key[8] == place), None)
    if not isinstance(source, Setting):
        return {}
    scaler, unit = (part.value for part in axdr.decode_whole(source.default).value)
    return dict.fromkeys(attributes, ScalerUnit(scaler, UNITS.get(unit, "")))


def listed(encoded: bytes) -> tuple[Reference, ...]:
    """push_object_list (Blue Book 4.4.8): class, logical name, attribute, data index and perhaps more."""
    rows = axdr.decode_whole(encoded).value
    return tuple(
        (class_id.value, format_obis(name.value), attribute.value)
        for class_id, name, attribute, *_ in (row.value for row in rows)
    )
