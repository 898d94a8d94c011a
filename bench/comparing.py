# SPDX-License-Identifier: MIT
"""One figure of a running fleet: seats on it and on a bare server that echoes the same sizes, loaded in turn."""

from __future__ import annotations

import statistics
from dataclasses import replace

from bench.effort import Effort
from bench.figures import Figure, at_least, at_most, share_of_load, spread
from bench.fleets import Fleet
from bench.plan import Exchange, Outcome, Plan, Say, Seat, Side
from bench.processes import echo, load
from bench.voice import Voice


def compare(
    effort: Effort,
    ours: Fleet,
    *,
    seats: tuple[Seat, ...],
    unit: str,
    port: int | None = None,
    reconnect: bool = False,
    database: int | None = None,
) -> Figure:
    with echo([exchange.answer_octets for exchange in seats[0].script]) as bare:
        plan = Plan(
            ours=Side(ours.pid, port or ours.port, seats),
            bare=Side(bare.pid, bare.port, tuple(map(_bare, seats))),
            database=database,
            reconnect=reconnect,
            pairs=effort.pairs,
            slice_s=effort.slice_s,
        )
        outcome = load(plan)
    return _condensed(outcome, unit)


def judged(figure: Figure, *, rate: float, cpu: float) -> Figure:
    """With targets: at least this part of the echo server's rate, at most so many times its CPU."""
    assert figure.ratio is not None
    assert figure.cpu_ratio is not None
    # Had the load generator been quicker, the echo server might have answered more: count that against us.
    least = at_least("rate ratio", figure.ratio.median * share_of_load(figure), least=rate)
    return replace(figure, targets=(least, at_most("CPU ratio", figure.cpu_ratio.median, most=cpu)))


def connections(count: int) -> str:
    return f"{count:,} connection{'s' if count > 1 else ''}"


def _bare(seat: Seat) -> Seat:
    """The same octets each time: who echoes does not look at them."""
    voice = Voice(seat.secrets)

    def said(say: Say) -> Say:
        return Say(voice.proof_of(bytes(16), bytes(8)) if say.how == "proof" else voice.say(say, b""))

    return Seat(seat.host, (), tuple(Exchange(said(say), octets, octets) for say, octets, _ in seat.script))


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
