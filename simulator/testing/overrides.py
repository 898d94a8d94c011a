# SPDX-License-Identifier: MIT
"""Values that single meters give in place of their own, until they are cleared. The tables keep the truth."""

from __future__ import annotations

import struct
from typing import Any

from simulator.cosem.model import Model
from simulator.errors import PeerError, UserError
from simulator.ports import GetAnswer
from simulator.scenario.fitting import attribute_of
from simulator.scenario.values import Target, parse_target
from simulator.values import attribute_key
from simulator.wire.axdr import decode_whole
from simulator.wire.codes import DataAccessResult


class Overrides:
    def __init__(self) -> None:
        self._answers: dict[tuple[int, bytes], GetAnswer] = {}  # by the meter's number from 0, and attribute

    def set(self, index: int, key: bytes, answer: GetAnswer) -> None:
        self._answers[index, key] = answer

    def clear(self, index: int, key: bytes | None = None) -> None:
        """One attribute, or all of the meter."""
        gone = [place for place in self._answers if place[0] == index and key in (None, place[1])]
        for place in gone:
            del self._answers[place]

    def find(self, index: int, key: bytes) -> GetAnswer | None:
        return self._answers.get((index, key))


def target_of(text: str) -> Target:
    """UserError if it names no attribute."""
    try:
        return parse_target(text)
    except ValueError as error:
        raise UserError(str(error)) from None


def key_in(model: Model, target: Target) -> bytes:
    """The nine octets of an attribute; UserError if the model has none such."""
    class_id = model.class_of.get(target.logical_name)
    key = b"" if class_id is None else attribute_key(class_id, target.logical_name, target.index)
    if attribute_of(model, key) is None:
        raise UserError(f"model {model.name} has no attribute {target}; `meterfleet obis find` looks objects up")
    return key


def answer_of(model: Model, key: bytes, value: Any, raw: bytes | None, refused: str | None) -> GetAnswer:
    """One of: a value of the attribute's own type, A-XDR encoded Data of any type, the name of a refusal."""
    if sum(given is not None for given in (value, raw, refused)) != 1:
        raise UserError("override: give a value, raw= or refused=, one of them")
    if refused is not None:
        return _refusal(refused)
    if raw is None:
        return _encoded(model, key, value)
    try:
        decode_whole(raw)
    except PeerError as error:
        raise UserError(f"override: {raw.hex()} is no A-XDR encoded Data: {error}") from None
    return raw


def _encoded(model: Model, key: bytes, value: Any) -> bytes:
    attribute = attribute_of(model, key)
    assert attribute is not None
    try:
        return attribute.type.encode(value)
    except (ValueError, TypeError, OverflowError, struct.error) as error:
        words = f"{attribute.name} has the type {attribute.type.text}; raw= takes A-XDR encoded Data of any type"
        raise UserError(f"override: {error}; {words}") from None


def _refusal(name: str) -> DataAccessResult:
    known = {code.name.lower().replace("_", "-"): code for code in DataAccessResult if code}
    if name not in known:
        raise UserError(f"override: {name!r} is no refusal; known are {', '.join(known)}")
    return known[name]
