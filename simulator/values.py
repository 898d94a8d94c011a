# SPDX-License-Identifier: MIT
"""The small values that every room speaks: instants, durations, logical names.

An instant is an integer, milliseconds since 1970-01-01T00:00:00Z. Nothing here asks what time it is.
"""

from __future__ import annotations

import datetime as dt
import re

MS_PER_SECOND = 1_000
MS_PER_MINUTE = 60_000
MS_PER_HOUR = 3_600_000
MS_PER_DAY = 86_400_000
NEVER_MS = 1 << 62  # later than every instant

_DURATION_UNITS_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_MOST_DIGITS = 18
_LONGEST_MS = 36_525 * _DURATION_UNITS_MS["d"]
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)")
_DATE = re.compile(r"\d{4}-?\d\d-?\d\d|\d{4}-?W\d\d(-?\d)?")
_OBIS = re.compile(r"\d{1,3}(?:\.\d{1,3}){5}")


def parse_duration_ms(text: str) -> int:
    """Milliseconds of ``60d``, ``1h30m``, ``2.5s``. Raises ValueError with what was expected."""
    parts = _DURATION.findall(text.strip())
    if not parts or "".join(number + unit for number, unit in parts) != text.strip():
        raise ValueError(f"{text!r} is not a duration; write for example 60d, 12h, 1h30m or 2.5s")
    length_ms = sum(float(number) * _DURATION_UNITS_MS[unit] for number, unit in parts)
    if length_ms > _LONGEST_MS:
        raise ValueError(f"{text!r} is longer than a hundred years")
    return round(length_ms)


def is_number(text: str) -> bool:
    """Whether digits are a number that anybody means: one of thousands of digits cannot even be read."""
    return text.isdecimal() and len(text) <= _MOST_DIGITS


def is_date(text: str) -> bool:
    """Whether an ISO text is a day without a time."""
    return _DATE.fullmatch(text.strip()) is not None


def parse_obis(text: str) -> bytes:
    """The six octets of a logical name written ``1.0.1.8.0.255`` (Blue Book 5: value groups A to F)."""
    if not _OBIS.fullmatch(text):
        raise ValueError(f"{text!r} is not a logical name; write six numbers, for example 1.0.1.8.0.255")
    groups = [int(group) for group in text.split(".")]
    if max(groups) > 255:
        raise ValueError(f"{text!r} is not a logical name; each group is 0 to 255")
    return bytes(groups)


def counted(number: int, thing: str) -> str:
    """`1 meter`, `1,200 meters`."""
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"


def format_obis(logical_name: bytes) -> str:
    return ".".join(str(group) for group in logical_name)


def attribute_key(class_id: int, logical_name: bytes, index: int) -> bytes:
    """The nine octets of a cosem-attribute-descriptor or -method-descriptor: class id, logical name, index."""
    return class_id.to_bytes(2, "big") + logical_name + (index & 0xFF).to_bytes(1, "big")


def instant_of(moment: dt.datetime) -> int:
    """The instant of an aware datetime."""
    if moment.tzinfo is None:
        raise ValueError("a moment without an offset is no instant; add one, for example +05:30")
    return round(moment.timestamp() * MS_PER_SECOND)


def moment_of(instant: int, utc_offset_minutes: int = 0) -> dt.datetime:
    """The aware datetime of an instant, at an offset from UTC."""
    zone = dt.timezone(dt.timedelta(minutes=utc_offset_minutes))
    return dt.datetime.fromtimestamp(instant / MS_PER_SECOND, tz=zone)
