# SPDX-License-Identifier: MIT
"""The wrapper below a session: nothing in it keeps a server from speaking unasked (Green Book 7.3.3.2)."""

from __future__ import annotations

from simulator.dlms.framing import Word
from simulator.wire import wrapper


class WrapperLink(wrapper.Splitter):
    """A Framing."""

    __slots__ = ()

    word = Word.AT_ONCE

    def want_poll(self, source: int, destination: int, *, wanted: bool) -> None:
        """It has the word already."""

    def unasked(self, source: int, destination: int, apdu: bytes) -> bytes:
        return self.encode(source, destination, apdu) if apdu else b""
