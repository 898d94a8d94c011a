# SPDX-License-Identifier: MIT
"""What a running fleet answers per second and what that costs, beside the bare echo of the same bytes.

Rounds alternate between the two, and those that other programs disturbed least count.
"""

from __future__ import annotations

import datetime as dt
import statistics
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from bench import frames
from bench.effort import Effort
from bench.figures import Figure, at_least, at_most, spread
from bench.fleets import START, Fleet, fleet, server_pid
from bench.plan import Exchange, Outcome, Plan, Seat
from bench.processes import children, echo, load
from simulator.store.embedded import EmbeddedPostgres

_METERS = 1_000
_PROFILE_METERS = 50
_HISTORY = "36d"
_ASSOCIATING = 20
_QUIET = 0.05  # of one processor, taken by programs that have no part in it
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


class Pair(NamedTuple):
    """One round: our server, then the echo server, under the same load."""

    ours: Outcome
    bare: Outcome

    @property
    def disturbance(self) -> float:
        return max(self.ours.disturbance, self.bare.disturbance)


def gets(effort: Effort, place: EmbeddedPostgres) -> Iterator[Figure]:
    with fleet(place, _METERS) as ours:
        for name, counts in effort.get_connections:
            label, request = _ATTRIBUTES[name]
            learnt = _learn(ours, request)
            for count in counts:
                figure = _compare(effort, _steady(effort, ours, learnt, count), "GET/s")
                yield _judged_get(replace(figure, what=f"GET {label}, {_connections(count)}"), judge=count == 50)
        yield _association(effort, ours)


def profiles(effort: Effort, place: EmbeddedPostgres) -> Iterator[Figure]:
    """The block load profile of days gone by, read by range."""
    last_s = int(dt.datetime.fromisoformat(START).replace(tzinfo=dt.UTC).timestamp())
    with fleet(place, _PROFILE_METERS, history=_HISTORY) as ours:
        database = children(server_pid(place))
        for days, max_pdu, count in effort.profiles:
            request = frames.block_load(last_s - days * _DAY_S + _BLOCK_S, last_s)
            learnt = _learn(ours, request, max_pdu=max_pdu)
            plan = _steady(effort, ours, learnt, count, max_pdu=max_pdu)
            figure = _compare(effort, replace(plan, others=database), "reads/s")
            rows, blocks = days * _DAY_S // _BLOCK_S, len(learnt.reading)
            what = f"profile {days} d, {rows:,} rows, PDU {max_pdu:,}, {_connections(count)}"
            note = f"{count / figure.ours * 1e3:.1f} ms each in {blocks} APDU{'s' if blocks > 1 else ''}; {figure.note}"
            yield replace(figure, what=what, note=note)


def _association(effort: Effort, ours: Fleet) -> Figure:
    learnt = _learn(ours, frames.ENERGY)
    steady = _steady(effort, ours, learnt, _ASSOCIATING)
    whole = [Seat(seat.host, (), (*seat.opening, *seat.script, learnt.release)) for seat in steady.seats]
    figure = _compare(effort, replace(steady, seats=tuple(whole), reconnect=True), "assoc/s")
    what = f"connect, AARQ, GET, RLRQ, close; {_ASSOCIATING} at once"
    assert figure.cpu_ratio is not None
    return replace(figure, what=what, targets=(at_most("CPU ratio", figure.cpu_ratio.median, 4),))


def _judged_get(figure: Figure, *, judge: bool) -> Figure:
    if not judge:
        return figure
    assert figure.ratio is not None
    assert figure.cpu_ratio is not None
    targets = at_least("rate ratio", figure.ratio.median, 0.5), at_most("CPU ratio", figure.cpu_ratio.median, 2)
    return replace(figure, targets=targets)


def _connections(count: int) -> str:
    return f"{count:,} connection{'s' if count > 1 else ''}"


def _learn(ours: Fleet, request: bytes, *, max_pdu: int = frames.LONGEST_PDU) -> Learnt:
    first = ours.meters[0]
    with frames.talk(first.host, ours.port) as meter:
        return Learnt(meter.associate(first.password, max_pdu), meter.get(request), meter.release())


def _steady(effort: Effort, ours: Fleet, learnt: Learnt, count: int, *, max_pdu: int = frames.LONGEST_PDU) -> Plan:
    """Associations that stay open; each asks the same again and again."""
    seats = [
        Seat(meter.host, (Exchange(frames.associate(meter.password, max_pdu), learnt.opening[1]),), learnt.reading)
        for meter in ours.meters[:count]
    ]
    return Plan(ours.port, tuple(seats), reconnect=False, seconds=effort.seconds, server=ours.pid)


def _compare(effort: Effort, plan: Plan, unit: str) -> Figure:
    pairs = sorted(_rounds(effort, plan), key=lambda pair: pair.disturbance)[: effort.rounds]

    def middle(side: int, field: int) -> float:
        return statistics.median(pair[side][field] for pair in pairs)

    database_us = middle(0, 2)
    return Figure(
        what="",
        unit=unit,
        ours=middle(0, 0),
        limit=middle(1, 0),
        ratio=spread([pair.ours.rate / pair.bare.rate for pair in pairs]),
        cpu_us=middle(0, 1),
        limit_cpu_us=middle(1, 1),
        cpu_ratio=spread([pair.ours.cpu_us / pair.bare.cpu_us for pair in pairs]),
        note=f"PostgreSQL {database_us:,.0f} µs more" if plan.others else "",
    )


def _rounds(effort: Effort, plan: Plan) -> Iterator[Pair]:
    """Until enough of them were quiet."""
    script = plan.seats[0].script
    seats = tuple(Seat(seat.host, (), seat.script) for seat in plan.seats)
    quiet = 0
    with echo([exchange.answer_octets for exchange in script]) as bare:
        beside = replace(plan, port=bare.port, server=bare.pid, seats=seats, others=())
        for _ in range(effort.tries):
            pair = Pair(load(plan), load(beside))
            yield pair
            quiet += pair.disturbance < _QUIET
            if quiet >= effort.rounds:
                return
