# SPDX-License-Identifier: MIT
"""What a running fleet answers per second and what that costs, beside the bare echo of the same bytes.

It prepares and condenses; the load itself comes from a process of its own.
"""

from __future__ import annotations

import datetime as dt
import statistics
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from bench import frames
from bench.effort import Effort
from bench.figures import Figure, at_least, at_most, share_of_load, spread
from bench.fleets import START, Fleet, fleet, server_pid
from bench.plan import Exchange, Outcome, Plan, Seat, Side
from bench.processes import echo, load
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
                figure = _compare(effort, ours, seats=_steady(ours, learnt, count=count), unit="GET/s")
                yield _judged_get(replace(figure, what=f"GET {label}, {_connections(count)}"), judge=count == 50)
        yield _association(effort, ours)


def profiles(effort: Effort, place: EmbeddedPostgres) -> Iterator[Figure]:
    """The block load profile of days gone by, read by range."""
    last_s = int(dt.datetime.fromisoformat(START).replace(tzinfo=dt.UTC).timestamp())
    with fleet(place, _PROFILE_METERS, history=_HISTORY) as ours:
        for days, max_pdu, count in effort.profiles:
            request = frames.block_load(last_s - days * _DAY_S + _BLOCK_S, last_s)
            learnt = _learn(ours, request, max_pdu=max_pdu)
            seats = _steady(ours, learnt, count=count, max_pdu=max_pdu)
            figure = _compare(effort, ours, seats=seats, unit="reads/s", database=server_pid(place))
            rows, blocks = days * _DAY_S // _BLOCK_S, len(learnt.reading)
            what = f"profile {days} d, {rows:,} rows, PDU {max_pdu:,}, {_connections(count)}"
            note = f"{count / figure.ours * 1e3:.1f} ms each in {blocks} APDU{'s' if blocks > 1 else ''}; {figure.note}"
            yield replace(figure, what=what, note=note)


def _association(effort: Effort, ours: Fleet) -> Figure:
    learnt = _learn(ours, frames.ENERGY)
    steady = _steady(ours, learnt, count=_ASSOCIATING)
    whole = tuple(Seat(seat.host, (), (*seat.opening, *seat.script, learnt.release)) for seat in steady)
    figure = _compare(effort, ours, seats=whole, unit="assoc/s", reconnect=True)
    what = f"connect, AARQ, GET, RLRQ, close; {_ASSOCIATING} at once"
    assert figure.cpu_ratio is not None
    return replace(figure, what=what, targets=(at_most("CPU ratio", figure.cpu_ratio.median, most=4),))


def _judged_get(figure: Figure, *, judge: bool) -> Figure:
    if not judge:
        return figure
    assert figure.ratio is not None
    assert figure.cpu_ratio is not None
    # Had the load generator been quicker, the echo server might have answered more: count that against us.
    rate = at_least("rate ratio", figure.ratio.median * share_of_load(figure), least=0.5)
    return replace(figure, targets=(rate, at_most("CPU ratio", figure.cpu_ratio.median, most=2)))


def _connections(count: int) -> str:
    return f"{count:,} connection{'s' if count > 1 else ''}"


def _learn(ours: Fleet, request: bytes, *, max_pdu: int = frames.LONGEST_PDU) -> Learnt:
    first = ours.meters[0]
    with frames.talk(first.host, ours.port) as meter:
        return Learnt(meter.associate(first.password, max_pdu), meter.get(request), meter.release())


def _steady(ours: Fleet, learnt: Learnt, *, count: int, max_pdu: int = frames.LONGEST_PDU) -> tuple[Seat, ...]:
    """Associations that stay open; each asks the same again and again."""
    return tuple(
        Seat(meter.host, (learnt.opening._replace(request=frames.associate(meter.password, max_pdu)),), learnt.reading)
        for meter in ours.meters[:count]
    )


def _compare(
    effort: Effort,
    ours: Fleet,
    *,
    seats: tuple[Seat, ...],
    unit: str,
    reconnect: bool = False,
    database: int | None = None,
) -> Figure:
    with echo([exchange.answer_octets for exchange in seats[0].script]) as bare:
        plan = Plan(
            ours=Side(ours.pid, ours.port, seats),
            bare=Side(bare.pid, bare.port, tuple(seat._replace(opening=()) for seat in seats)),
            database=database,
            reconnect=reconnect,
            pairs=effort.pairs,
            slice_s=effort.slice_s,
        )
        outcome = load(plan)
    return _condensed(outcome, unit)


def _condensed(outcome: Outcome, unit: str) -> Figure:
    ours, bare = zip(*outcome.pairs, strict=True)
    database_us = statistics.median(part.database_us for part in ours)
    return Figure(
        what="",
        unit=unit,
        ours=statistics.median(part.rate for part in ours),
        limit=statistics.median(part.rate for part in bare),
        ratio=spread([mine.rate / limit.rate for mine, limit in outcome.pairs]),
        cpu_us=statistics.median(part.cpu_us for part in ours),
        limit_cpu_us=statistics.median(part.cpu_us for part in bare),
        cpu_ratio=spread([mine.cpu_us / limit.cpu_us for mine, limit in outcome.pairs]),
        note=f"PostgreSQL {database_us:,.0f} µs more" if database_us else "",
        load_us=statistics.median(part.load_us for part in bare),
        disturbance=outcome.disturbance,
    )
