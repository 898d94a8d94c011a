# SPDX-License-Identifier: MIT
"""Compiles Profile generic objects (Blue Book 4.3.6): capture objects, row layouts, where the store keeps columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from simulator.cosem.encodings import Encoding, NumberEncoding, RowLayout
from simulator.cosem.model import (
    Attribute,
    Buffer,
    CosemObject,
    EntriesInUse,
    Measured,
    Model,
    Profile,
    Setting,
    Source,
    StoreCell,
)
from simulator.cosem.quantities import QUANTITIES
from simulator.cosem.registry import ObisEntry, load_registry
from simulator.cosem.spec import MergedModel, ProfileSpec
from simulator.errors import Mistake
from simulator.values import attribute_key, format_obis, is_number, parse_obis
from simulator.wire.axdr import encode_length
from simulator.wire.codes import Tag
from simulator.wire.selection import CaptureObject

CLOCK = "0.0.1.0.0.255"
_FIFO = 1
_OF_ROWS = {(7, 2), (7, 7)}  # buffer and entries_in_use: only the store knows them
_BLOCK_INTERVAL = QUANTITIES["block_interval_s"]


class ProfileCompiler:
    """Fills the class 7 objects of a model; mistakes go to the given list."""

    def __init__(
        self,
        merged: MergedModel,
        objects: Mapping[str, CosemObject],
        registry: Mapping[str, ObisEntry],
        mistakes: list[Mistake],
    ) -> None:
        self.merged, self._objects, self._registry, self._mistakes = merged, objects, registry, mistakes
        self.by_name: dict[str, Profile] = {}

    def objects(self) -> dict[str, CosemObject]:
        filled = {}
        for code, entry in self._objects.items():
            if entry.interface_class.class_id != 7:
                continue
            spec = self.merged.spec.profiles.get(code)
            if spec is None:
                self._mistake((), f"{code} ({entry.name}) is a profile without an entry under `profiles`")
                continue
            profile = self._profile(code, spec)
            if profile is not None:
                self.by_name[code] = profile
                filled[code] = self._fill(entry, spec, profile)
        return filled

    def _mistake(self, location: tuple[str | int, ...], message: str) -> None:
        self._mistakes.append(self.merged.mistake(("profiles", *location), message))

    def _profile(self, code: str, spec: ProfileSpec) -> Profile | None:
        columns, captured = [], []
        for index, text in enumerate(spec.capture):
            found = self._captured(text)
            if isinstance(found, str):
                self._mistake((code, "capture", index), found)
                continue
            owner, attribute = found
            columns.append(CaptureObject(owner.interface_class.class_id, owner.logical_name, attribute.key[8], 0))
            captured.append(attribute)
        if len(captured) < len(spec.capture):
            return None
        profile = Profile(
            parse_obis(code), spec.source, spec.table, spec.time, spec.depth, tuple(columns), tuple(captured), None, ()
        )
        if spec.source == "scalers":
            return replace(
                profile, constant=_one_row([a.source.default for a in captured if isinstance(a.source, Setting)])
            )
        return profile if spec.source == "live" else self._stored(code, spec, profile)

    def _captured(self, text: str) -> tuple[CosemObject, Attribute] | str:
        name, _, index = text.partition(":")
        owner = self._objects.get(name)
        if owner is None:
            return f"{name} is not among the model's objects"
        number = int(index) if is_number(index) else 0 if index else 2
        if not 1 <= number <= len(owner.attributes):
            return f"{name} has no attribute {index}"
        if (owner.interface_class.class_id, number) in _OF_ROWS:
            return f"{name}:{number} is about the rows of a profile and no column of another one"
        return owner, owner.attributes[number - 1]

    def _stored(self, code: str, spec: ProfileSpec, profile: Profile) -> Profile | None:
        layout: list[Encoding] = []
        cells = [self._cell(spec, c, a.source) for c, a in zip(profile.columns, profile.captured, strict=True)]
        if spec.source == "snapshot":
            return replace(profile, cells=tuple(cells))
        for index, attribute in enumerate(profile.captured):
            if isinstance(attribute.source, Measured):
                layout.append(attribute.source.encoding)
            else:
                self._mistake((code, "capture", index), "only what the meter measures can be a column of a table")
        return replace(profile, layout=RowLayout(tuple(layout)), cells=tuple(cells))

    def _cell(self, spec: ProfileSpec, column: CaptureObject, source: Source) -> StoreCell | None:
        code = format_obis(column.logical_name)
        if code == CLOCK:
            return None
        name = self._registry[code].column_of(column.attribute_index, spec.table) or ""
        if name == spec.time:
            return None
        quantity = source.quantity if isinstance(source, Measured) else None
        is_time = quantity is not None and quantity.kind == "stamp"
        power = quantity.store_power if quantity is not None and not is_time else 0
        return StoreCell(name, "" if name else f"{code}:{column.attribute_index}", power, is_time)

    def _fill(self, entry: CosemObject, spec: ProfileSpec, profile: Profile) -> CosemObject:
        kinds = {attribute.name: attribute for attribute in entry.attributes}
        definitions = [
            [c.class_id, format_obis(c.logical_name), c.attribute_index, c.data_index] for c in profile.columns
        ]
        sort_object = (
            definitions[0] if profile.columns and spec.source in ("table", "snapshot") else [0, "0.0.0.0.0.0", 0, 0]
        )

        def setting(name: str, value: Any) -> Source:
            return Setting(kinds[name].type.encode(value))

        sources: dict[str, Source] = {
            "buffer": Buffer(profile),
            "capture_objects": setting("capture_objects", definitions),
            "capture_period": self._period(kinds["capture_period"], spec),
            "sort_method": setting("sort_method", _FIFO),
            "sort_object": setting("sort_object", sort_object),
            "entries_in_use": EntriesInUse(profile),
            "profile_entries": setting("profile_entries", profile.depth),
        }
        attributes = tuple(
            attribute._replace(source=sources.get(attribute.name, attribute.source)) for attribute in entry.attributes
        )
        return entry._replace(attributes=attributes)

    def _period(self, attribute: Attribute, spec: ProfileSpec) -> Source:
        if spec.period_s == "block":
            return Measured(_BLOCK_INTERVAL, NumberEncoding(Tag.DOUBLE_LONG_UNSIGNED))
        return Setting(attribute.type.encode(spec.period_s))


def recaptured(model: Model, profile: Profile, wanted: Sequence[CaptureObject]) -> Profile | None:
    """The profile with other capture objects; None if its table does not keep one of them."""
    attributes = {attribute.key: attribute for entry in model.objects for attribute in entry.attributes}
    registry = load_registry(model.spec.registry)
    kept = dict(zip(profile.columns, profile.cells, strict=True))
    captured, cells = [], []
    for column in wanted:
        attribute = attributes.get(attribute_key(*column[:3]))
        if attribute is None or not isinstance(attribute.source, Measured) or column.data_index:
            return None
        name = registry[format_obis(column.logical_name)].column_of(column.attribute_index, profile.table) or ""
        if column not in kept and not name:
            return None
        is_time = attribute.source.quantity.kind == "stamp"
        power = 0 if is_time else attribute.source.quantity.store_power
        captured.append(attribute)
        cells.append(kept[column] if column in kept else StoreCell(name, "", power, is_time))
    layout = RowLayout(tuple(a.source.encoding for a in captured if isinstance(a.source, Measured)))
    return replace(profile, columns=tuple(wanted), captured=tuple(captured), layout=layout, cells=tuple(cells))


def _one_row(cells: list[bytes]) -> bytes:
    structure = bytes((Tag.STRUCTURE,)) + encode_length(len(cells)) + b"".join(cells)
    return bytes((Tag.ARRAY, 1)) + structure
