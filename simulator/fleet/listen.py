# SPDX-License-Identifier: MIT
"""Where the meters listen: what `--listen` says, and which place is which meter's.

It opens nothing and speaks no DLMS; mistakes are UserErrors that say what is known instead.
"""

from __future__ import annotations

import ipaddress
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import NamedTuple

from simulator.dlms.hdlc_link import DEFAULT_SETTINGS, HdlcSettings
from simulator.errors import UserError
from simulator.faults.fault import Fault
from simulator.faults.packs import link_profile
from simulator.values import is_number, parse_duration_ms
from simulator.wire.hdlc import CALLING
from simulator.wire.hdlc_parameters import MAX_INFORMATION, MAX_WINDOW, MIN_INFORMATION, MIN_WINDOW

DEFAULT_ADDRESS = "127.1.0.1"
LOOPBACK = ipaddress.IPv4Address("127.0.0.1")
_LOOPBACKS = ipaddress.IPv4Network("127.0.0.0/8")
DEFAULT_PORT = 4059  # IANA: dlms-cosem
_DEFAULT_PORTS = {"wrapper": DEFAULT_PORT, "udp": DEFAULT_PORT, "hdlc": 4062, "gateway": 4063}  # so that all can be had
FIRST_PHYSICAL = 16  # HDLC addresses below are reserved (IEC 62056-46 6.4.2.3)
MANAGEMENT = 1  # logical device of all meters
BAUDS = (300, 600, 1200, 2400, 4800, 9600, 19200)
_INTER_OCTET_ON_A_LINE_MS = 200  # 25 to 30 on the wire; adapters and terminals hand octets over in portions

_LINK = "link"
_PLACES = {"address", "port", "ports", "shared", _LINK}
_HDLC = {"physical", "window", "info", "inactivity", "inter_octet"}
KEYS: Mapping[str, set[str]] = {
    "wrapper": _PLACES,
    "udp": _PLACES,
    "hdlc": _PLACES | _HDLC,
    "gateway": {"address", "port", _LINK},
    "dial": {"address", "hdlc", _LINK} | _HDLC,
    "serial": {"device", "pty", "baud", "mode_e", _LINK} | _HDLC,
}


class Spread(Enum):
    """How the meters of a fleet share the places of one `--listen`."""

    ADDRESSES = "an address per meter"
    PORTS = "a port per meter"
    SHARED = "all behind one port"
    LINES = "several on a line"
    CALLS = "each calls the head-end"


class Place(NamedTuple):
    """Where one meter is reached, and by which numbers there; or with framing `dial`, where it calls."""

    framing: str
    host: str | None = None
    port: int | None = None
    device: str | None = None
    server: int = MANAGEMENT  # wrapper: the destination wPort; HDLC: the upper address
    physical: int | None = None  # HDLC: the lower address, which may be left out where it is the only one
    baud: int | None = None  # of a serial line
    mode_e: bool = False  # which begins with a sign-on


@dataclass(frozen=True, slots=True)
class Listen:
    """One `--listen`, understood."""

    text: str
    framing: str
    spread: Spread
    address: ipaddress.IPv4Address = LOOPBACK
    port: int = 0
    physical: int = FIRST_PHYSICAL
    hdlc: HdlcSettings = DEFAULT_SETTINGS
    devices: tuple[str, ...] = ()  # of serial lines; those of pseudo-terminals are known when they are made
    lines: int = 1
    meters_per_line: int = 0
    baud: int = 9600
    mode_e: bool = False
    link: str = ""  # name of its link profile
    faults: tuple[Fault, ...] = ()  # that make the profile
    host: str = ""  # whom meters call
    dials_hdlc: bool = False

    def place_of(self, index: int) -> Place:
        if self.framing == "dial":
            return Place("dial", self.host, self.port, physical=self.physical if self.dials_hdlc else None)
        host, port = self._host_of(index), self.port + index if self.spread is Spread.PORTS else self.port
        if self.framing == "serial":
            line, row = divmod(index, self.meters_per_line)
            device = self.devices[line] if line < len(self.devices) else None
            return Place("serial", device=device, physical=self.physical + row, baud=self.baud, mode_e=self.mode_e)
        if self.framing == "hdlc":
            shift = index if self.spread is Spread.SHARED else 0
            return Place("hdlc", host, port, physical=self.physical + shift)
        by_port = self.spread is Spread.SHARED and self.framing != "gateway"
        return Place(self.framing, host, port, server=index + 1 if by_port else MANAGEMENT)

    def _host_of(self, index: int) -> str:
        return str(self.address + index if self.spread is Spread.ADDRESSES else self.address)

    def meter_at(self, host: str, port: int) -> int:
        """The number of the meter at a place that is its own; may lie outside the fleet."""
        if self.spread is Spread.PORTS:
            return port - self.port
        return int(ipaddress.IPv4Address(host)) - int(self.address)

    def with_link(self, name: str) -> Listen:
        """Raises UserError: there is no such link profile, or what is wrong in its file."""
        return replace(self, link=name, faults=link_profile(name))

    def on_devices(self, devices: tuple[str, ...]) -> Listen:
        return replace(self, devices=devices)


