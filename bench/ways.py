# SPDX-License-Identifier: MIT
"""What the same fleet answers to clients that cipher, over HDLC, and in general blocks.

Each client of each meter has invocation counters of its own; every figure begins behind all that were used before.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace

from bench import frames
from bench.comparing import compare, connections, judged
from bench.effort import Effort
from bench.figures import Figure
from bench.fleets import Fleet, Meter, fleet, server_pid
from bench.plan import Exchange, Say, Seat, Secrets
from bench.serving import days_gone_by
from bench.talk import HdlcTalk, SealedTalk, connected
from simulator.store.embedded import EmbeddedPostgres

_METERS = 50
_HISTORY = "3d"
_ASSOCIATING = 20
_READING = 8
_COUNTERS = 20_000_000  # that no client uses up within one figure

Learnt = tuple[tuple[Exchange, ...], tuple[Exchange, ...]]
"""The opening, and what is asked again and again."""


def ways(effort: Effort, place: EmbeddedPostgres) -> Iterator[Figure]:
    with fleet(place, _METERS, history=_HISTORY, every_way=True) as ours:
        yield from _Ways(effort, ours, database=server_pid(place)).figures()


class _Ways:
    def __init__(self, effort: Effort, ours: Fleet, *, database: int) -> None:
        self._effort, self._ours, self._database = effort, ours, database
        self._counters = itertools.count(1, _COUNTERS)

    def figures(self) -> Iterator[Figure]:
        for count in self._effort.way_connections:
            yield self._sealed_gets(count)
        for count in self._effort.way_connections:
            yield self._hdlc_gets(count)
        yield self._logins()
        yield self._blocks()

    def _sealed_gets(self, count: int) -> Figure:
        with connected(self._first.host, self._ours.port) as connection:
            talk = SealedTalk(connection, self._secrets(self._first))
            learnt = talk.open(frames.BY_SERVICE | frames.ACTIONS), (talk.get(frames.ENERGY),)
        figure = self._compared(self._sealed_seats(learnt, count), unit="GET/s")
        figure = judged(figure, rate=0.3, cpu=3.5) if count == 50 else figure
        return replace(figure, what=f"ciphered GET 1.0.1.8.0.255, {connections(count)}")

    def _hdlc_gets(self, count: int) -> Figure:
        with connected(self._first.host, self._ours.hdlc_port) as connection:
            talk = HdlcTalk(connection)
            (connecting, opening), get = talk.open(self._first.password), talk.get(frames.ENERGY)
        seats = []
        for meter in self._ours.meters[:count]:
            associating = Say(frames.associate(meter.password, frames.INDIAN_PDU), "numbered")
            seats.append(Seat(meter.host, (connecting, opening._replace(say=associating)), (get,)))
        figure = compare(self._effort, self._ours, seats=tuple(seats), unit="GET/s", port=self._ours.hdlc_port)
        return replace(figure, what=f"GET 1.0.1.8.0.255 over HDLC, {connections(count)}")

    def _logins(self) -> Figure:
        with connected(self._first.host, self._ours.port) as connection:
            talk = SealedTalk(connection, self._secrets(self._first))
            whole = *talk.open(frames.BY_SERVICE | frames.ACTIONS), talk.release()
        figure = self._compared(self._sealed_seats(((), whole), _ASSOCIATING), unit="assoc/s", reconnect=True)
        return replace(figure, what=f"connect, HLS 5 in four passes, RLRQ, close; {_ASSOCIATING} at once")

    def _blocks(self) -> Figure:
        with connected(self._first.host, self._ours.port) as connection:
            talk = SealedTalk(connection, self._secrets(self._first))
            learnt = talk.open(frames.BY_GENERAL_BLOCKS), talk.get_in_blocks(days_gone_by(1))
        figure = self._compared(self._sealed_seats(learnt, _READING), unit="reads/s")
        note = f"{_READING / figure.ours * 1e3:.1f} ms each; {figure.note}"
        return replace(figure, what=f"ciphered profile 1 d in general blocks, {connections(_READING)}", note=note)

    def _compared(self, seats: tuple[Seat, ...], *, unit: str, reconnect: bool = False) -> Figure:
        return compare(self._effort, self._ours, seats=seats, unit=unit, reconnect=reconnect, database=self._database)

    def _sealed_seats(self, learnt: Learnt, count: int) -> tuple[Seat, ...]:
        return tuple(Seat(meter.host, *learnt, self._secrets(meter)) for meter in self._ours.meters[:count])

    def _secrets(self, meter: Meter) -> Secrets:
        return Secrets(meter.ek, meter.ak, next(self._counters))

    @property
    def _first(self) -> Meter:
        return self._ours.meters[0]
