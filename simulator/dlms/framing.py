# SPDX-License-Identifier: MIT
"""What a session asks of the layer below it. wire/wrapper.py keeps this promise; nothing here knows an APDU."""

from __future__ import annotations

from typing import Protocol


class Framing(Protocol):
    broken: bool  # nothing more can come: send what is due, then close

    @property
    def buffered(self) -> int:
        """Octets received and not handed out yet."""

    def feed(self, data: bytes) -> None: ...

    def next(self) -> tuple[int, int, bytes] | None:
        """The next whole frame: source, destination, APDU."""

    def encode(self, source: int, destination: int, apdu: bytes) -> bytes: ...
