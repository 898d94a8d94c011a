# SPDX-License-Identifier: MIT
"""COSEM date-time, date and time octet-strings (Blue Book 4.1.6.1): to and from meter-local seconds and text.

Meter-local seconds count from 1970-01-01T00:00:00 on the meter's own clock, whatever its offset from UTC. It never
asks what time it is.
"""

from __future__ import annotations

import datetime as dt
import re

import numpy as np
import numpy.typing as npt

NOT_SPECIFIED = 0xFF
DEVIATION_NOT_SPECIFIED = -0x8000
_TEXT = re.compile(r"(\*|\d{4})-(\*|\d\d?)-(\*|\d\d?)(?:[ T](.+))?")
_TIME = re.compile(r"(\*|\d\d?):(\*|\d\d?)(?::(\*|\d\d?)(?:\.(\*|\d\d?))?)?")
_EPOCH_ORDINAL = dt.date(1970, 1, 1).toordinal()


def stamp(local_s: int, utc_offset_minutes: int, status: int = 0, *, hundredths: int = 0) -> bytes:
    """The 12 octets of a date-time; deviation is UTC minus local time, in minutes."""
    days, seconds = divmod(local_s, 86_400)
    date = dt.date.fromordinal(days + _EPOCH_ORDINAL)
    hour, rest = divmod(seconds, 3_600)
    return (
        date.year.to_bytes(2, "big")
        + bytes((date.month, date.day, date.isoweekday(), hour, rest // 60, rest % 60, hundredths))
        + (-utc_offset_minutes).to_bytes(2, "big", signed=True)
        + bytes((status,))
    )


def stamps(local_s: npt.NDArray[np.int64], utc_offset_minutes: int) -> npt.NDArray[np.uint8]:
    """Many date-times at once: int64 [n] meter-local seconds to uint8 [n, 12]."""
    out = np.zeros((len(local_s), 12), dtype=np.uint8)
    days = local_s // 86_400
    seconds = local_s - days * 86_400
    dates = days.astype("datetime64[D]")
    months = dates.astype("datetime64[M]")
    month_number = months.astype(np.int64) + 1970 * 12
    year = month_number // 12
    out[:, 0], out[:, 1] = year >> 8, year & 0xFF
    out[:, 2] = month_number % 12 + 1
    out[:, 3] = (dates - months).astype(np.int64) + 1
    out[:, 4] = (days + 3) % 7 + 1  # 1970-01-01 was a Thursday, day 4 of the week
    out[:, 5], out[:, 6], out[:, 7] = seconds // 3_600, seconds % 3_600 // 60, seconds % 60
    out[:, 9:11] = np.frombuffer((-utc_offset_minutes).to_bytes(2, "big", signed=True), dtype=np.uint8)
    return out


def local_seconds(octets: bytes, utc_offset_minutes: int, *, latest: bool) -> int:
    """Meter-local seconds of a client's date-time; ValueError if it names no moment.

    What is not specified takes its first value, or its last with `latest` (so that both ends of a range are
    inclusive). A deviation that differs from the meter's own is converted; one not specified means meter time.
    """
    if len(octets) != 12:
        raise ValueError("a date-time has 12 octets")
    year, month, day, hour, minute, second = _fields(octets)
    if year == 0xFFFF:
        raise ValueError("the year is not specified")
    month = month if 1 <= month <= 12 else (12 if latest else 1)
    last_day = (dt.date(year + month // 12, month % 12 + 1, 1) - dt.timedelta(days=1)).day if year < 9999 else 31
    day = min(day, last_day) if 1 <= day <= 31 else (last_day if latest else 1)
    top = (23, 59, 59) if latest else (0, 0, 0)
    hour, minute, second = (t if v == NOT_SPECIFIED else v for v, t in zip((hour, minute, second), top, strict=True))
    moment = dt.datetime(year, month, day, hour, minute, second)
    deviation = int.from_bytes(octets[9:11], "big", signed=True)
    shift = 0 if deviation == DEVIATION_NOT_SPECIFIED else deviation + utc_offset_minutes
    return (moment.toordinal() - _EPOCH_ORDINAL) * 86_400 + hour * 3_600 + minute * 60 + second + shift * 60


def _fields(octets: bytes) -> tuple[int, int, int, int, int, int]:
    return (int.from_bytes(octets[:2], "big"), octets[2], octets[3], octets[5], octets[6], octets[7])


def encode_date_time(text: str) -> bytes:
    """``2025-06-01 00:00:00`` or with ``*`` for what is not specified; deviation and status not specified."""
    match = _TEXT.fullmatch(text)
    if not match:
        raise ValueError(f"{text!r} is not a date-time; write 2025-06-01 00:00:00, * for what is not specified")
    clock = encode_time(match[4]) if match[4] else b"\xff\xff\xff\xff"
    return _date(match) + clock + b"\x80\x00\xff"


def encode_date(text: str) -> bytes:
    """``2025-06-01`` or ``*-*-01``: year, month, day, day of the week not specified."""
    match = _TEXT.fullmatch(text)
    if not match or match[4]:
        raise ValueError(f"{text!r} is not a date; write 2025-06-01, * for what is not specified")
    return _date(match)


def encode_time(text: str) -> bytes:
    """``18:30:00`` or ``*:30``: hour, minute, second, hundredths 0; ``*:30:00.*`` for any hundredth."""
    match = _TIME.fullmatch(text)
    if not match:
        raise ValueError(f"{text!r} is not a time; write 18:30:00, * for what is not specified")
    parts = bytes(NOT_SPECIFIED if part == "*" else int(part or 0) for part in match.groups())
    if any(v != NOT_SPECIFIED and v > top for v, top in zip(parts, (23, 59, 59, 99), strict=True)):
        raise ValueError(f"{text!r} is not a time of the day")
    return parts


def _date(match: re.Match[str]) -> bytes:
    year = 0xFFFF if match[1] == "*" else int(match[1])
    month, day = (NOT_SPECIFIED if part == "*" else int(part) for part in (match[2], match[3]))
    if (month != NOT_SPECIFIED and not 1 <= month <= 12) or (day != NOT_SPECIFIED and not 1 <= day <= 31):
        raise ValueError(f"{match[0]!r} is not a date")
    return year.to_bytes(2, "big") + bytes((month, day, NOT_SPECIFIED))
