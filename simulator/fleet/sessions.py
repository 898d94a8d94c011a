# SPDX-License-Identifier: MIT
"""Which session a peer gets at a place: the framing spoken there, and which numbers in it are which meters'.

It opens no socket and answers no request.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

from simulator.dlms.gateway_link import GatewayLink, meter_of, server_of
from simulator.dlms.hdlc_link import HdlcLink, HdlcSettings, server_parts
from simulator.dlms.limits import DEFAULT_LIMITS, Limits
from simulator.dlms.mode_e_link import ModeELink, SignedOn
from simulator.dlms.session import Session
from simulator.dlms.wrapper_link import WrapperLink
from simulator.fleet.listen import MANAGEMENT, Listen, Spread
from simulator.meter.identity import Identity, index_of
from simulator.ports import LogicalDevice
from simulator.values import NEVER_MS, is_number

_WITH_HEADERS = 65_000  # an APDU that leaves room for what a datagram or a gateway puts before it
_SMALLER = Limits(max_sent=_WITH_HEADERS)
_ON_A_LINE = Limits(idle_ms=NEVER_MS)  # a line is never closed; HDLC has a time-out of its own
_MOST = 4_096  # conversations of one peer with the meters behind one port
Devices = Callable[[int], LogicalDevice | None]  # server's number in its framing -> logical device


@dataclass(frozen=True, slots=True)
class Residents:
    """Who lives in the fleet."""

    count: int
    device: Callable[[int], LogicalDevice]
    identity: Callable[[int], Identity]

    def meter(self, index: int) -> LogicalDevice | None:
        return self.device(index) if 0 <= index < self.count else None

    def named(self, name: str) -> int | None:
        """The meter of a serial number, or of its number in the fleet, from 1; zeros ahead of either do not count, for
        a sign-on leaves them out (IEC 62056-21 6.3.1)."""
        if not is_number(name):
            return None
        number = int(name)
        by_serial = index_of(name)
        if 0 <= by_serial < self.count and int(self.identity(by_serial).serial) == number:
            return by_serial
        return number - 1 if 1 <= number <= self.count else None


def session_at(residents: Residents, listen: Listen, host: str, port: int) -> Session | None:
    """A session at a network place; None: nobody lives there."""
    if listen.framing == "gateway":
        return _behind_gateway(residents)
    if listen.framing == "hdlc":
        return _over_hdlc(residents, listen, host, port)
    limits = _SMALLER if listen.framing == "udp" else DEFAULT_LIMITS
    if listen.spread is Spread.SHARED:
        return Session(lambda server: residents.meter(server - 1), limits=_wide(limits, residents.count))
    index = listen.meter_at(host, port)
    owner = residents.meter(index)
    if owner is None:
        return None
    if listen.framing == "udp":  # no connection that could die with the meter's power
        return Session(lambda server: residents.meter(index) if server == MANAGEMENT else None, limits=limits)
    return _own_session(owner, limits)


def session_of_caller(residents: Residents, listen: Listen, index: int) -> Session:
    """What a meter speaks that has called the head-end; it stays on the line for as long as the head-end does."""
    owner = residents.device(index)
    if listen.dials_hdlc:
        return _hdlc_session(residents, listen, range(index, index + 1), _ON_A_LINE, owner)
    return _own_session(owner, _ON_A_LINE)


def _own_session(owner: LogicalDevice, limits: Limits) -> Session:
    return Session(lambda server: owner if server == MANAGEMENT else None, limits=limits, owner=owner)


def _wide(limits: Limits, meters: int) -> Limits:
    """With room for several clients of each of so many meters."""
    return replace(limits, max_associations=_room(limits.max_associations, meters))


def _room(least: int, meters: int) -> int:
    return min(max(least, 4 * meters), _MOST)


def _behind_gateway(residents: Residents) -> Session:
    def find(name: bytes) -> int | None:
        return residents.named(name.decode("ascii", "replace"))

    def device(number: int) -> LogicalDevice | None:
        return residents.meter(meter_of(number)) if server_of(number) == MANAGEMENT else None

    limits = _wide(_SMALLER, residents.count)
    splitter = WrapperLink(max_frame=limits.max_frame, max_pending=limits.max_pending)
    return Session(device, framing=GatewayLink(splitter, find), limits=limits)


def _over_hdlc(residents: Residents, listen: Listen, host: str, port: int) -> Session | None:
    if listen.spread is Spread.SHARED:
        return _hdlc_session(residents, listen, range(residents.count), DEFAULT_LIMITS)
    index = listen.meter_at(host, port)
    owner = residents.meter(index)
    if owner is None:
        return None
    return _hdlc_session(residents, listen, range(index, index + 1), DEFAULT_LIMITS, owner)


def _hdlc_session(
    residents: Residents, listen: Listen, meters: range, limits: Limits, owner: LogicalDevice | None = None
) -> Session:
    devices = _neighbours(residents, listen, meters)
    settings, wide = _hdlc(listen, len(meters), limits)
    return Session(devices, framing=HdlcLink(_awake(devices), settings), limits=wide, owner=owner)


def _hdlc(listen: Listen, meters: int, limits: Limits) -> tuple[HdlcSettings, Limits]:
    connections = _room(listen.hdlc.max_connections, meters)
    return replace(listen.hdlc, max_connections=connections), _wide(limits, meters)


def _neighbours(residents: Residents, listen: Listen, meters: range) -> Devices:
    """Meters on one line by their physical addresses; one that lives alone is also reached without."""

    def device(number: int) -> LogicalDevice | None:
        upper, lower = server_parts(number)
        if lower is None:
            lower = listen.physical if len(meters) == 1 else -1
        row = lower - listen.physical
        return residents.meter(meters[row]) if upper == MANAGEMENT and 0 <= row < len(meters) else None

    return device


def meters_at(residents: Residents, listen: Listen, host: str, port: int) -> range:
    """Whom a connection to a place may lead to; a line's port is its number, a caller's that of the meter."""
    if listen.framing == "dial":
        return range(port, port + 1)
    if listen.framing == "serial":
        return meters_on(residents, listen, port)
    if listen.framing == "gateway" or listen.spread is Spread.SHARED:
        return range(residents.count)
    index = listen.meter_at(host, port)
    return range(index, index + 1)


def meters_on(residents: Residents, listen: Listen, line: int) -> range:
    first = line * listen.meters_per_line
    return range(first, min(first + listen.meters_per_line, residents.count))


def meter_behind(listen: Listen, meters: range, server: int) -> int:
    """The meter among those of a connection that a server's number means; -1 if none."""
    if len(meters) == 1:
        return meters[0]
    if listen.framing == "gateway":
        return meter_of(server)
    if listen.framing in ("hdlc", "serial"):
        row = (server_parts(server)[1] or 0) - listen.physical
        return meters[row] if 0 <= row < len(meters) else -1
    return server - 1


