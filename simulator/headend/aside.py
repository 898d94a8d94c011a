# SPDX-License-Identifier: GPL-2.0-only
"""What a meter says unasked on an open association, put aside before it could be taken for an answer.

EventNotification and DataNotification, plain or ciphered under the association's keys (Green Book 9.3.10, 9.3.11). It
judges no answer.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any

from simulator.headend.ciphering import Keys
from simulator.headend.link import HEADER_OCTETS
from simulator.headend.notifications import Decoder, Notification, Received
from simulator.headend.unsealing import NOTIFICATIONS, SERVICE_SPECIFIC, Opened
from simulator.wire import ciphering, hdlc
from simulator.wire.axdr import Malformed
from simulator.wire.ciphering import DEDICATED_TAGS, GENERAL_DED, GENERAL_GLO, Envelope, Key
from simulator.wire.hdlc import POLL_FINAL, Control

Heard = Callable[[Notification], None]
_LLC = b"\xe6\xe7\x00"
_GENERAL = (GENERAL_GLO, GENERAL_DED)


class Aside:
    """`heard` is told what was put aside. `protocol`: gurux's client, which knows the meter's title."""

    def __init__(self, protocol: Any, keys: Keys | None, where: str, heard: Heard) -> None:
        self._protocol, self._where, self._heard = protocol, where, heard
        self._keys = keys
        self._decoder = Decoder()

    def take(self, frame: bytes, *, is_hdlc: bool) -> bool:
        """Whether this was no answer."""
        apdu = _in_hdlc(frame) if is_hdlc else frame[HEADER_OCTETS:]
        opened = self._opened(apdu)
        if opened is None:
            return False
        now, framing = dt.datetime.now(dt.UTC), "hdlc" if is_hdlc else "wrapper"
        self._heard(self._decoder.decode(Received(now, self._where, "tcp", framing, apdu, opened, "")))
        return True

    def _opened(self, apdu: bytes) -> Opened | None:
        tag = apdu[0] if apdu else 0
        if tag in NOTIFICATIONS:
            return Opened(apdu)
        if tag not in SERVICE_SPECIFIC and (tag not in _GENERAL or self._keys is None):
            return None
        try:
            envelope = ciphering.decode(apdu)
        except Malformed as error:
            return Opened(problem=f"a broken envelope: {error}") if tag in SERVICE_SPECIFIC else None
        plain = next((plain for plain in self._revealed(envelope) if plain and plain[0] in NOTIFICATIONS), None)
        if plain is None:
            return Opened(problem="its keys do not fit") if tag in SERVICE_SPECIFIC else None
        return Opened(plain, self._title(envelope), "", envelope.control, envelope.counter)

    def _title(self, envelope: Envelope) -> bytes:
        return envelope.title or bytes(self._protocol.settings.sourceSystemTitle or b"")

    def _revealed(self, envelope: Envelope) -> Iterator[bytes | None]:
        keys = self._keys
        if keys is None or len(title := self._title(envelope)) != ciphering.TITLE_OCTETS:
            return
        key = keys.dedicated if envelope.tag in DEDICATED_TAGS else keys.ek
        if key is not None:
            yield Key(key, keys.ak).reveal(envelope.control, title, envelope.counter, envelope.text)


def _in_hdlc(frame: bytes) -> bytes:
    """The APDU of an unnumbered information frame; empty for all others, which belong to an exchange."""
    taken = hdlc.decode_from_server(frame[1:-1])
    if taken is None or taken.control & ~POLL_FINAL != Control.UI:
        return b""
    return taken.information.removeprefix(_LLC)
