# SPDX-License-Identifier: MIT
"""What SNRM and UA say about frame sizes and windows, and what two stations agree on (IEC 62056-46 6.4.4.4.3.2).

Numbers only; which of them a station can do is for its user to say.
"""

from __future__ import annotations

from typing import NamedTuple

MIN_INFORMATION, MAX_INFORMATION = 32, 2030
MIN_WINDOW, MAX_WINDOW = 1, 7

_FORMAT_AND_GROUP = b"\x81\x80"
_IDENTIFIERS = (5, 6, 7, 8)  # in the order of Parameters


class Parameters(NamedTuple):
    """As the sender of the frame sees them; the values of a station that says nothing are the standard's."""

    information_transmit: int = 128
    information_receive: int = 128
    window_transmit: int = 1
    window_receive: int = 1

    @property
    def valid(self) -> bool:
        sizes, windows = self[:2], self[2:]
        return min(sizes) >= MIN_INFORMATION and min(windows) >= MIN_WINDOW


DEFAULTS = Parameters()


def decode(information: bytes) -> Parameters | None:
    """The parameters of an SNRM or UA, defaults where it says nothing; None if it cannot be read."""
    if not information:
        return DEFAULTS
    if information[:2] != _FORMAT_AND_GROUP or len(information) < 3:
        return None
    end = 3 + information[2]
    if end > len(information):
        return None
    values: dict[int, int] = {}
    at = 3
    while at < end:
        if at + 2 > end or at + 2 + information[at + 1] > end:
            return None
        identifier, octets = information[at], information[at + 1]
        values[identifier] = int.from_bytes(information[at + 2 : at + 2 + octets], "big")
        at += 2 + octets
    return Parameters(*(values.get(name, value) for name, value in zip(_IDENTIFIERS, DEFAULTS, strict=True)))


def encode(parameters: Parameters) -> bytes:
    body = b"".join(_encode_one(name, value) for name, value in zip(_IDENTIFIERS, parameters, strict=True))
    return _FORMAT_AND_GROUP + bytes((len(body),)) + body


def _encode_one(name: int, value: int) -> bytes:
    """A window has four octets, a size as many as it needs: clients parse what meters have always sent."""
    octets = 4 if name >= 7 else 1 if value < 256 else 2
    return bytes((name, octets)) + value.to_bytes(octets, "big")


def agree(proposed: Parameters, *, information: int, window: int) -> Parameters:
    """The answer of a station that can do so much: one side's transmitting is the other's receiving."""
    return Parameters(
        min(proposed.information_receive, information),
        min(proposed.information_transmit, information),
        min(proposed.window_receive, window),
        min(proposed.window_transmit, window),
    )
