# SPDX-License-Identifier: MIT
"""What a session asks of the layer below it. wire/wrapper.py and hdlc_link.py keep this promise; no APDU is known here.

Time comes in with the bytes; a framing without time-outs of its own ignores it.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol


class Lost(NamedTuple):
    """The connection between a client and a server ended below them, and their association with it."""

    client: int
    server: int


class Framing(Protocol):
    @property
    def broken(self) -> bool:
        """Nothing more can come: send what is due, then close."""

    @property
    def buffered(self) -> int:
        """Octets received and not handed out yet."""

    def feed(self, data: bytes, now_ms: int) -> None: ...

    def next(self) -> tuple[int, int, bytes] | bytes | Lost | None:
        """The next whole frame as a plain tuple: source, destination, APDU; or bytes to send at once; or a loss."""

    def encode(self, source: int, destination: int, apdu: bytes) -> bytes:
        """What can be sent of an answer now; a framing that must keep the rest gives it out by `next`."""
