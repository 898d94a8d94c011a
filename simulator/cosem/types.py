# SPDX-License-Identifier: MIT
"""The type language of attributes: parse ``array(structure(long-unsigned,logical-name))``, encode a value, check Data.

One expression serves three ends: what the object list promises, what a default in a profile may be, and what a SET
must bring (Blue Book 4.1.5, Green Book 9.5). It never looks at a meter.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from simulator.cosem.stamps import encode_date, encode_date_time, encode_time
from simulator.values import counted, parse_obis
from simulator.wire import axdr
from simulator.wire.axdr import Data
from simulator.wire.codes import Tag

_TOKEN = re.compile(r"\s*([a-z0-9-]+(?:\[(?:\.\.)?\d{1,5}\])?|[(),|])")
_MOST_BRACKETS = 100
_TEXTS = (Tag.OCTET_STRING, Tag.VISIBLE_STRING, Tag.UTF8_STRING)
_SIZED = re.compile(r"([a-z0-9-]+)(?:\[(\.\.)?(\d{1,5})\])?")

_INTEGER_RANGES = {
    Tag.INTEGER: (-(1 << 7), (1 << 7) - 1),
    Tag.LONG: (-(1 << 15), (1 << 15) - 1),
    Tag.DOUBLE_LONG: (-(1 << 31), (1 << 31) - 1),
    Tag.LONG64: (-(1 << 63), (1 << 63) - 1),
    Tag.UNSIGNED: (0, (1 << 8) - 1),
    Tag.LONG_UNSIGNED: (0, (1 << 16) - 1),
    Tag.DOUBLE_LONG_UNSIGNED: (0, (1 << 32) - 1),
    Tag.LONG64_UNSIGNED: (0, (1 << 64) - 1),
    Tag.ENUM: (0, 255),
    Tag.BCD: (-(1 << 7), (1 << 7) - 1),  # as the octet that it is
    Tag.DELTA_INTEGER: (-(1 << 7), (1 << 7) - 1),
    Tag.DELTA_LONG: (-(1 << 15), (1 << 15) - 1),
    Tag.DELTA_DOUBLE_LONG: (-(1 << 31), (1 << 31) - 1),
    Tag.DELTA_UNSIGNED: (0, (1 << 8) - 1),
    Tag.DELTA_LONG_UNSIGNED: (0, (1 << 16) - 1),
    Tag.DELTA_DOUBLE_LONG_UNSIGNED: (0, (1 << 32) - 1),
}
_NAMES = {tag.name.lower().replace("_", "-"): tag for tag in Tag if tag not in (Tag.COMPACT_ARRAY, Tag.DONT_CARE)}
_NAMES["null-data"] = _NAMES.pop("null")
# Octet-strings whose content has a form of its own: alias -> (length, how text in a profile is encoded).
_FORMS = {
    "logical-name": (6, parse_obis),
    "stamp": (12, encode_date_time),
    "stamp-date": (5, encode_date),
    "stamp-time": (4, encode_time),
}
_MOMENTS = {Tag.DATE_TIME: encode_date_time, Tag.DATE: encode_date, Tag.TIME: encode_time}
_LARGEST_FLOAT32 = (2 - 2**-23) * 2.0**127


@dataclass(frozen=True, slots=True)
class TypeSpec:
    """One alternative of a type; `tag` None stands for any Data."""

    tag: Tag | None
    form: str = ""
    length: int | None = None  # exact for strings, or the most where `at_most`
    at_most: bool = False
    parts: tuple[Choice, ...] = field(default=())  # one for an array, one per element for a structure


@dataclass(frozen=True, slots=True)
class Choice:
    """A type as declared: one or more alternatives; the first is what we encode."""

    text: str
    alternatives: tuple[TypeSpec, ...]

    @property
    def tag(self) -> Tag | None:
        return self.alternatives[0].tag

    def matches(self, data: Data) -> bool:
        """Whether Data that a client brought has this type."""
        return any(_matches(spec, data) for spec in self.alternatives)

    def encode(self, value: Any) -> bytes:
        """A value as written in a profile (numbers, text, lists) in A-XDR; ValueError says what was expected."""
        return axdr.encode(_build(self, value))


def meant(choice: Choice, text: str) -> Any:
    """A value that stands in one line behind its type: texts and bits as they are, all else as JSON has it."""
    if choice.tag in _TEXTS or (choice.tag is Tag.BIT_STRING and not text.strip("01")):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text  # the type says what it expects


@lru_cache(maxsize=512)
def parse_type(text: str) -> Choice:
    """The type that an expression names; ValueError on an unknown word or a missing bracket."""
    tokens = _TOKEN.findall(text)
    if tokens.count("(") > _MOST_BRACKETS:
        raise ValueError(f"a type has at most {_MOST_BRACKETS} brackets")
    if "".join(tokens) != re.sub(r"\s", "", text):
        raise ValueError(f"{text!r} is not a type expression")
    choice, rest = _choice(tokens)
    if rest:
        raise ValueError(f"{text!r}: {rest[0]!r} was not expected")
    return choice


def _choice(tokens: Sequence[str]) -> tuple[Choice, Sequence[str]]:
    alternatives = []
    words = list(tokens)
    while True:
        spec, rest = _spec(tokens)
        alternatives.append(spec)
        if not rest or rest[0] != "|":
            text = "".join(words[: len(words) - len(rest)])
            return Choice(text, tuple(alternatives)), rest
        tokens = rest[1:]


def _spec(tokens: Sequence[str]) -> tuple[TypeSpec, Sequence[str]]:
    if not tokens or not (match := _SIZED.fullmatch(tokens[0])):
        raise ValueError("a type name was expected")
    name, at_most, size = match.groups()
    rest = tokens[1:]
    if name == "any":
        return TypeSpec(None), rest
    if name in _FORMS:
        return TypeSpec(Tag.OCTET_STRING, form=name, length=_FORMS[name][0]), rest
    if name not in _NAMES:
        raise ValueError(f"{name!r} is not a type; known are {', '.join([*_NAMES, *_FORMS, 'any'])}")
    if name in ("array", "structure"):
        parts, rest = _parts(rest)
        return TypeSpec(_NAMES[name], parts=parts), rest
    return TypeSpec(_NAMES[name], length=int(size) if size else None, at_most=bool(at_most)), rest


def _parts(tokens: Sequence[str]) -> tuple[tuple[Choice, ...], Sequence[str]]:
    if not tokens or tokens[0] != "(":
        return (), tokens
    parts = []
    while tokens[0] != ")":
        part, tokens = _choice(tokens[1:])
        parts.append(part)
        if not tokens or tokens[0] not in (",", ")"):
            raise ValueError("a closing bracket is missing")
    return tuple(parts), tokens[1:]


def _matches(spec: TypeSpec, data: Data) -> bool:
    if spec.tag is None:
        return True
    if data.tag != spec.tag:
        return False
    value: Any = data.value
    if spec.length is not None:
        size = value[0] if spec.tag is Tag.BIT_STRING else len(value)
        return bool(size <= spec.length if spec.at_most else size == spec.length)
    if spec.tag is Tag.ARRAY and spec.parts:
        return all(spec.parts[0].matches(item) for item in value)
    if spec.tag is Tag.STRUCTURE and spec.parts:
        return len(value) == len(spec.parts) and all(p.matches(v) for p, v in zip(spec.parts, value, strict=True))
    return True


def _build(choice: Choice, value: Any) -> Data:
    problems = []
    for spec in choice.alternatives:
        try:
            return _build_spec(spec, value)
        except ValueError as error:
            problems.append(str(error))
    raise ValueError("; or ".join(problems))


def _build_spec(spec: TypeSpec, value: Any) -> Data:
    tag = spec.tag
    if tag is None:
        return _build_any(value)
    if tag in _INTEGER_RANGES:
        return Data(tag, _integer(tag, value))
    if tag in (Tag.ARRAY, Tag.STRUCTURE):
        return Data(tag, _members(spec, value))
    if tag in (Tag.FLOAT32, Tag.FLOAT64):
        return Data(tag, _float(tag, value))
    if tag is Tag.BOOLEAN:
        if not isinstance(value, bool):
            raise ValueError(f"{value!r} is not true or false")
        return Data(tag, value)
    if tag is Tag.BIT_STRING:
        return Data(tag, _bits(spec, value))
    return Data(tag, None if tag is Tag.NULL else _octets(spec, value))


def _build_any(value: Any) -> Data:
    if not isinstance(value, dict) or len(value) != 1:
        raise ValueError(f"{value!r} needs a type; write it as {{long-unsigned: 5}}")
    ((kind, inner),) = value.items()
    return _build(parse_type(kind), inner)


def _integer(tag: Tag, value: Any) -> int:
    low, high = _INTEGER_RANGES[tag]
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise ValueError(f"{value!r} is not a whole number from {low} to {high} ({tag.name.lower()})")
    return value


def _float(tag: Tag, value: Any) -> float:
    name = tag.name.lower()
    try:
        number = float(value)
    except (ValueError, TypeError):
        raise ValueError(f"{value!r} is not a number ({name})") from None
    except OverflowError:
        raise ValueError(f"{value!r} is more than a {name} can hold") from None
    if tag is Tag.FLOAT32 and math.isfinite(number) and abs(number) > _LARGEST_FLOAT32:
        raise ValueError(f"{value!r} is more than a {name} can hold; the largest is {_LARGEST_FLOAT32:.7g}")
    return number


def _members(spec: TypeSpec, value: Any) -> tuple[Data, ...]:
    if not isinstance(value, list | tuple):
        raise ValueError(f"{value!r} is not a list")
    if spec.tag is Tag.ARRAY:
        if not spec.parts:
            raise ValueError("an array needs the type of its elements; write it as array(long-unsigned)")
        return tuple(_build(spec.parts[0], item) for item in value)
    if len(value) != len(spec.parts):
        raise ValueError(f"{value!r} has {len(value)} elements instead of {len(spec.parts)}")
    return tuple(_build(part, item) for part, item in zip(spec.parts, value, strict=True))


def _bits(spec: TypeSpec, value: Any) -> tuple[int, bytes]:
    """A bit-string given by all its bits as text, or by the numbers of its set bits; bit 0 is the first one sent."""
    if isinstance(value, str) and value and set(value) <= {"0", "1"}:
        if spec.length not in (None, len(value)):
            raise ValueError(f"{value!r} has {counted(len(value), 'bit')} instead of {spec.length}")
        return _bits(replace(spec, length=len(value)), [bit for bit, one in enumerate(value) if one == "1"])
    if not isinstance(value, list) or (value and spec.length is None):
        hint = "write all bits as 0 and 1, or their number and which are set, for example bit-string[128]:[83, 86]"
        raise ValueError(f"{value!r} does not say which bits there are; {hint}")
    count = spec.length or 0
    if any(not isinstance(bit, int) or not 0 <= bit < count for bit in value):
        raise ValueError(f"{value!r} is not a list of bit numbers below {count}")
    number = sum(1 << (count - 1 - bit) for bit in set(value))
    padding = -count % 8
    return count, (number << padding).to_bytes((count + 7) // 8, "big")


def _octets(spec: TypeSpec, value: Any) -> bytes:
    if spec.form:
        raw = _FORMS[spec.form][1](str(value))
    elif isinstance(value, bytes):
        raw = value
    elif spec.tag in _MOMENTS and isinstance(value, str):
        raw = _MOMENTS[spec.tag](value)
    elif spec.tag is Tag.OCTET_STRING and isinstance(value, str) and value.startswith("hex:"):
        raw = bytes.fromhex(value[4:])
    elif isinstance(value, str):
        raw = value.encode()
    else:
        raise ValueError(f"{value!r} is not text")
    if spec.length is not None and (len(raw) > spec.length if spec.at_most else len(raw) != spec.length):
        raise ValueError(
            f"{value!r} is {len(raw)} octets long instead of {'at most ' if spec.at_most else ''}{spec.length}"
        )
    return raw
