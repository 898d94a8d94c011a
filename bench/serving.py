# SPDX-License-Identifier: MIT
"""What a running fleet answers per second and what that costs, beside the bare echo of the same bytes.

It prepares; the load itself comes from a process of its own.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from bench import frames
from bench.comparing import compare, connections, judged
from bench.effort import Effort
from bench.figures import Figure, at_most
from bench.fleets import START, Fleet, fleet, server_pid
from bench.plan import Exchange, Seat
from bench.talk import PlainTalk, connected, reading
from simulator.store.embedded import EmbeddedPostgres

_METERS = 1_000
_PROFILE_METERS = 50
_HISTORY = "36d"
_ASSOCIATING = 20
_BLOCK_S = 1_800
_DAY_S = 86_400
_ATTRIBUTES = {
    "energy": ("1.0.1.8.0.255", frames.ENERGY),
    "maker": ("0.0.96.1.1.255 (static)", frames.MAKER),
    "clock": ("0.0.1.0.0.255 (clock)", frames.CLOCK),
}


class Learnt(NamedTuple):
    """How long a meter's answers are; the same for each meter of a fleet."""

    opening: Exchange
    reading: tuple[Exchange, ...]
    release: Exchange


def gets(effort: Effort, place: EmbeddedPostgres) -> Iterator[Figure]:
    with fleet(place, _METERS) as ours:
        for name, counts in effort.get_connections:
            label, request = _ATTRIBUTES[name]
            learnt = _learn(ours, request)
            for count in counts:
                figure = compare(effort, ours, seats=_steady(ours, learnt, count=count), unit="GET/s")
                figure = judged(figure, rate=0.5, cpu=2) if count == 50 else figure
                yield replace(figure, what=f"GET {label}, {connections(count)}")
        yield _association(effort, ours)


def profiles(effort: Effort, place: EmbeddedPostgres) -> Iterator[Figure]:
    """The block load profile of days gone by, read by range."""
    with fleet(place, _PROFILE_METERS, history=_HISTORY) as ours:
        for days, max_pdu, count in effort.profiles:
            learnt = _learn(ours, days_gone_by(days), max_pdu=max_pdu)
            seats = _steady(ours, learnt, count=count, max_pdu=max_pdu)
            figure = compare(effort, ours, seats=seats, unit="reads/s", database=server_pid(place))
            rows, blocks = days * _DAY_S // _BLOCK_S, len(learnt.reading)
            what = f"profile {days} d, {rows:,} rows, PDU {max_pdu:,}, {connections(count)}"
            note = f"{count / figure.ours * 1e3:.1f} ms each in {blocks} APDU{'s' if blocks > 1 else ''}; {figure.note}"
            yield replace(figure, what=what, note=note)


def days_gone_by(days: int) -> bytes:
    """A read of the block load profile of so many days before the fleet's start."""
    last_s = int(dt.datetime.fromisoformat(START).replace(tzinfo=dt.UTC).timestamp())
    return frames.block_load(last_s - days * _DAY_S + _BLOCK_S, last_s)


def _association(effort: Effort, ours: Fleet) -> Figure:
    learnt = _learn(ours, frames.ENERGY)
    steady = _steady(ours, learnt, count=_ASSOCIATING)
    whole = tuple(Seat(seat.host, (), (*seat.opening, *seat.script, learnt.release)) for seat in steady)
    figure = compare(effort, ours, seats=whole, unit="assoc/s", reconnect=True)
    what = f"connect, AARQ, GET, RLRQ, close; {_ASSOCIATING} at once"
    assert figure.cpu_ratio is not None
    return replace(figure, what=what, targets=(at_most("CPU ratio", figure.cpu_ratio.median, most=4),))


def _learn(ours: Fleet, request: bytes, *, max_pdu: int = frames.LONGEST_PDU) -> Learnt:
    first = ours.meters[0]
    with connected(first.host, ours.port) as connection:
        meter = PlainTalk(connection)
        return Learnt(meter.open(first.password, max_pdu), meter.get(request), meter.release())


def _steady(ours: Fleet, learnt: Learnt, *, count: int, max_pdu: int = frames.LONGEST_PDU) -> tuple[Seat, ...]:
    """Associations that stay open; each asks the same again and again."""
    seats = []
    for meter in ours.meters[:count]:
        opening = learnt.opening._replace(say=reading(frames.associate(meter.password, max_pdu)))
        seats.append(Seat(meter.host, (opening,), learnt.reading))
    return tuple(seats)
