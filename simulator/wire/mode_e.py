# SPDX-License-Identifier: MIT
"""The sign-on of IEC 62056-21 protocol mode E: its three messages, and the characters for speeds (clause 6.3).

Seven-bit characters in and out; it holds no state.
"""

from __future__ import annotations

import re
from typing import NamedTuple

OPENING_BAUD = 300
BAUD_CHARACTERS = {300: "0", 600: "1", 1200: "2", 2400: "3", 4800: "4", 9600: "5", 19200: "6"}
_BAUDS = {character: baud for baud, character in BAUD_CHARACTERS.items()}
_REQUEST = re.compile(rb"/\?([0-9A-Za-z ]{0,32})!\Z")
_ACKNOWLEDGEMENT = re.compile(rb"\x06(.)(.)(.)\Z")
_HDLC, _BINARY = "2", "2"  # protocol control character, mode control character


class SignOn(NamedTuple):
    """Request message `/?address!`: the device's address without leading zeros; empty: whoever is on the line."""

    address: str


class Choice(NamedTuple):
    """Acknowledgement message: the speed that the reader wants, and whether it wants HDLC in binary mode."""

    baud: int | None
    hdlc: bool


def read_line(line: bytes) -> SignOn | Choice | None:
    """A message of the reader without its CR LF; whatever stands before it is noise."""
    if found := _REQUEST.search(line):
        address = found[1].decode().strip()
        return SignOn(address.lstrip("0") or address[:1])
    if found := _ACKNOWLEDGEMENT.search(line):
        protocol, speed, mode = (group.decode("ascii", "replace") for group in found.groups())
        return Choice(_BAUDS.get(speed), protocol == _HDLC and mode == _BINARY)
    return None


def identification(flag: str, baud: int, name: str) -> bytes:
    r"""`/XXXZ\2name`: maker, the highest speed, mode E, and up to sixteen characters (6.3.2, 6.3.14)."""
    return f"/{flag}{BAUD_CHARACTERS[baud]}\\2{name[:16]}\r\n".encode("ascii")


def acknowledgement(baud: int) -> bytes:
    return f"\x06{_HDLC}{BAUD_CHARACTERS[baud]}{_BINARY}\r\n".encode("ascii")
