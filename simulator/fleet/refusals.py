# SPDX-License-Identifier: MIT
"""Which meters cannot be reached by one `--listen`, and why: one line for each reason, however many meters it costs."""

from __future__ import annotations

import errno
from collections.abc import Iterable

from simulator.fleet.listen import Listen
from simulator.fleet.selection import in_words
from simulator.values import counted

_HINTS = {
    errno.EADDRNOTAVAIL: "not an address of this machine (on Linux `ip route add local PREFIX dev lo` makes it one)",
    errno.EADDRINUSE: "in use; another fleet may hold the port on all addresses, so choose another one",
    errno.EMFILE: "the limit of open files is reached; use an address per meter, or raise `ulimit -n`",
}


class Refusals:
    def __init__(self, listen: Listen, count: int) -> None:
        self._listen, self._count = listen, count
        self._by_reason: dict[str, list[int]] = {}

    @property
    def meters(self) -> frozenset[int]:
        return frozenset[int]().union(*self._by_reason.values())

    def add(self, meters: Iterable[int], error: OSError) -> None:
        """Meters by their numbers from 0."""
        reason = _HINTS.get(error.errno or 0) or error.strerror or str(error)
        self._by_reason.setdefault(reason, []).extend(meters)

    def words(self) -> list[str]:
        all_of_them = self._by_reason.items()
        return [f"{self._who(meters)} cannot listen on {self._where(meters)}: {why}" for why, meters in all_of_them]

    def _who(self, meters: list[int]) -> str:
        if len(meters) == 1:
            return f"meter {meters[0] + 1}"
        which = "" if len(meters) == self._count else f" ({in_words(frozenset(meters), self._count)})"
        return f"{len(meters):,} of {counted(self._count, 'meter')}{which}"

    def _where(self, meters: list[int]) -> str:
        first, last = (self._place(meter) for meter in (meters[0], meters[-1]))
        return first if first == last else f"{first} to {last}"

    def _place(self, meter: int) -> str:
        place = self._listen.place_of(meter)
        return str(place.device) if place.host is None else f"{place.host}:{place.port}"
