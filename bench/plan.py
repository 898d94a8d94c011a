# SPDX-License-Identifier: MIT
"""What the load generator is told and what it tells back, as JSON between two processes. Data only."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple


class Say(NamedTuple):
    """What a client says, and how its octets become a frame: see bench/voice.py."""

    octets: bytes
    how: str = "frame"


class Exchange(NamedTuple):
    """One request and how long its answer is, with all that its framing adds."""

    say: Say
    answer_octets: int
    first_octets: int  # of an answer's first frame


class Secrets(NamedTuple):
    """Of one client of one meter, with the first invocation counter that nobody has used."""

    ek: bytes
    ak: bytes
    counter: int


class Seat(NamedTuple):
    """One connection at a time to one meter."""

    host: str
    opening: tuple[Exchange, ...]  # once after connecting
    script: tuple[Exchange, ...]  # again and again; a whole round of it counts one
    secrets: Secrets | None = None


@dataclass(frozen=True, slots=True)
class Side:
    """A server and what is asked of it."""

    pid: int
    port: int
    seats: tuple[Seat, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    ours: Side
    bare: Side
    database: int | None  # process whose children work for our server
    reconnect: bool  # a new connection for each round of the script
    pairs: int  # slices of load on each side, in turn
    slice_s: float

    def to_json(self) -> str:
        return json.dumps(asdict(self), default=bytes.hex)

    @classmethod
    def from_json(cls, text: str) -> Plan:
        values = json.loads(text)
        return cls(**values | {name: _side(values[name]) for name in ("ours", "bare")})


class Slice(NamedTuple):
    """Of one side for a moment."""

    rate: float  # rounds of the script per second
    cpu_us: float  # of the server, per round
    database_us: float
    load_us: float  # of the load generator, per round


class Outcome(NamedTuple):
    pairs: list[tuple[Slice, Slice]]  # ours, bare
    disturbance: float  # CPU that other programs took meanwhile, in processors

    @classmethod
    def from_json(cls, text: str) -> Outcome:
        pairs, disturbance = json.loads(text)
        return cls([(Slice(*ours), Slice(*bare)) for ours, bare in pairs], disturbance)


def _side(values: dict[str, Any]) -> Side:
    return Side(values["pid"], values["port"], tuple(_seat(*seat) for seat in values["seats"]))


def _seat(host: str, opening: list[Any], script: list[Any], secrets: list[Any] | None) -> Seat:
    if secrets is None:
        return Seat(host, _exchanges(opening), _exchanges(script))
    ek, ak, counter = secrets
    keys = Secrets(bytes.fromhex(ek), bytes.fromhex(ak), counter)
    return Seat(host, _exchanges(opening), _exchanges(script), keys)


def _exchanges(parts: list[Any]) -> tuple[Exchange, ...]:
    return tuple(Exchange(Say(bytes.fromhex(octets), how), *sizes) for (octets, how), *sizes in parts)
