# SPDX-License-Identifier: GPL-2.0-only
"""What the user of a head-end command wrote, understood: address, client, objects, range. UserError if it is wrong.

Pure: no gurux, no socket, so that a mistake is told before anything is opened.
"""

from __future__ import annotations

import datetime as dt
import difflib
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from simulator.errors import UserError
from simulator.headend.way import Way
from simulator.values import is_date, is_number, parse_obis

DEFAULT_PORT = 4059  # registered for DLMS/COSEM
CALLS_PORT = 4064
_LONGEST_INFORMATION = 2030  # of an HDLC frame; what is agreed is what the meter takes
_ADDRESS = re.compile(r"(?:\[([^\]]+)\]|([^:\[\]]+))(?::(\d+))?")
_ENTRIES = re.compile(r"(\d{1,99})(?:-(\d{1,99})?)?")
_LAST_ENTRY = 0xFFFFFFFF  # entry_descriptor has 32 bits (Blue Book 4.3.6)
_KEY_OCTETS = 16


@dataclass(frozen=True, slots=True)
class Preset:
    """A client of IS 15959: its service access point and authentication mechanism."""

    client: int
    mechanism: int


LLS = 1
CLIENTS = {
    "public": Preset(16, 0),
    "mr": Preset(32, 1),
    "us": Preset(48, 2),
    "push": Preset(64, 0),
    "fu": Preset(80, 2),
    "ihd": Preset(96, 1),
}
_MECHANISMS = {preset.client: preset.mechanism for preset in CLIENTS.values()}

NAMES = {
    "clock": "0.0.1.0.0.255",
    "serial": "0.0.96.1.0.255",
    "device": "0.0.96.1.2.255",
    "ldn": "0.0.42.0.0.255",
    "manufacturer": "0.0.96.1.1.255",
    "firmware": "1.0.0.2.0.255",
    "relay": "0.0.96.3.10.255",
    "objects": "0.0.40.0.0.255",
    "nameplate": "0.0.94.91.10.255",
    "instantaneous": "1.0.94.91.0.255",
    "block": "1.0.99.1.0.255",
    "daily": "1.0.99.2.0.255",
    "billing": "1.0.98.1.0.255",
    "voltage-events": "0.0.99.98.0.255",
    "current-events": "0.0.99.98.1.255",
    "power-events": "0.0.99.98.2.255",
    "transaction-events": "0.0.99.98.3.255",
    "other-events": "0.0.99.98.4.255",
    "non-rollover-events": "0.0.99.98.5.255",
    "control-events": "0.0.99.98.6.255",
}
_WRAPPER = Way()
IDENTITY = tuple(NAMES[name] for name in ("serial", "device", "ldn", "manufacturer", "firmware"))


@dataclass(frozen=True, slots=True)
class Wish:
    """An object to read; without an attribute its value, or the rows of a profile."""

    obis: str
    attribute: int | None = None


@dataclass(frozen=True, slots=True)
class Rows:
    """Which rows and columns of a profile; all None or empty: everything."""

    start: dt.datetime | None = None
    end: dt.datetime | None = None
    first: int | None = None
    count: int | None = None
    columns: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self != Rows()


_ALL_ROWS = Rows()


@dataclass(frozen=True, slots=True)
class Known:
    """What a client needs to log in; HLS secrets and keys in hexadecimal."""

    password: str = field(repr=False)
    ek: str | None = field(default=None, repr=False)
    ak: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Call:
    """One association to be made, and for `meterfleet read` what to read in it."""

    host: str
    port: int
    preset: Preset
    server: int
    password: str | None = field(repr=False)
    timeout_s: float
    max_pdu: int
    wishes: tuple[Wish, ...] = ()
    rows: Rows = _ALL_ROWS
    everything: bool = False
    ek: str | None = field(default=None, repr=False)
    ak: str | None = field(default=None, repr=False)
    way: Way = _WRAPPER

    def checked(self, credentials: Credentials | None) -> Call:
        """With the password that the client needs, and free of contradictions."""
        if self.rows and not self.wishes:
            raise UserError("--from, --to, --entries and --columns belong to a profile; name it, for example block")
        if self.everything and self.wishes:
            raise UserError("--all reads everything; name objects or give --all, not both")
        if self.password == "":
            raise UserError("--password is empty; write the client's password, or leave the option out")
        _check_keys(self.ek, self.ak)
        if not self.preset.mechanism:
            _check_both(self.ek, self.ak)
            return replace(self, password=None)
        known = None if self.password is None else Known(self.password, self.ek, self.ak)
        if known is None and credentials and (known := credentials(self)):
            known = replace(known, ek=self.ek or known.ek, ak=self.ak or known.ak)  # what is given wins
        if known is None:
            hint = "--password or METERFLEET_PASSWORD, or --keys with what `meterfleet inventory` prints"
            raise UserError(f"client {self.preset.client} needs a password and none is known for this place: {hint}")
        _check_keys(known.ek, known.ak)
        _check_both(known.ek, known.ak)
        if self.preset.mechanism != LLS:
            _octets("the secret of an HLS client (--password)", known.password)
        return replace(self, password=known.password, ek=known.ek, ak=known.ak)


def _check_keys(ek: str | None, ak: str | None) -> None:
    for what, key in (("the encryption key (--ek)", ek), ("the authentication key (--ak)", ak)):
        if key is not None and _octets(what, key) != _KEY_OCTETS:
            raise UserError(f"{what} is written in hexadecimal, {2 * _KEY_OCTETS} digits")


def _check_both(ek: str | None, ak: str | None) -> None:
    if bool(ek) != bool(ak):
        raise UserError("a ciphered association needs both keys, --ek and --ak")


