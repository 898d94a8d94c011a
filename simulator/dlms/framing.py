# SPDX-License-Identifier: MIT
"""What a session asks of the layer below it. wire/wrapper.py and hdlc_link.py keep this promise; no APDU is known here.

Time comes in with the bytes; a framing without time-outs of its own ignores it.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple, Protocol


class Lost(NamedTuple):
    """The connection between a client and a server ended below them, and their association with it."""

    client: int
    server: int


class Poll(NamedTuple):
    """The client gives a server the word that has something to say unasked; `unasked` takes it, be it with nothing."""

    client: int
    server: int


class Word(Enum):
    """When a server may speak that was not asked."""

    AT_ONCE = "at once"
    WHEN_POLLED = "when polled"
    NEVER = "never"


class Framing(Protocol):
    @property
    def broken(self) -> bool:
        """Nothing more can come: send what is due, then close."""

    @property
    def word(self) -> Word: ...

    @property
    def buffered(self) -> int:
        """Octets received and not handed out yet."""

    def feed(self, data: bytes, now_ms: int) -> None: ...

    def next(self) -> tuple[int, int, bytes] | bytes | Lost | Poll | None:
        """The next whole frame as a plain tuple: source, destination, APDU; or bytes to send at once; or a signal."""

    def encode(self, source: int, destination: int, apdu: bytes) -> bytes:
        """What can be sent of an answer now; a framing that must keep the rest gives it out by `next`."""

    def want_poll(self, source: int, destination: int, *, wanted: bool) -> None:
        """A server has something to say unasked, or has it no more."""

    def unasked(self, source: int, destination: int, apdu: bytes) -> bytes:
        """The frame of an APDU that nobody has asked for; without one, what a poll is answered with otherwise."""
