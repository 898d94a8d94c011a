# SPDX-License-Identifier: MIT
"""The head of a scenario file: who lives in the fleet, which clock, where it listens.

Steps and expectations are declared with what they do (steps/, expectations.py).
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import Annotated, Any, Literal

from pydantic import Field, PlainValidator, WithJsonSchema, field_validator, model_validator

from simulator.cosem.spec import model_names, model_path
from simulator.documents import did_you_mean
from simulator.errors import UserError
from simulator.fleet.pace import MAX_SPEED
from simulator.fleet.push_options import parse_push
from simulator.meter.push.times import SCHEDULE_TYPES
from simulator.scenario.words import Series, Span, Start, Strict, When, known_load

_MOST_SHARES = 1e9  # so that their sum is a number
_MOST_LETTERS = 100  # of names that every meter bears
_MAX_METERS = 9_999_999
Scalar = str | int | float | bool


def _feeders(value: Any) -> str | dict[str, float]:
    names = [value] if isinstance(value, str) else value if isinstance(value, dict) else []
    if any(len(str(name)) > _MOST_LETTERS for name in names):
        raise ValueError(f"the name of a feeder has at most {_MOST_LETTERS} letters")
    if isinstance(value, str) and value:
        return value
    shares = value.values() if isinstance(value, dict) else ()
    if not shares or not all(type(share) in (int, float) and 0 < share <= _MOST_SHARES for share in shares):
        raise ValueError(f"expected a feeder, or shares above 0 as in {{F1: 0.5, F2: 0.5}}, not {value!r}")
    return {name: float(share) for name, share in value.items()}


_SHARES = {"type": "number", "exclusiveMinimum": 0, "maximum": _MOST_SHARES}
Feeders = Annotated[
    str | dict[str, float],
    PlainValidator(_feeders),
    WithJsonSchema(
        {"anyOf": [{"type": "string"}, {"type": "object", "minProperties": 1, "additionalProperties": _SHARES}]}
    ),
]


class GroupSpec(Strict):
    """Meters of one model and load."""

    model: str = Field(default="is15959-1ph", description="a model of profiles/meters, or a path beside the scenario")
    count: int = Field(ge=1, le=_MAX_METERS)
    load: str = Field(default="mixed", description="a load of profiles/loads")
    block: Literal[15, 30, 60] | None = Field(default=None, description="minutes; without it the model's")
    serial: Series = Field(default="", description="what serial numbers begin with, before the meter's seven digits")
    feeder: Feeders | None = Field(default=None, description="a feeder, or shares of several: {F1: 0.5, F2: 0.5}")
    group: str | None = Field(default=None, max_length=_MOST_LETTERS, description="a name for selectors")

    @field_validator("model")
    @classmethod
    def _known_model(cls, name: str) -> str:
        try:
            model_path(name)
        except (UserError, OSError):  # such as a name that is too long for a file
            raise ValueError(f"there is no model {name!r}; {did_you_mean(name, model_names())}") from None
        return name

    @field_validator("load")
    @classmethod
    def _known_load(cls, name: str) -> str:
        return known_load(name)

    @property
    def feeders(self) -> tuple[tuple[str, float], ...]:
        if self.feeder is None:
            return ()
        return ((self.feeder, 1.0),) if isinstance(self.feeder, str) else tuple(self.feeder.items())


class ClockSpec(Strict):
    start: Start | None = Field(default=None, description="simulated start; without it the real clock is followed")
    speed: float | Literal["max"] = Field(default=1.0, description="simulated seconds a second, or max: full speed")

    @property
    def rate(self) -> float:
        return MAX_SPEED if isinstance(self.speed, str) else self.speed

    @field_validator("speed")
    @classmethod
    def _in_range(cls, speed: float | str) -> float | str:
        if not isinstance(speed, str) and not 0 <= speed <= MAX_SPEED:
            raise ValueError(f"a speed is 0 to {MAX_SPEED:,.0f}, or max")
        return speed


class PushSpec(Strict):
    """Where meters push by default; what a client sets stays set."""

    destination: str = Field(description="HOST:PORT, with ,udp or ,hdlc; sink: heard and forgotten")
    schedule: str | None = Field(default=None, description="of instant pushes: FIFTEEN_MIN to TWENTY_FOUR_HOUR")

    @model_validator(mode="after")
    def _understood(self) -> PushSpec:
        try:
            parse_push(None if self.destination == "sink" else self.destination, None)
        except UserError as error:
            raise ValueError(str(error)) from None
        return self

    @field_validator("schedule")
    @classmethod
    def _known_schedule(cls, schedule: str | None) -> str | None:
        if schedule is not None and schedule not in SCHEDULE_TYPES:
            raise ValueError(f"there is no schedule {schedule!r}; {did_you_mean(schedule, list(SCHEDULE_TYPES))}")
        return schedule


class Recording(Strict):
    """Alarms that were recorded elsewhere: they happen again, as events."""

    csv: str = Field(description="a file beside the scenario with the columns time, meter, code")
    at: Span = Field(default=0, description="how long after the start the first of them happens")


class Head(Strict):
    name: str = Field(min_length=1, max_length=100)
    description: str = ""
    seed: int = Field(default=1, ge=-(1 << 63), lt=1 << 63, description="decides every number and every choice")
    clock: ClockSpec = ClockSpec()
    history: Span = Field(default=0, description="profiles are filled for that long before the start")
    fleet: list[GroupSpec] = Field(min_length=1)
    network: list[str | dict[str, Scalar]] = Field(
        default=["wrapper"], description="as --listen: text, or {listen: tcp, framing: wrapper, port: 4059}"
    )
    push: PushSpec | None = None
    parameters: dict[str, Scalar] = Field(default={}, description="values for ${name}; `--set name=value` gives others")
    include: list[str] = Field(default=[], description="files whose lists come before these")
    timeline: list[Any] = Field(default_factory=list)
    replay: Recording | None = None
    expect: list[Any] = Field(default_factory=list)
    end: When | None = Field(default=None, description="when a replay ends; without it a minute after the last step")

    @property
    def listens(self) -> list[str]:
        return [listen_text(place) for place in self.network]


def listen_text(place: str | dict[str, Scalar]) -> str:
    """The words of `--listen`; `{framing: wrapper, shared: true}` is `wrapper,shared=1`."""
    if isinstance(place, str):
        return place
    options = dict(place)
    framing, transport = options.pop("framing", None), options.pop("listen", None)
    if transport is not None:
        framing, more = _framing(str(transport), framing)
        options |= more
    told = (f"{key}={int(v) if isinstance(v, bool) else v}" for key, v in options.items())
    return ",".join([str(framing or "wrapper"), *told])


_OVER: dict[str, dict[Any, tuple[str, dict[str, Scalar]]]] = {
    "tcp": {None: ("wrapper", {}), "wrapper": ("wrapper", {}), "hdlc": ("hdlc", {}), "gateway": ("gateway", {})},
    "udp": {None: ("udp", {}), "wrapper": ("udp", {})},
    "serial": {None: ("serial", {}), "hdlc": ("serial", {})},
    "dial": {None: ("dial", {}), "wrapper": ("dial", {}), "hdlc": ("dial", {"hdlc": True})},
}
"""What `--listen` calls a framing over a transport, and what it asks for besides."""


def _framing(transport: str, framing: Any) -> tuple[str, dict[str, Scalar]]:
    """`{listen: tcp, framing: hdlc}`. UserError: there is no such way."""
    if transport not in _OVER:
        raise UserError(f"listen: {transport!r} is not known; {did_you_mean(transport, list(_OVER))}")
    if framing not in _OVER[transport]:
        known = ", ".join(filter(None, _OVER[transport]))
        raise UserError(f"framing: over {transport} there is no {str(framing)!r}; known are {known}")
    return _OVER[transport][framing]


def likely_ways(place: str | dict[str, Scalar]) -> list[dict[str, Scalar]]:
    """What a place of unknown framing may mean, the likeliest first: what else is wrong in it is so in all of them."""
    if isinstance(place, str) or str(place.get("listen")) not in _OVER:
        return []
    known = [str(framing) for framing in _OVER[str(place["listen"])] if framing is not None]
    likeliest = get_close_matches(str(place.get("framing")), known, len(known), 0.0)
    return [{**place, "framing": framing} for framing in likeliest]
