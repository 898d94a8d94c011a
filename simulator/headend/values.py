# SPDX-License-Identifier: GPL-2.0-only
"""gurux's values as Python's: type kept, date-times as datetimes, scaler and unit applied, a text for people.

It converts what was read and asks no meter for anything.
"""

from __future__ import annotations

import datetime as dt
import math
import struct
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from gurux_dlms import GXByteBuffer, GXDateTime, GXStructure
from gurux_dlms.GXBitString import GXBitString
from gurux_dlms.GXFloat32 import GXFloat32
from gurux_dlms.internal._GXCommon import _GXCommon

from simulator.wire import axdr
from simulator.wire.codes import CLOCK_STATUS, Tag

# Unit enumeration (Blue Book 4.3.2); 255 is "no unit".
UNITS = {
    1: "a", 2: "mo", 3: "wk", 4: "d", 5: "h", 6: "min", 7: "s", 8: "°", 9: "°C", 13: "m³", 19: "l", 20: "kg",
    23: "Pa", 24: "bar", 25: "J", 27: "W", 28: "VA", 29: "var", 30: "Wh", 31: "VAh", 32: "varh", 33: "A", 34: "C",
    35: "V", 38: "Ω", 44: "Hz", 45: "imp/Wh", 46: "imp/varh", 47: "imp/VAh", 52: "K", 56: "%", 57: "Ah", 70: "dBm",
    71: "dBµV", 72: "dB",
}  # fmt: skip
_STAMP = struct.Struct(">HBBBBBBBhB")  # year, month, day, week day, hour, minute, second, hundredths, deviation, status
_DEVIATION_NOT_SPECIFIED = -0x8000
_NOT_SPECIFIED = 0xFF
_COLLECTIONS = (Tag.ARRAY, Tag.STRUCTURE)
_TEXTS = (Tag.VISIBLE_STRING, Tag.UTF8_STRING)


class ScalerUnit(NamedTuple):
    scaler: int = 0
    unit: str = ""


PLAIN = ScalerUnit()


@dataclass(frozen=True, slots=True)
class Value:
    """One attribute as it was read.

    `raw` is what the wire carried: int, float, bool, str, bytes, None; list for an array, tuple for a structure; a
    bit-string as text of 0 and 1. `value` is the same for people and databases: datetimes for date-times, the scaler
    applied (Decimal for integers, the shortest decimal float for float32).
    """

    type: Tag
    raw: Any
    value: Any
    unit: str = ""
    scaler: int = 0

    @property
    def text(self) -> str:
        return f"{as_text(self.value)} {self.unit}".rstrip() + clock_remark(self.clock_status)

    @property
    def clock_status(self) -> int:
        """What a date-time says of the clock that it is from; of all else 0."""
        return self.raw[11] if isinstance(self.value, dt.datetime) and isinstance(self.raw, bytes) else 0


def value_of(octets: bytes, decoded: Any, scale: ScalerUnit = PLAIN) -> Value:
    """A value from its A-XDR octets, for the exact type, and gurux's reading of them."""
    tag = Tag(octets[0])
    if tag in _TEXTS:  # gurux shows text beyond ASCII in hexadecimal and drops zeros at the end
        text = axdr.take_string(octets, 1)[0].decode("utf-8", "backslashreplace")
        return Value(tag, text, text)
    if tag is Tag.DATE_TIME:
        return Value(tag, octets[1:13], moment(octets[1:13]))
    if decoded is None and tag in _COLLECTIONS:
        decoded = []  # gurux reads an empty array as nothing
    raw = tuple(plain(item) for item in decoded) if tag is Tag.STRUCTURE else plain(decoded)
    return Value(tag, raw, _tree(decoded, scale), scale.unit, scale.scaler)


def plain(decoded: Any) -> Any:
    """gurux's value without gurux's classes."""
    if isinstance(decoded, GXStructure):
        return tuple(plain(item) for item in decoded)
    if isinstance(decoded, list):
        return [plain(item) for item in decoded]
    if isinstance(decoded, bytearray):
        return bytes(decoded)
    if isinstance(decoded, GXByteBuffer):
        return bytes(decoded.array())
    if isinstance(decoded, GXBitString | GXDateTime):
        return str(decoded)
    if isinstance(decoded, bool) or not isinstance(decoded, int | float):
        return decoded
    return int(decoded) if isinstance(decoded, int) else float(decoded)


def type_of(decoded: Any) -> Tag:
    """The type by gurux's class; it has one for each but 64-bit signed, which it gives as a 32-bit one."""
    return Tag(int(_GXCommon.getDLMSDataType(decoded)))


