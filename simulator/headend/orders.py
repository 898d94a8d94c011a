# SPDX-License-Identifier: GPL-2.0-only
"""What the user of `meterfleet write` and `meterfleet act` wrote, understood: object, index, value with its type.

Pure: no gurux, no socket. The type is the user's to say; nothing is guessed from the meter.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from simulator.cosem.types import meant, parse_type
from simulator.errors import PeerError, UserError
from simulator.headend.options import parse_wish
from simulator.wire import axdr
from simulator.wire.axdr import Data

_NO_VALUE = "null-data"


@dataclass(frozen=True, slots=True)
class Order:
    """One attribute to write, or one method to call."""

    obis: str
    index: int
    data: Data | None  # None: a method that is called without a parameter

    def __str__(self) -> str:
        return f"{self.obis}:{self.index}"


def parse_order(target: str, value: str | None, *, kind: str) -> Order:
    """``0.0.96.13.1.255:2`` or ``relay:1``, and ``visible-string:hello``; `kind` is "attribute" or "method"."""
    wish = parse_wish(target)
    if wish.attribute is None:
        raise UserError(
            f"{target!r}: say which {kind}; write for example {wish.obis}:{2 if kind == 'attribute' else 1}"
        )
    return Order(wish.obis, wish.attribute, None if value is None else parse_value(value))


def parse_value(text: str) -> Data:
    """``type:value``. What is no string is written as JSON has it: 900, true, [1, 2]."""
    kind, colon, value = text.partition(":")
    if bool(colon) == (kind == _NO_VALUE):
        raise UserError(
            f"{text!r}: write the type before the value, for example long-unsigned:900, or {_NO_VALUE} alone"
        )
    try:
        choice = parse_type(kind)
        return axdr.decode_whole(choice.encode(meant(choice, value)))
    except IndexError:
        raise UserError(f"{kind}: say what it holds, for example array(long-unsigned)") from None
    except (ValueError, TypeError, OverflowError, struct.error, PeerError) as error:
        raise UserError(f"{kind}: {error}") from None
