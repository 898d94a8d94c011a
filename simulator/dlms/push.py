# SPDX-License-Identifier: MIT
"""One push on the wire: a notification covered by the push association's protection, in its frame (Green Book 9.3.10).

Bytes out, and for a confirmed one bytes in until the confirmation is there. No socket, no clock, no meter.
"""

from __future__ import annotations

from enum import Enum

from simulator.dlms.hdlc_station import LLC_COMMAND, LLC_RESPONSE
from simulator.errors import PeerError
from simulator.ports import Protection
from simulator.wire import ciphering, hdlc, notification, wrapper
from simulator.wire.ciphering import GENERAL_GLO, PROTECTED, Envelope
from simulator.wire.hdlc import Address, Control
from simulator.wire.notification import DataNotification

MANAGEMENT = 1  # the logical device that pushes
OWN = Address(MANAGEMENT)
_MAX_INFORMATION = 2_030  # IEC 62056-46 6.4.4.4.3.2
_MAX_FRAME = 65_535


class Link(Enum):
    WRAPPER = "wrapper"
    HDLC = "HDLC"


def covered(notice: DataNotification, protection: Protection, control: int) -> bytes:
    """The APDU as it goes out: plain, or by general-glo-ciphering with the meter's title. It uses up a counter."""
    apdu = notification.encode_notification(notice)
    if not control & PROTECTED:
        return apdu
    title, counter = protection.title, protection.next_counter()
    text = protection.key().protect(control, title, counter, apdu)
    return ciphering.encode(Envelope(GENERAL_GLO, title, control, counter, text))


def framed(
    apdu: bytes, client: int, link: Link, server: Address = OWN, information: int = _MAX_INFORMATION
) -> bytes | None:
    """In the wrapper, or in an unnumbered information frame of HDLC; None if it does not fit into one. `server`: the
    meter's HDLC address, `information`: octets that a frame may carry there."""
    if link is Link.WRAPPER:
        return wrapper.encode(MANAGEMENT, client, apdu) if len(apdu) <= _MAX_FRAME else None
    lpdu = LLC_RESPONSE + apdu
    return hdlc.encode(server, client, Control.UI, lpdu) if len(lpdu) <= information else None


class Confirmation:
    """What comes back on a confirmed push. Anything but its confirmation is passed over."""

    def __init__(self, invoke: int, link: Link, protection: Protection, control: int) -> None:
        self._invoke, self._link, self._protection, self._control = invoke, link, protection, control
        self._wrapped = wrapper.Splitter(max_frame=_MAX_FRAME, max_pending=2 * _MAX_FRAME)
        self._unnumbered = hdlc.Splitter()

    def feed(self, data: bytes) -> bool:
        """Whether the push is confirmed now."""
        splitter = self._wrapped if self._link is Link.WRAPPER else self._unnumbered
        splitter.feed(data)
        while (frame := splitter.next()) is not None:
            apdu = frame[2] if not isinstance(frame, hdlc.Frame) else _after_llc(frame.information)
            if self._confirms(apdu):
                return True
        return False

    def _confirms(self, apdu: bytes) -> bool:
        try:
            plain = self._revealed(apdu)
            return plain is not None and notification.decode_confirm(plain).invoke == self._invoke
        except PeerError:
            return False

    def _revealed(self, apdu: bytes) -> bytes | None:
        """A protected push is confirmed with the same protection, under the same key, by a counter not used before."""
        needed = self._control & PROTECTED
        if not needed:
            return apdu
        envelope = ciphering.decode(apdu)
        title = envelope.title or self._protection.client_title
        lowest = self._protection.lowest()
        if title is None or envelope.control & PROTECTED != needed or envelope.counter < lowest:
            return None
        plain = self._protection.key().reveal(envelope.control, title, envelope.counter, envelope.text)
        if plain is not None and plain[:1] == bytes((notification.CONFIRM,)):
            self._protection.accept(envelope.counter)
        return plain


def _after_llc(lpdu: bytes) -> bytes:
    return lpdu.removeprefix(LLC_COMMAND)