def cell(decoded: Any, scale: ScalerUnit) -> Any:
    """One value for people: this runs for each cell of a profile, so the frequent kinds come first."""
    if isinstance(decoded, GXFloat32):
        return _shortest(decoded, scale.scaler)
    if isinstance(decoded, bytearray):
        return moment(bytes(decoded)) if len(decoded) == 12 else bytes(decoded)
    if isinstance(decoded, bool) or decoded is None:
        return decoded
    if isinstance(decoded, int):
        return _scaled(int(decoded), scale)
    if isinstance(decoded, GXDateTime):
        return _of_gurux(decoded)
    return decoded * 10.0**scale.scaler if isinstance(decoded, float) else plain(decoded)


def _tree(decoded: Any, scale: ScalerUnit) -> Any:
    if isinstance(decoded, GXStructure):
        return tuple(_tree(item, PLAIN) for item in decoded)
    if isinstance(decoded, list):
        return [_tree(item, PLAIN) for item in decoded]
    return cell(decoded, scale)


def _scaled(number: int, scale: ScalerUnit) -> int | Decimal:
    if scale is PLAIN:
        return number  # no register: a counter, a code, an enumeration
    # A positive scaler would leave an exponent: 5E+3 instead of 5000.
    return Decimal(number * 10**scale.scaler) if scale.scaler >= 0 else Decimal(number).scaleb(scale.scaler)


def _shortest(number: float, scaler: int) -> float:
    """The float with the fewest digits that is this float32, then scaled in decimal: 847.8488 kWh is 847848.8 Wh."""
    if not math.isfinite(number):
        return float(number)
    digits = str(np.float32(number))
    return float(Decimal(digits).scaleb(scaler)) if scaler else float(digits)


def moment(octets: bytes) -> dt.datetime | str | bytes:
    """A COSEM date-time (Blue Book 4.1.6.1) as a datetime, aware if it carries a deviation.

    One that leaves fields open comes as text with * for them; twelve octets that are no date-time stay as they are.
    """
    year, month, day, _, hour, minute, second, hundredths, deviation, _ = _STAMP.unpack(octets)
    micros = 0 if hundredths == _NOT_SPECIFIED else hundredths * 10_000
    try:
        return dt.datetime(year, month, day, hour, minute, second, micros, tzinfo=_zone(deviation))
    except ValueError:
        return _open_moment(octets)


def clock_words(status: int) -> list[str]:
    """A clock status in words; empty if all is well."""
    whole = CLOCK_STATUS["not_specified"]
    if status == whole:
        return ["not_specified"]
    return [word for word, bits in CLOCK_STATUS.items() if bits != whole and status & bits]


def clock_remark(status: int) -> str:
    """What to put behind a time whose clock is not to be trusted; summer time is none of that."""
    words = [word.replace("_", " ") for word in clock_words(status) if word != "daylight_saving"]
    return f" (clock {', '.join(words)})" if words else ""


@lru_cache(maxsize=64)
def _zone(deviation: int) -> dt.timezone | None:
    """The deviation is UTC minus local time, in minutes."""
    return None if deviation == _DEVIATION_NOT_SPECIFIED else dt.timezone(dt.timedelta(minutes=-deviation))


def _open_moment(octets: bytes) -> str | bytes:
    year, month, day, _, hour, minute, second, *_ = _STAMP.unpack(octets)
    tops = ((month, 12), (day, 31), (hour, 23), (minute, 59), (second, 59))
    if (year != 0xFFFF and not 1900 <= year < 2200) or any(v > top and v < 0xFD for v, top in tops):
        return octets
    fields = ["*" if v >= 0xFD else f"{v:02}" for v, _ in tops]
    date = "-".join(("*" if year == 0xFFFF else f"{year:04}", *fields[:2]))
    return f"{date} {':'.join(fields[2:])}"


def _of_gurux(stamp: Any) -> Any:
    """A value of type date-time, date or time, which gurux has decoded already."""
    return str(stamp) if stamp.skip or stamp.value is None else stamp.value


def as_text(value: Any) -> str:
    """A value for a person's eye."""
    if isinstance(value, dt.datetime):
        return value.isoformat(" ")
    if isinstance(value, bytes):
        return text_of_octets(value)
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, float):
        return f"{value:.10g}"
    if isinstance(value, list | tuple):
        return _collection_text(value)
    return "–" if value is None else str(value)


def text_of_octets(octets: bytes) -> str:
    """An octet-string as a logical name, as text if it is printable ASCII, else in hexadecimal."""
    if len(octets) == 6 and octets[5] == 0xFF:
        return ".".join(str(group) for group in octets)
    if octets and all(32 <= octet < 127 for octet in octets):
        return octets.decode("ascii")
    return octets.hex(" ")


def _collection_text(items: list[Any] | tuple[Any, ...]) -> str:
    if isinstance(items, list) and len(items) > 8:
        return f"{len(items)} entries"
    inner = ", ".join(as_text(item) for item in items)
    return f"[{inner}]" if isinstance(items, list) else f"({inner})"
