# SPDX-License-Identifier: MIT
"""What meters push meets the faults of their links and of themselves, one `Crossing` per attempt.

What is drawn by lot for a push is a function of seed, meter, setup and instant, however often the meter is read
meanwhile. It opens no connection and waits for nothing; a fleet without faults has no crossings.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from simulator.faults import course
from simulator.faults.book import Series, Turn
from simulator.faults.device import FaultyProtection
from simulator.faults.fault import Carried, End, Message
from simulator.fleet.links import Links
from simulator.fleet.listen import Listen
from simulator.ports import Protection
from simulator.values import MS_PER_SECOND, format_obis
from simulator.wire.hdlc import Address

_LATENESS = frozenset({"delay", "bandwidth", "late_last_frame"})


class PushLine(NamedTuple):
    """The serial line that a meter is on."""

    server: Address  # of the meter there
    information: int  # octets that a frame carries there
    say: Callable[[bytes], str | None]  # why it cannot be said now; None: it has been


class PushLinks:
    """`way`: the one in whose link profile the meters push, that of their own addresses. `speed` of the clock.
    `line_of` a meter by its number from 0, if it is on one."""

    def __init__(
        self, links: Links, way: Listen | None, speed: Callable[[], float], line_of: Callable[[int], PushLine | None]
    ) -> None:
        self._links, self._way, self._speed, self.line_of = links, way, speed, line_of
        self._at_ms = 0
        self._made: Counter[tuple[int, bytes]] = Counter()  # at that instant

    def crossing(self, meter: int, setup: bytes, at_ms: int, *, reliable: bool) -> Crossing | None:
        """None: nothing is wrong with this meter and its link."""
        if self._links.is_clean(meter, self._way):
            return None
        series = Series(f"push {format_obis(setup)} {at_ms} {self._count(meter, setup, at_ms)}")
        turns = self._links.turns_of(meter, self._way, series)
        return Crossing(turns, series, self._speed(), reliable=reliable) if turns else None

    def _count(self, meter: int, setup: bytes, at_ms: int) -> int:
        """Of a meter's pushes of one setup at one instant."""
        if at_ms != self._at_ms:
            self._at_ms = at_ms
            self._made.clear()
        self._made[meter, setup] += 1
        return self._made[meter, setup]


class Crossing:
    """One attempt of one meter. `reliable`: over TCP, where what is lost is sent again below us."""

    def __init__(self, turns: list[Turn], series: Series, speed: float, *, reliable: bool) -> None:
        self._turns, self._series, self._reliable = turns, series, reliable
        self._speed = max(speed, 1.0)  # link times are those of the wall, or shorter
        self._messages = 0
        self._frame = b""
        self._carried = Carried(b"")
        self.is_refused = False

    def protection(self, inner: Protection) -> Protection:
        return FaultyProtection(inner, lambda: self._turns, lambda apdu: apdu)

    def body(self, told: bytes) -> bytes:
        return course.push(self._turns, told)

    def leave(self, frame: bytes) -> None:
        """The meter sends this; from now on the rest is known."""
        self._frame = frame
        self.is_refused = self._reliable and not course.admits(self._turns, lambda: 0)
        if not self.is_refused:
            self._carried = self._carry(frame, outgoing=True)

    def come_back(self, octets: bytes) -> tuple[bytes, float]:
        """What the meter hears of what the head-end answers, and in how many seconds; empty: nothing."""
        carried = self._carry(octets, outgoing=False)
        return carried.octets, self._seconds(carried)

    def _carry(self, octets: bytes, *, outgoing: bool) -> Carried:
        sent = 0 if outgoing else len(self._carried.octets)
        message = Message(octets, outgoing, True, sent, self._messages, self._reliable)
        self._messages += 1
        return course.carry(self._turns, message)

    @property
    def parts(self) -> list[bytes]:
        """What reaches the head-end: nothing, or this; a frame that is doubled is two datagrams."""
        octets = self._carried.octets
        if octets == 2 * self._frame:
            return [self._frame, self._frame]
        return [octets] if octets else []

    @property
    def wait_s(self) -> float:
        return self._seconds(self._carried)

    @property
    def link_ms(self) -> int:
        """The same in simulated time, where that runs as fast as the wall clock or faster."""
        return int(self._carried.delay_ms + self._carried.busy_ms)

    @property
    def end(self) -> End | None:
        return self._carried.end

    @property
    def remark(self) -> str | None:
        """The faults that struck it, for its row of the history. What is only late needs none."""
        late = _LATENESS | {"loss"} if self._reliable else _LATENESS
        names = list(dict.fromkeys(name for name in self._series.struck if name not in late))
        return f"fault: {', '.join(names)}" if names else None

    def _seconds(self, carried: Carried) -> float:
        return (carried.delay_ms + carried.busy_ms) / MS_PER_SECOND / self._speed
