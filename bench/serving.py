# SPDX-License-Identifier: MIT
"""What a running fleet answers per second and what that costs, beside the bare echo of the same bytes.

Rounds alternate between the two, and those that other programs disturbed least count.
"""

from __future__ import annotations

import datetime as dt
import statistics
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NamedTuple

from bench import frames
from bench.effort import Effort
from bench.figures import Figure, Spread, Target, at_least, at_most, spread
from bench.fleets import START, Fleet, fleet
from bench.plan import Exchange, Outcome, Plan, Seat
from bench.processes import children, echo, load
from simulator.store.embedded import EmbeddedPostgres
from simulator.wire import wrapper

_METERS = 1_000
_PROFILE_METERS = 50
_HISTORY = "36d"
_ASSOCIATING = 20
_QUIET = 0.05  # of a processor taken by other programs
_BLOCK_S = 1_800
_DAY_S = 86_400
_REQUESTS = {"energy": frames.ENERGY, "maker": frames.MAKER, "clock": frames.CLOCK}
_NAMES = {"energy": "1.0.1.8.0.255", "maker": "0.0.96.1.1.255 (static)", "clock": "clock"}


class Learnt(NamedTuple):
    """How long a meter's answers are; the same for each meter of a fleet."""

    opening: Exchange
    reading: tuple[Exchange, ...]
    release: Exchange


def gets(effort: Effort, place: EmbeddedPostgres) -> Iterator[Figure]:
    """Single GETs, then whole associations."""
    with fleet(place, _METERS) as ours:
        for name, counts in effort.get_connections:
            learnt = _learn(ours, frames.REQUESTS[name], 0xFFFF)
            for count in counts:
                what = f"GET {_NAMES[name]}, {count:,} connection{'s' if count > 1 else ''}"
                targets = _get_targets if count == 50 else _no_targets
                yield _compare(effort, what, "/s", _steady(ours, learnt, count, 0xFFFF), targets)
        learnt = _learn(ours, frames.ENERGY, 0xFFFF)
        what = f"association: connect, AARQ, GET, RLRQ, close; {_ASSOCIATING} at once"
        yield _compare(effort, what, "/s", _associating(ours, learnt), _association_targets)
