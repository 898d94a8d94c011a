# SPDX-License-Identifier: MIT
"""What the load generator is told and what it tells back, as JSON between two processes. Data only."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple


class Exchange(NamedTuple):
    """One request and how long its answer is; both with the wrapper's header."""

    request: bytes
    answer_octets: int


class Seat(NamedTuple):
    """One connection at a time to one meter."""

    host: str
    opening: tuple[Exchange, ...]  # once after connecting
    script: tuple[Exchange, ...]  # again and again; a whole round of it counts one


@dataclass(frozen=True, slots=True)
class Plan:
    port: int
    seats: tuple[Seat, ...]
    reconnect: bool  # a new connection for each round of the script
    seconds: float
    server: int  # process whose CPU is measured
    others: tuple[int, ...] = ()  # processes whose CPU is measured together: the database

    def to_json(self) -> str:
        return json.dumps(asdict(self) | {"seats": [_seat_out(seat) for seat in self.seats]})

    @classmethod
    def from_json(cls, text: str) -> Plan:
        values = json.loads(text)
        seats = tuple(Seat(host, _exchanges(opening), _exchanges(script)) for host, opening, script in values["seats"])
        return cls(**values | {"seats": seats, "others": tuple(values["others"])})


class Outcome(NamedTuple):
    """Of one window of load."""

    rate: float  # rounds of the script per second
    cpu_us: float  # of the server, per round
    others_us: float
    disturbance: float  # CPU that other programs took meanwhile, in processors


def _seat_out(seat: Seat) -> tuple[Any, ...]:
    return seat.host, *([(request.hex(), octets) for request, octets in part] for part in (seat.opening, seat.script))


def _exchanges(pairs: list[tuple[str, int]]) -> tuple[Exchange, ...]:
    return tuple(Exchange(bytes.fromhex(request), octets) for request, octets in pairs)
