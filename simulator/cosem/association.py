# SPDX-License-Identifier: MIT
"""What Association LN objects show: object lists with access rights, context, mechanism (Blue Book 4.4.4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from simulator.cosem.model import CosemObject
from simulator.cosem.spec import ClientSpec, ModelSpec
from simulator.values import format_obis
from simulator.wire.axdr import Data, encode
from simulator.wire.codes import Tag

Rights = Mapping[str, Mapping[int, Mapping[str, frozenset[int]]]]

_CONTEXT_OID = bytes.fromhex(
    "60857405080100"
)  # joint-iso-ccitt 16 country 756 ... application-context 0: last octet is the id
_MECHANISM_OID = bytes.fromhex("60857405080200")
_NO_LOGICAL_NAME = "0.0.0.0.0.0"
_DLMS_VERSION = 6
_ASSOCIATED, _NOT_ASSOCIATED = 2, 0


def object_list(objects: Sequence[CosemObject], rights: Rights, client: int) -> bytes:
    """Attribute 2 for one client: the objects that it sees, each with its access rights, A-XDR encoded."""
    elements = []
    for entry in objects:
        granted = rights[format_obis(entry.logical_name)].get(client)
        if granted is not None:
            elements.append(_element(entry, granted))
    return encode(Data(Tag.ARRAY, tuple(elements)))


def _element(entry: CosemObject, granted: Mapping[str, frozenset[int]]) -> Data:
    declared = entry.interface_class
    attributes = tuple(
        _structure(
            Data(Tag.INTEGER, attribute.index),
            Data(Tag.ENUM, (attribute.index in granted["r"]) + 2 * (attribute.index in granted["w"])),
            Data(Tag.ARRAY, (Data(Tag.INTEGER, 1), Data(Tag.INTEGER, 2)))
            if declared.class_id == 7 and attribute.index == 2
            else Data(Tag.NULL, None),
        )
        for attribute in declared.attributes
    )
    methods = tuple(
        _structure(Data(Tag.INTEGER, method.index), Data(Tag.ENUM, int(method.index in granted["x"])))
        for method in declared.methods
    )
    return _structure(
        Data(Tag.LONG_UNSIGNED, declared.class_id),
        Data(Tag.UNSIGNED, declared.version),
        Data(Tag.OCTET_STRING, entry.logical_name),
        _structure(Data(Tag.ARRAY, attributes), Data(Tag.ARRAY, methods)),
    )


def _structure(*parts: Data) -> Data:
    return Data(Tag.STRUCTURE, parts)


def current_association_values(spec: ModelSpec, asking: int) -> dict[str, Any]:
    """The current association shows the one that asks."""
    return _values(asking, spec.clients[asking], _ASSOCIATED)


def association_values(spec: ModelSpec, logical_name: str, asking: int) -> dict[str, Any]:
    """A client's own association object, as another client (or itself) sees it."""
    for client, described in spec.clients.items():
        if described.association == logical_name:
            return _values(client, described, _ASSOCIATED if client == asking else _NOT_ASSOCIATED)
    raise ValueError(f"{logical_name} is the association of no client")


def _values(client: int, described: ClientSpec, status: int) -> dict[str, Any]:
    block = described.conformance_block
    return {
        "associated_partners_id": [client, 1],
        "application_context_name": _CONTEXT_OID[:-1] + bytes((described.contexts[0],)),
        "xDLMS_context_info": [
            [bit for bit in range(24) if block >> (23 - bit) & 1],
            described.max_pdu,
            described.max_pdu,
            _DLMS_VERSION,
            0,
            b"",
        ],
        "authentication_mechanism_name": _MECHANISM_OID[:-1] + bytes((described.mechanism,)),
        "secret": b"",
        "association_status": status,
        "user_list": [],
        "current_user": [0, ""],
        "security_setup_reference": described.security_setup or _NO_LOGICAL_NAME,
    }
