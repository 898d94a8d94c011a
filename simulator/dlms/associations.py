# SPDX-License-Identifier: MIT
"""The associations of one connection: one per logical device, for behind one port a client may talk to several meters.

It knows when one must go because of what happened around it; what is said in them is the session's.
"""

from __future__ import annotations

from collections.abc import Callable

from simulator.dlms.association import Association
from simulator.ports import LogicalDevice
from simulator.wire.codes import Conformance


class Associations(dict[int, Association]):
    """By their server's number."""

    __slots__ = ("_most", "told_of_listener")

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most
        self.told_of_listener: Callable[[int], None] | None = None

    def keep(self, association: Association) -> None:
        if association.server not in self and len(self) >= self._most:
            del self[next(iter(self))]  # the oldest
        self[association.server] = association
        if self.told_of_listener is not None and association.conformance & Conformance.EVENT_NOTIFICATION:
            self.told_of_listener(association.server)

    def between(self, client: int, server: int) -> Association | None:
        association = self.get(server)
        return association if association is not None and association.client == client else None

    def lose(self, client: int, server: int) -> None:
        """The connection below it has ended."""
        if self.between(client, server) is not None:
            del self[server]

    def forget_the_gone(self, server: int) -> None:
        """An association does not outlast its meter's power."""
        association = self.get(server)
        if association is not None and association.device.is_gone:
            del self[server]

    def rest_on(self, device: Callable[[int, LogicalDevice], LogicalDevice]) -> None:
        """Other devices in place of those so far, by their server's number."""
        for server, association in self.items():
            association.rest_on(device(server, association.device))
