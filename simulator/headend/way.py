# SPDX-License-Identifier: GPL-2.0-only
"""How octets get to a meter: framing, transport, and the numbers by which it is found behind them.

Pure: no gurux, no socket.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from simulator.errors import UserError

_LONGEST_NAME = 255  # the prefix of a gateway says its length in one octet (Green Book 10.10)
_LONGEST_DEVICE_ADDRESS = 32  # IEC 62056-21 6.3


class Transport(Enum):
    TCP = "tcp"
    UDP = "udp"
    SERIAL = "serial"


@dataclass(frozen=True, slots=True)
class Way:
    """Wrapper over TCP if nothing else is said."""

    transport: Transport = Transport.TCP
    hdlc: bool = False
    physical: int | None = None  # HDLC: the lower address of the meter; None: the upper one alone
    address_octets: int = 0  # HDLC: 1, 2 or 4; 0: as many as it takes
    information: int = 128  # HDLC: the largest information field, both ways
    gateway: str | None = None  # the meter's name behind a gateway
    mode_e: bool = False  # a serial line begins with the sign-on of IEC 62056-21
    device_address: str = ""  # in the sign-on
    baud: int = 9600

    def checked(self) -> Way:
        """UserError if it contradicts itself."""
        if self.transport is Transport.UDP and self.hdlc:
            raise UserError("UDP carries the wrapper; give --udp or --hdlc, not both")
        if self.gateway is not None and self.hdlc:
            raise UserError("a gateway is reached by the wrapper; give --gateway or --hdlc, not both")
        if self.gateway is not None and not (self.gateway.isascii() and 1 <= len(self.gateway) <= _LONGEST_NAME):
            hint = f"a meter behind a gateway is named by 1 to {_LONGEST_NAME} ASCII characters"
            raise UserError(f"--gateway {_cut(self.gateway)!r}: {hint}")
        if not self.hdlc and (self.physical is not None or self.address_octets):
            raise UserError("--physical and --address-octets are of HDLC; add --hdlc or --serial")
        if self.address_octets not in (0, 1, 2, 4):
            hint = "an HDLC address has 1, 2 or 4 octets; 0: as few as it takes"
            raise UserError(f"--address-octets {self.address_octets}: {hint}")
        if self.mode_e and self.transport is not Transport.SERIAL:
            raise UserError("--mode-e begins a serial line; add --serial DEVICE")
        if not (self.device_address.isascii() and len(self.device_address) <= _LONGEST_DEVICE_ADDRESS):
            hint = f"a sign-on has up to {_LONGEST_DEVICE_ADDRESS} ASCII characters for it"
            raise UserError(f"--device-address {_cut(self.device_address)!r}: {hint}")
        if self.address_octets == 1 and self.physical is not None:
            raise UserError("an HDLC address of one octet has no physical part; leave --physical out")
        return self

    def server_address(self, upper: int) -> tuple[int, int]:
        """The address as gurux writes it, and its octets."""
        if self.physical is None and self.address_octets in (0, 1):
            return upper, 1
        lower = self.physical or 0
        small = upper < 0x80 and lower < 0x80 and self.address_octets != 4
        if self.address_octets == 2 and not small:
            raise UserError(f"{upper} and {lower} do not fit into an HDLC address of two octets")
        return (upper << 7 | lower, 2) if small else (upper << 14 | lower, 4)


def _cut(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:40]}…"