def _octets(what: str, text: str) -> int:
    """How many. The text is not shown: but for a slip it is a secret."""
    try:
        return len(bytes.fromhex(text))
    except ValueError:
        raise UserError(f"{what} is written in hexadecimal, {2 * _KEY_OCTETS} digits") from None


Credentials = Callable[[Call], Known | None]
"""What somebody else knows of a meter, or None."""


def parse_address(text: str, *, default_port: int = DEFAULT_PORT) -> tuple[str, int]:
    """``127.0.0.1:4059``, ``meter.example:4059``, ``[::1]:4059``; without a port the usual one."""
    match = _ADDRESS.fullmatch(text.strip())
    if not match:
        raise UserError(f"{text!r} is not an address; write for example 127.0.0.1:{DEFAULT_PORT}")
    port = _number(match[3]) if match[3] else default_port
    if not 1 <= port <= 65535:
        raise UserError(f"{text!r}: a port is 1 to 65535")
    return match[1] or match[2], port


def parse_accept(text: str) -> tuple[tuple[str, int], Way]:
    """``127.0.0.1:4064``, ``0.0.0.0:4064,hdlc``: where meters call, and what they speak there."""
    place, comma, framing = text.partition(",")
    if comma and framing.strip() not in ("hdlc", "wrapper"):
        raise UserError(f"{text!r}: after the place write hdlc or wrapper")
    return parse_address(place, default_port=CALLS_PORT), Way(
        hdlc=framing.strip() == "hdlc", information=_LONGEST_INFORMATION
    )


def parse_client(text: str) -> Preset:
    """A name of CLIENTS, or a number, which has the mechanism of the client of IS 15959 with that number, or LLS."""
    if text.lower() in CLIENTS:
        return CLIENTS[text.lower()]
    if 1 <= (number := _number(text)) <= 0xFFFF:
        return Preset(number, _MECHANISMS.get(number, 1))
    raise UserError(f"{text!r} is not a client; write {', '.join(CLIENTS)} or a number from 1 to 65535")


def parse_polling_client(text: str) -> Preset:
    """Of those that read profiles: mr or us, by name or number."""
    preset = parse_client(text)
    if preset not in (CLIENTS["mr"], CLIENTS["us"]):
        raise UserError(f"--client {text}: meters are polled by mr or us; others may not read profiles")
    return preset


def parse_wish(text: str) -> Wish:
    """``block``, ``1.0.1.8.0.255``, ``1.0.1.8.0.255:3``."""
    name, _, attribute = text.partition(":")
    obis = NAMES.get(name.lower(), name)
    if not name[:1].isdigit() and obis == name:
        raise UserError(f"nothing is called {name!r}; {_hint(name)}")
    _check_obis(obis)
    if ":" not in text:
        return Wish(obis)
    return Wish(obis, _attribute(attribute, text))


def parse_rows(from_: str | None, to: str | None, entries: str | None, columns: str | None) -> Rows:
    start, end = _moment(from_, latest=False), _moment(to, latest=True)
    if entries and (start or end):
        raise UserError("--entries cannot be combined with --from or --to")
    if start and end and (start.tzinfo is None) == (end.tzinfo is None) and start > end:
        raise UserError(f"--from {from_} is later than --to {to}")
    first, count = _entries(entries) if entries else (None, None)
    return Rows(start, end, first, count, _columns(columns))


def _columns(text: str | None) -> tuple[str, ...]:
    columns = tuple(part.strip() for part in (text or "").split(",") if part.strip())
    for column in columns:
        obis, colon, attribute = column.partition(":")
        _check_obis(obis)
        if colon:
            _attribute(attribute, column)
    return columns


def _entries(text: str) -> tuple[int, int | None]:
    """``1-10``, ``5``, ``100-``: the first entry and how many, None to the end."""
    match = _ENTRIES.fullmatch(text.strip())
    first = _number(match[1]) if match else 0
    last = None if match is None or "-" not in text else match[2]
    end = _number(last) if last else first
    if not 1 <= first <= end:
        raise UserError(f"--entries {text!r}: write for example 1-10, 5 or 100-; entry 1 is the oldest")
    if end > _LAST_ENTRY:
        raise UserError(f"--entries {text!r}: entries are numbered to {_LAST_ENTRY}; 100- is all from the 100th on")
    return first, None if text.strip().endswith("-") else end - first + 1


def _moment(text: str | None, *, latest: bool) -> dt.datetime | None:
    """A date alone is its beginning, or with `latest` its last second, so that `--to` includes that day."""
    if text is None:
        return None
    try:
        moment = dt.datetime.fromisoformat(text.strip())
    except ValueError:
        raise UserError(f"{text!r} is not a date; write 2025-06-01 or 2025-06-01T18:30, meter-local") from None
    return moment.replace(hour=23, minute=59, second=59) if latest and is_date(text) else moment


def _number(text: str) -> int:
    """-1 if it is none."""
    return int(text) if is_number(text) else -1


def _attribute(text: str, whole: str) -> int:
    if not 1 <= (number := _number(text)) <= 127:
        raise UserError(f"{whole!r}: after the colon comes the number of an attribute, 1 to 127")
    return number


def _check_obis(text: str) -> None:
    try:
        parse_obis(text)
    except ValueError as error:
        raise UserError(str(error)) from None


def _hint(name: str) -> str:
    near = difflib.get_close_matches(name.lower(), NAMES, n=1)
    return f"did you mean {near[0]}?" if near else f"write an OBIS code or one of {', '.join(NAMES)}"