A_CALL = Listen("dial", "dial", Spread.CALLS)  # of meters that only clients have told whom to call


def parse_listen(text: str, count: int) -> Listen:
    """What one `--listen` says for a fleet of `count` meters; UserError says what is wrong with it."""
    framing, *pairs = text.split(",")
    if framing not in KEYS:
        raise UserError(
            f"--listen {text}: {framing!r} is not known; known are {', '.join(KEYS)}; "
            "write for example wrapper,address=127.1.0.1,port=4059"
        )
    if sys.platform == "win32" and framing in ("udp", "serial"):
        raise UserError(f"--listen {text}: {framing} needs Linux or macOS")
    options = _options(text, pairs)
    if unknown := set(options) - KEYS[framing]:
        known = ", ".join(sorted(KEYS[framing]))
        raise UserError(f"--listen {text}: {sorted(unknown)[0]!r} is not known; known are {known}")
    said = _Said(text, options)
    if framing == "dial":
        return _with_link(said, _dial(said))
    listen = _line(said, count) if framing == "serial" else _net(said, framing, count)
    _check_room(listen, count)
    return _with_link(said, listen)


def _options(text: str, pairs: Sequence[str]) -> dict[str, str]:
    options: dict[str, str] = {}
    for key, _, value in (pair.partition("=") for pair in pairs):
        if key in options:
            raise UserError(f"--listen {text}: {key!r} is given twice")
        options[key] = value
    return options


def parse_listens(texts: Sequence[str], count: int) -> list[Listen]:
    """All of a fleet; UserError too if two of them are one place."""
    listens = [parse_listen(text, count) for text in texts]
    seen: dict[Place, Listen] = {}
    for one in listens:
        place = one.place_of(0)
        if place in seen:
            raise _Said(one.text, {}).mistake(f"--listen {seen[place].text} is the same place; leave one of them out")
        if one.framing != "serial" or one.devices:  # each pseudo-terminal is another one
            seen[place] = one
    return listens


def whom_meters_call(listens: Sequence[Listen]) -> tuple[str, ...]:
    """As destinations of their Auto connect objects."""
    calls = ((one.host, one.port) for one in listens if one.framing == "dial")
    return tuple(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in calls)


class _Said:
    """The options of one `--listen`, taken one by one."""

    def __init__(self, text: str, options: Mapping[str, str]) -> None:
        self.text, self.options = text, options

    def mistake(self, words: str) -> UserError:
        return UserError(f"--listen {self.text}: {words}")

    def number(self, key: str, default: int, low: int, high: int, what: str) -> int:
        value = self.options.get(key, str(default))
        if not is_number(value) or not low <= int(value) <= high:
            raise self.mistake(f"{value!r} is not {what}; {low} to {high}")
        return int(value)

    def flag(self, key: str) -> bool:
        return bool(self.number(key, 0, 0, 1, f"a value of {key}"))

    def duration_ms(self, key: str, default_ms: int) -> int:
        try:
            return parse_duration_ms(self.options[key]) if key in self.options else default_ms
        except ValueError as error:
            raise self.mistake(f"{key}: {error}") from None


def _net(said: _Said, framing: str, count: int) -> Listen:
    per_port, shared = "ports" in said.options, framing == "gateway" or said.flag("shared")
    if per_port and ("port" in said.options or shared):
        raise said.mistake("give port (an address per meter), ports (a port per meter) or shared=1, not both")
    spread = Spread.PORTS if per_port else Spread.SHARED if shared else Spread.ADDRESSES
    address = _address(said, DEFAULT_ADDRESS if spread is Spread.ADDRESSES else str(LOOPBACK), count, spread)
    port = said.number("ports" if per_port else "port", _DEFAULT_PORTS[framing], 1, 65_535, "a port")
    return Listen(said.text, framing, spread, address, port, _physical(said), _hdlc(said, DEFAULT_SETTINGS))


