# SPDX-License-Identifier: MIT
"""Objects and values as scenarios write them: `1.0.1.8.0.255:2`, `long-unsigned:900`."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import PlainValidator, WithJsonSchema

from simulator.cosem.types import meant, parse_type
from simulator.documents import did_you_mean
from simulator.errors import PeerError
from simulator.values import format_obis, parse_obis
from simulator.wire.axdr import Data, decode_whole

_OBIS = r"\d{1,3}(?:\.\d{1,3}){5}"
_TARGET = re.compile(rf"({_OBIS}):(\d{{1,3}})")
_TYPED = r"^[a-z0-9-]+(\[(\.\.)?\d+\])?(\(.*\))?(:[\s\S]*)?$"
SETUPS = {  # of IS 15959 meters
    "instant": "0.0.25.9.0.255",
    "alert": "0.4.25.9.0.255",
    "block": "0.5.25.9.0.255",
    "daily": "0.6.25.9.0.255",
    "registration": "0.130.25.9.0.255",
    "billing": "0.132.25.9.0.255",
    "tamper": "0.134.25.9.0.255",
}


@dataclass(frozen=True, slots=True)
class Target:
    """An attribute or a method of an object."""

    logical_name: bytes
    index: int

    def __str__(self) -> str:
        return f"{format_obis(self.logical_name)}:{self.index}"


def parse_target(value: Any) -> Target:
    match = _TARGET.fullmatch(str(value).strip())
    if match is None:
        raise ValueError(f"{value!r} names no attribute or method; write for example 1.0.1.8.0.255:2")
    return Target(parse_obis(match[1]), int(match[2]))


def parse_data(value: Any) -> Data:
    """The type before the value; what is no string is written as JSON has it."""
    kind, _, text = str(value).partition(":")
    try:
        choice = parse_type(kind.strip())
        return decode_whole(choice.encode(meant(choice, text)))
    except (ValueError, TypeError, OverflowError, struct.error, IndexError, PeerError) as error:
        raise ValueError(
            f"{value!r}: {error}; write the type before the value, for example long-unsigned:900"
        ) from None


def _setup(value: Any) -> bytes:
    name = SETUPS.get(str(value), str(value))
    try:
        return parse_obis(name)
    except ValueError:
        raise ValueError(f"{value!r} is no push setup; {did_you_mean(str(value), list(SETUPS))}") from None


Setup = Annotated[
    bytes,
    PlainValidator(_setup),
    WithJsonSchema({"anyOf": [{"enum": list(SETUPS)}, {"type": "string", "pattern": rf"^{_OBIS}$"}]}),
]
Object = Annotated[
    Target, PlainValidator(parse_target), WithJsonSchema({"type": "string", "pattern": rf"^\s*{_TARGET.pattern}\s*$"})
]
Typed = Annotated[Data, PlainValidator(parse_data), WithJsonSchema({"type": "string", "pattern": _TYPED})]