def _awake(devices: Devices) -> Callable[[int], bool]:
    """Who of a line's stations hears anything."""

    def hears(number: int) -> bool:
        device = devices(number)
        return device is not None and not device.is_gone

    return hears


class OnLine(NamedTuple):
    """A session on a serial line."""

    session: Session
    link: HdlcLink
    sign_on: ModeELink | None  # where the line begins with one


def session_on_line(residents: Residents, listen: Listen, line: int) -> OnLine:
    meters = meters_on(residents, listen, line)
    devices = _neighbours(residents, listen, meters)
    settings, limits = _hdlc(listen, len(meters), _ON_A_LINE)
    if not listen.mode_e:
        link = HdlcLink(_awake(devices), settings)
        return OnLine(Session(devices, framing=link, limits=limits), link, None)

    hears = _awake(devices)

    def awake(number: int) -> bool:
        """Only the meter that has signed on hears."""
        lower = server_parts(number)[1] or listen.physical
        return hears(number) and meters[lower - listen.physical] == sign_on.meter

    def find(address: str) -> SignedOn | None:
        """Without an address all would answer at once, so one does if it lives alone (IEC 62056-21 6.3.1)."""
        index = residents.named(address) if address else meters[0] if len(meters) == 1 else None
        if index is None or index not in meters or residents.device(index).is_dark:
            return None
        identity = residents.identity(index)
        return SignedOn(index, identity.flag, identity.logical_device_name)

    link = HdlcLink(awake, settings)
    sign_on = ModeELink(link, find, baud=listen.baud, inactivity_ms=settings.inactivity_ms)
    return OnLine(Session(devices, framing=sign_on, limits=limits), link, sign_on)