def _address(said: _Said, default: str, count: int, spread: Spread) -> ipaddress.IPv4Address:
    """An address, or a network of them, 127.1.0.0/16: then the first that a meter may have there."""
    text = said.options.get("address", default)
    try:
        place = ipaddress.IPv4Interface(text)
    except ValueError:
        raise said.mistake(f"{text!r} is not an IPv4 address, or a network of them such as 127.1.0.0/16") from None
    network = place.network if "/" in text else _LOOPBACKS
    first = place.ip
    if "/" in text and first == network.network_address and network.prefixlen < 31:
        first += 1  # the network's own address is no meter's
    left = int(network.broadcast_address) - int(first) + ("/" in text)  # 127.255.255.255 can't be listened on
    if first in network and (count if spread is Spread.ADDRESSES else 1) > left:
        raise said.mistake(f"{count} addresses from {first} go beyond {network}")
    return first


def _with_link(said: _Said, listen: Listen) -> Listen:
    try:
        return listen.with_link(said.options[_LINK]) if _LINK in said.options else listen
    except UserError as error:
        raise said.mistake(str(error)) from None


def _dial(said: _Said) -> Listen:
    host, _, port = said.options.get("address", "").rpartition(":")
    if not host or not is_number(port) or not 1 <= int(port) <= 65_535:
        raise said.mistake("say whom the meters call, for example address=127.0.0.1:4064")
    hdlc = said.flag("hdlc")
    if not hdlc and (wrong := sorted(_HDLC & set(said.options))):
        raise said.mistake(f"{wrong[0]!r} is of HDLC; add hdlc=1")
    settings = _hdlc(said, DEFAULT_SETTINGS)
    return Listen(
        said.text, "dial", Spread.CALLS, port=int(port), physical=_physical(said), hdlc=settings,
        host=host.strip("[]"), dials_hdlc=hdlc,
    )  # fmt: skip


def _line(said: _Said, count: int) -> Listen:
    device = said.options.get("device")
    if (device is None) == ("pty" not in said.options):
        raise said.mistake("give device=/dev/ttyUSB0 or pty=1 (so many pseudo-terminals are made), one of them")
    lines = 1 if device else said.number("pty", 1, 1, count, "a number of pseudo-terminals for so many meters")
    baud = said.number("baud", 9600, BAUDS[0], BAUDS[-1], "a speed")
    if baud not in BAUDS:
        raise said.mistake(f"{baud} is not a speed; known are {', '.join(map(str, BAUDS))}")
    return Listen(
        said.text,
        "serial",
        Spread.LINES,
        physical=_physical(said),
        hdlc=_hdlc(said, HdlcSettings(inter_octet_ms=_INTER_OCTET_ON_A_LINE_MS)),
        devices=(device,) if device else (),
        lines=lines,
        meters_per_line=-(-count // lines),
        baud=baud,
        mode_e=said.flag("mode_e"),
    )


def _physical(said: _Said) -> int:
    return said.number("physical", FIRST_PHYSICAL, FIRST_PHYSICAL, CALLING - 1, "a physical address")


def _hdlc(said: _Said, defaults: HdlcSettings) -> HdlcSettings:
    return HdlcSettings(
        window=said.number("window", defaults.window, MIN_WINDOW, MAX_WINDOW, "a window"),
        information=said.number("info", defaults.information, MIN_INFORMATION, MAX_INFORMATION, "an information size"),
        inter_octet_ms=said.duration_ms("inter_octet", defaults.inter_octet_ms),
        inactivity_ms=said.duration_ms("inactivity", defaults.inactivity_ms),
    )


def _check_room(listen: Listen, count: int) -> None:
    last, mistake = count - 1, _Said(listen.text, {}).mistake
    if listen.spread is Spread.PORTS and listen.port + last > 65_535:
        raise mistake(f"{count} ports from {listen.port} go beyond 65535; use an address per meter")
    if listen.spread is Spread.ADDRESSES and int(listen.address) + last > 0xFFFFFFFF:
        raise mistake(f"{count} addresses from {listen.address} go beyond the address space")
    place = listen.place_of(last if listen.spread is Spread.SHARED else (listen.meters_per_line or 1) - 1)
    if place.physical is not None and place.physical >= CALLING:
        raise mistake(f"the physical addresses from {listen.physical} go beyond {CALLING - 1}; use more ports or lines")
    if place.server > 0xFFFF:
        raise mistake(f"{count} meters do not fit behind one port: a wPort is at most 65535")
