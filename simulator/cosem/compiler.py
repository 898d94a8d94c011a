# SPDX-License-Identifier: MIT
"""From a written model to a compiled one; every mistake at once, in the file and line that hold it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from simulator.cosem.association import association_values, current_association_values, object_list
from simulator.cosem.catalogue import Catalogue, load_catalogue
from simulator.cosem.checks import mistakes_of
from simulator.cosem.classes import CLASSES, AttributeDeclaration, InterfaceClass
from simulator.cosem.encodings import NUMBER_TYPES, Encoding, NumberEncoding, StampEncoding
from simulator.cosem.model import (
    Attribute,
    ClientView,
    CosemObject,
    Identity,
    InvocationCounter,
    Measured,
    Model,
    PerClient,
    Profile,
    Setting,
    Source,
    StatusWord,
)
from simulator.cosem.profiles import ProfileCompiler
from simulator.cosem.quantities import COUNT, QUANTITIES, Quantity
from simulator.cosem.registry import ObisEntry, load_registry
from simulator.cosem.spec import MergedModel, load_spec
from simulator.cosem.types import Choice, parse_type
from simulator.cosem.versions import interface_class, versions_of, widened
from simulator.documents import did_you_mean
from simulator.errors import Mistake, UserError
from simulator.values import attribute_key, format_obis, parse_obis

CURRENT_ASSOCIATION = "0.0.40.0.0.255"
TARIFF_SCRIPTS = "0.0.10.0.100.255"
_RIGHT = re.compile(r"([rwx])((?:\d{1,3}(?:-\d{1,3})?)(?:,\d{1,3}(?:-\d{1,3})?)*)?")
# Attributes of classes other than data and registers that show what the meter measures: (class, index) -> quantity.
_MEASURED = {
    (5, 8): "block_interval_s",
    (8, 2): "clock",
    (64, 5): "system_title",
    (70, 2): "relay_output",
    (70, 3): "relay_state",
}
_REGISTERS = (3, 4, 5)


@lru_cache(maxsize=32)
def compile_model(name: str) -> Model:
    """The model of that name (or path); UserError with every mistake."""
    return _Compiler(load_spec(name)).model()


class _Compiler:
    def __init__(self, merged: MergedModel) -> None:
        self.merged, self.spec = merged, merged.spec
        self.registry = load_registry(self.spec.registry)
        self.mistakes: list[Mistake] = []

    def model(self) -> Model:
        self._check_names()
        self._check_foundations()
        objects, rights = self._objects(), self._all_rights()
        self._stop_on_mistakes()
        profiles = ProfileCompiler(self.merged, objects, self.registry, self.mistakes)
        objects.update(profiles.objects())
        self._stop_on_mistakes()
        ordered = sorted(objects.values(), key=lambda o: (o.interface_class.class_id, o.logical_name))
        listed = {client: object_list(ordered, rights, client) for client in self.spec.clients}
        ordered = [self._with_lists(entry, listed) for entry in ordered]
        views = {client: self._view(client, ordered, rights, listed[client]) for client in self.spec.clients}
        classes = {entry.logical_name: entry.interface_class.class_id for entry in ordered}
        events = self._events(profiles.by_name)
        zones = self._zones()
        return Model(self.merged.name, self.spec, tuple(ordered), views, profiles.by_name, zones, classes, events)

    def _events(self, profiles: Mapping[str, Profile]) -> Catalogue:
        """Those that meters of these phases can notice and that the model has a log for."""
        if not self.spec.events:
            return {}
        known = load_catalogue(self.spec.events)
        logs = {log for log in range(7) if f"0.0.99.98.{log}.255" in profiles}
        return {code: event for code, event in known.items() if event.is_for(self.spec.phases) and event.log in logs}

    def _stop_on_mistakes(self) -> None:
        if self.mistakes:
            raise UserError(list(dict.fromkeys(self.mistakes)))  # what all objects of an access share is wrong once

    def _mistake(self, location: tuple[str | int, ...], message: str) -> None:
        self.mistakes.append(self.merged.mistake(location, message))

    def _check_foundations(self) -> None:
        """Without these nothing can be said of objects; a name that nothing bears hides no other mistake."""
        found = [*self._class_versions(), *mistakes_of(self.merged)]
        if found or not self.spec.register_types:
            raise UserError([*self.mistakes, *found])

    def _class_versions(self) -> Iterator[Mistake]:
        for class_id, version in self.spec.class_versions.items():
            if class_id not in CLASSES or version not in versions_of(class_id):
                words = f"class {class_id} has no version {version}; known: {versions_of(class_id)}"
                yield self.merged.mistake(("class_versions", str(class_id)), words)

    def _objects(self) -> dict[str, CosemObject]:
        known = [code for codes in self.spec.objects.values() for code in codes if code in self.registry]
        return {code: self._object(self.registry[code]) for code in known}

    def _all_rights(self) -> dict[str, dict[int, dict[str, frozenset[int]]]]:
        known = {access: codes for access, codes in self.spec.objects.items() if access in self.spec.access}
        return {code: self._rights(code, access) for access, codes in known.items() for code in codes
                if code in self.registry}  # fmt: skip

    def _check_names(self) -> None:
        spec = self.spec
        if spec.registers not in spec.register_types:
            self._mistake(("registers",), did_you_mean(spec.registers, list(spec.register_types)))
        seen: set[str] = set()
        for access, codes in spec.objects.items():
            if access not in spec.access:
                self._mistake(("objects", access), f"no such access; {did_you_mean(access, list(spec.access))}")
            for index, code in enumerate(codes):
                if code not in self.registry:
                    self._mistake(("objects", access, index), self._unknown(code))
                if code in seen:
                    self._mistake(("objects", access, index), f"{code} is listed twice")
                seen.add(code)
        for part in ("values", "profiles"):
            for code in getattr(spec, part):
                if code not in seen:
                    self._mistake((part, code), f"{code} is not among the model's objects")

    def _unknown(self, code: str) -> str:
        try:
            parse_obis(code)
        except ValueError as error:
            return str(error)
        return f"{code} is not in the registry obis/{self.spec.registry}.csv"

    def _object(self, entry: ObisEntry) -> CosemObject:
        logical_name, declared = parse_obis(entry.logical_name), self._declared(entry.class_id)
        given = self.spec.values.get(entry.logical_name, {})
        for name in given:
            if declared.attribute(name) is None:
                names = [attribute.name for attribute in declared.attributes]
                self._mistake(("values", entry.logical_name, name), f"no such attribute; {did_you_mean(name, names)}")
        attributes = tuple(self._attribute(entry, declared, one, given) for one in declared.attributes)
        return CosemObject(declared, logical_name, entry.name, attributes)

    def _declared(self, class_id: int) -> InterfaceClass:
        declared = interface_class(class_id, self.spec.class_versions.get(class_id))
        assert declared is not None  # _check_names has looked
        return declared

    def _attribute(
        self, entry: ObisEntry, owner: InterfaceClass, declared: AttributeDeclaration, given: Mapping[str, Any]
    ) -> Attribute:
        key = attribute_key(owner.class_id, parse_obis(entry.logical_name), declared.index)
        kind = self._type(entry, declared)
        return Attribute(key, declared.name, kind, self._source(entry, declared, kind, given))

    def _type(self, entry: ObisEntry, declared: AttributeDeclaration) -> Choice:
        if (entry.class_id in (1, *_REGISTERS) and declared.index == 2) or (entry.class_id, declared.index) == (5, 3):
            return parse_type(entry.type or self._register_type(entry)[0])
        return declared.type

    def _register_type(self, entry: ObisEntry) -> tuple[str, int]:
        known = self.spec.register_types
        types = known[self.spec.registers if self.spec.registers in known else next(iter(known))]
        return types.get(entry.unit) or types[COUNT]

    def _source(
        self, entry: ObisEntry, declared: AttributeDeclaration, kind: Choice, given: Mapping[str, Any]
    ) -> Source:
        if declared.index == 1:
            return Setting(b"\x09\x06" + parse_obis(entry.logical_name))
        owner = self._counted(entry)
        if owner is not None and declared.index == 2:
            return InvocationCounter(owner, int(kind.tag or 0))
        if declared.name in given:
            said = given[declared.name]
            if declared.name == "push_object_list":
                said = widened(said, self._declared(entry.class_id).version)
            value = self._encode(kind, said, ("values", entry.logical_name, declared.name))
            return StatusWord(value) if self._measured(entry, declared) == "event_status_word" else Setting(value)
        if source := self._measured(entry, declared):
            return self._measured_source(entry, source, kind)
        if entry.class_id in _REGISTERS and declared.name == "scaler_unit":
            return Setting(declared.type.encode([self._scaler(entry), entry.unit]))
        if entry.class_id == 7:
            return Setting(b"")  # filled by the profile's own compiler
        return self._default(entry, declared, kind)

    def _counted(self, entry: ObisEntry) -> int | None:
        """The client whose invocation counter an object shows: 0.0.43.1.e of the security setup 0.0.43.0.e."""
        setup = entry.logical_name.replace("0.0.43.1.", "0.0.43.0.", 1)
        if entry.class_id != 1 or setup == entry.logical_name:
            return None
        return next((client for client, spec in self.spec.clients.items() if spec.security_setup == setup), None)

    def _measured(self, entry: ObisEntry, declared: AttributeDeclaration) -> str:
        if entry.class_id in (1, *_REGISTERS) and declared.index == 2:
            return entry.source
        if (entry.class_id, declared.index) == (5, 3):
            return f"{entry.source}_last"
        if (entry.class_id, declared.index) in ((5, 6), (5, 7)):  # a period begins when the last one was captured
            return f"{entry.source.removesuffix('_sliding')}_start"
        if entry.class_id == 4 and declared.name == "capture_time" and entry.source:
            return f"{entry.source}_time"
        return _MEASURED.get((entry.class_id, declared.index), "")

    def _measured_source(self, entry: ObisEntry, name: str, kind: Choice) -> Source:
        quantity = QUANTITIES[name]
        if quantity.kind == "bits":
            return StatusWord(kind.encode([]))
        if quantity.kind == "text":
            return Identity(quantity, int(kind.tag or 0))
        return Measured(quantity, self._encoding(entry, quantity, kind))

    def _encoding(self, entry: ObisEntry, quantity: Quantity, kind: Choice) -> Encoding:
        if quantity.kind == "stamp":
            return StampEncoding(self.spec.utc_offset_minutes)
        scaled = entry.class_id in _REGISTERS and quantity.name != "block_interval_s"
        scaler = self._scaler(entry) if scaled else 0
        return NumberEncoding(NUMBER_TYPES[kind.text], scaler, quantity.exponent - scaler)

    def _scaler(self, entry: ObisEntry) -> int:
        return 0 if entry.type else self._register_type(entry)[1]

    def _default(self, entry: ObisEntry, declared: AttributeDeclaration, kind: Choice) -> Source:
        defaults = self.spec.class_defaults.get(entry.class_id, {})
        place: tuple[str | int, ...] = ("class_defaults", str(entry.class_id), declared.name)
        if declared.name in defaults:
            return Setting(self._encode(kind, defaults[declared.name], place))
        if (entry.class_id, declared.name) == (8, "time_zone"):
            return Setting(kind.encode(-self.spec.utc_offset_minutes))  # Blue Book 4.5.1: UTC less local time
        if entry.class_id == 20 and declared.name.startswith("day_profile_table"):
            steps = [[step.start, TARIFF_SCRIPTS, step.zone] for step in self.spec.tariff]
            return Setting(kind.encode([[1, steps]]))
        if entry.class_id == 15:
            return PerClient(self._association(entry, declared, kind))
        self._mistake(("objects",), f"{entry.logical_name} ({entry.name}): {declared.name} has no value in `values`")
        return Setting(b"")

    def _association(self, entry: ObisEntry, declared: AttributeDeclaration, kind: Choice) -> dict[int, bytes]:
        if declared.name == "object_list":
            return {}  # known once all objects are
        values = {}
        clients = [client.association for client in self.spec.clients.values()]
        if entry.logical_name not in (CURRENT_ASSOCIATION, *clients):
            words = f"{entry.logical_name} is the association of no client; give it one"
            self._mistake(self._ownerless(entry.logical_name), words)
            return {}
        for asking in self.spec.clients:
            if entry.logical_name == CURRENT_ASSOCIATION:
                value = current_association_values(self.spec, asking)[declared.name]
            else:
                value = association_values(self.spec, entry.logical_name, asking)[declared.name]
            values[asking] = kind.encode(value)
        return values

    def _ownerless(self, code: str) -> tuple[str | int, ...]:
        """Where a file took a client away, or else where the object is named."""
        gone = self.merged.document.gone(("clients",))
        named = (("objects", name, codes.index(code)) for name, codes in self.spec.objects.items() if code in codes)
        return gone[0] if gone else next(named)

    def _encode(self, kind: Choice, value: Any, location: tuple[str | int, ...]) -> bytes:
        try:
            if isinstance(value, dict) and len(value) == 1:
                (_text, value), kind = next(iter(value.items())), parse_type(next(iter(value)))
            return kind.encode(value)
        except ValueError as error:
            self._mistake(location, str(error))
            return b""

    def _rights(self, code: str, access: str) -> dict[int, dict[str, frozenset[int]]]:
        declared = self._declared(self.registry[code].class_id)
        rights = {}
        for client, text in self.spec.access[access].items():
            if client not in self.spec.clients:
                self._mistake(("access", access, str(client)), f"client {client} is not among the clients")
            rights[client] = self._parse_rights(text, declared, ("access", access, str(client)))
        return rights

    def _parse_rights(
        self, text: str, declared: InterfaceClass, location: tuple[str | int, ...]
    ) -> dict[str, frozenset[int]]:
        rights: dict[str, frozenset[int]] = {"r": frozenset(), "w": frozenset(), "x": frozenset()}
        for word in text.split():
            match = _RIGHT.fullmatch(word)
            if not match:
                self._mistake(location, f"{word!r} is not a right; write r, r1-6, w2 or x1,2")
                continue
            whole = declared.methods if match[1] == "x" else declared.attributes
            known = frozenset(one.index for one in whole)
            rights[match[1]] = known if match[2] is None else known & _numbers(match[2])
        return rights

    def _with_lists(self, entry: CosemObject, listed: dict[int, bytes]) -> CosemObject:
        """An association object with the object lists that could only be made when all objects were known."""
        if entry.interface_class.class_id != 15:
            return entry
        code = format_obis(entry.logical_name)
        own = {spec.association: client for client, spec in self.spec.clients.items()}
        lists = {client: listed[client if code == CURRENT_ASSOCIATION else own[code]] for client in listed}
        first, old, *rest = entry.attributes
        return entry._replace(attributes=(first, old._replace(source=PerClient(lists)), *rest))

    def _view(self, client: int, objects: list[CosemObject], rights: Mapping[str, Any], listed: bytes) -> ClientView:
        readable, writable, methods, visible = {}, {}, {}, set()
        for entry in objects:
            granted = rights[format_obis(entry.logical_name)].get(client)
            if granted is None:
                continue
            class_id = entry.interface_class.class_id
            visible.add(attribute_key(class_id, entry.logical_name, 0)[:8])
            for attribute in entry.attributes:
                if attribute.key[8] in granted["r"]:
                    readable[attribute.key] = attribute
                if attribute.key[8] in granted["w"]:
                    writable[attribute.key] = attribute
            for method in entry.interface_class.methods:
                if method.index in granted["x"]:
                    methods[attribute_key(class_id, entry.logical_name, method.index)] = method.parameter
        name = self.spec.clients[client].name
        return ClientView(client, name, readable, writable, methods, frozenset(visible), listed)

    def _zones(self) -> tuple[int, ...]:
        steps = sorted(self.spec.tariff, key=lambda step: step.quarter)
        return tuple(next((s.zone for s in reversed(steps) if s.quarter <= q), steps[-1].zone) for q in range(96))


def _numbers(text: str) -> frozenset[int]:
    numbers: set[int] = set()
    for part in text.split(","):
        low, _, high = part.partition("-")
        numbers.update(range(int(low), int(high or low) + 1))
    return frozenset(numbers)
