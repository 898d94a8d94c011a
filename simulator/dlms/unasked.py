# SPDX-License-Identifier: MIT
"""What meters say unasked on their open associations: EventNotification, each to its client (Green Book 9.3.11).

It waits while a block transfer is under way and for the polls of HDLC, is bounded, and goes out ciphered as the
association is.
"""

from __future__ import annotations

from collections import deque

from simulator.dlms.association import Association
from simulator.dlms.associations import Associations
from simulator.dlms.framing import Framing
from simulator.wire import notification
from simulator.wire.codes import Conformance
from simulator.wire.notification import EventNotification

MOST = 16  # that wait for one client


def hears(association: Association) -> bool:
    """Whether its client has negotiated to be told, and is authenticated."""
    return association.trial is None and bool(association.conformance & Conformance.EVENT_NOTIFICATION)


class News:
    """By association what its client is to be told."""

    def __init__(self, associations: Associations) -> None:
        self._associations = associations
        self.waiting: dict[Association, deque[EventNotification]] = {}

    def add(self, association: Association, event: EventNotification) -> bool:
        """Whether an older one had to go for it."""
        self._forget_the_closed()
        waiting = self.waiting.setdefault(association, deque(maxlen=MOST))
        is_full = len(waiting) == MOST
        waiting.append(event)
        return is_full

    def has(self, association: Association) -> bool:
        return association in self.waiting

    def ready(self) -> Association | None:
        """Whose client can be told something now."""
        self._forget_the_closed()
        return next((one for one in self.waiting if not one.is_busy), None)

    def told(self, association: Association, framing: Framing) -> bytes:
        """The oldest one in its frame, now that it may speak."""
        self._forget_the_closed()  # while its counters were made safe
        apdu = self._sealed(association) if self.has(association) else b""
        framing.want_poll(association.server, association.client, wanted=self.has(association))
        return framing.unasked(association.server, association.client, apdu)

    def dropped(self, association: Association, framing: Framing) -> bytes:
        """No counter is safe to cipher with: nothing is said, and the word goes back."""
        self.waiting.pop(association, None)
        framing.want_poll(association.server, association.client, wanted=False)
        return framing.unasked(association.server, association.client, b"")

    def _sealed(self, association: Association) -> bytes:
        """Empty if it does not fit into what the client receives."""
        waiting = self.waiting[association]
        apdu = notification.encode_event(waiting.popleft())
        if not waiting:
            del self.waiting[association]
        shield = association.shield
        if shield is not None and (form := shield.unasked(association.form)) is not None:
            apdu = shield.cover(apdu, form)
        return apdu if len(apdu) <= association.client_limit else b""

    def _forget_the_closed(self) -> None:
        for one in list(self.waiting):
            if self._associations.get(one.server) is not one or one.device.is_gone:
                del self.waiting[one]
