# SPDX-License-Identifier: MIT
"""The event catalogues obis/*-events.csv: what each code means, which log it goes to, which status bit it moves.

A catalogue says what may happen to meters of a standard; what has happened to one is the store's business.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from simulator.cosem.status_word import BITS
from simulator.documents import load_table
from simulator.errors import Mistake, UserError
from simulator.resources import data_root

EventType = Literal[
    "POWER_FAILURE", "VOLTAGE_RELATED", "CURRENT_RELATED", "POWER_QUALITY", "FIRMWARE", "COMMUNICATION", "ACCESS",
    "CONFIGURATION", "CLOCK", "BILLING",
]  # fmt: skip
SUFFIX = "-events.csv"


class Event(BaseModel):
    """One row of a catalogue."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    code: int = Field(ge=1, le=65_535)
    log: int = Field(ge=0, le=6)  # 0.0.99.98.<log>.255
    name: str
    event_type: EventType
    kind: Literal["occurrence", "restoration", "single"]
    pair: int = 0  # the code that ends, or began, what this one tells of
    esw_bit: int = Field(default=-1, ge=-1, lt=BITS)  # -1: none
    snapshot: bool  # measured values are logged with it
    applies: Literal["1P", "3P", "1P3P"]
    tamper: bool = False  # counted in 0.0.94.91.0.255

    @property
    def words(self) -> str:
        return self.name if self.kind == "single" else f"{self.name}: {self.kind}"

    def is_for(self, phases: int) -> bool:
        return f"{phases}P" in self.applies


Catalogue = Mapping[int, Event]


def raises(catalogue: Catalogue, event: Event) -> int:
    """The status bit that an event sets, or -1. A restoration sets one only if it has another than its occurrence."""
    return event.esw_bit if event.kind != "restoration" or catalogue[event.pair].esw_bit != event.esw_bit else -1


def clears(catalogue: Catalogue, event: Event) -> int:
    """The status bit that an event clears, or -1: that of its pair, unless it is the one that it sets."""
    bit = catalogue[event.pair].esw_bit if event.pair else -1
    return -1 if bit == raises(catalogue, event) else bit


@lru_cache(maxsize=1)
def raisers() -> Mapping[str, list[int]]:
    """Which codes of all catalogues set which status bits, code by code."""
    known = [load_catalogue(path.name.removesuffix(SUFFIX)) for path in catalogue_paths()]
    pairs = [(event.code, raises(one, event)) for one in known for event in one.values() if raises(one, event) >= 0]
    return {"codes": [code for code, _ in pairs], "bits": [bit for _, bit in pairs]}


def catalogue_paths() -> list[Path]:
    return sorted((data_root() / "obis").glob(f"*{SUFFIX}"))


@lru_cache(maxsize=8)
def load_catalogue(name: str) -> Catalogue:
    """obis/<name>-events.csv by code; UserError with every mistake and its line."""
    return read_catalogue(data_root() / "obis" / f"{name}{SUFFIX}")


def read_catalogue(path: Path) -> Catalogue:
    events: dict[int, Event] = {}
    lines: dict[int, int] = {}
    mistakes = []
    for line, event in enumerate(load_table(path, Event), start=2):
        if event.code in events:
            mistakes.append(Mistake(str(path), line, 1, f"code {event.code} is listed twice"))
        events[event.code], lines[event.code] = event, line
    mistakes += [Mistake(str(path), lines[code], 1, words) for code in events if (words := _mistake(events, code))]
    if mistakes:
        raise UserError(mistakes)
    return events


def _mistake(events: Catalogue, code: int) -> str:
    event = events[code]
    if event.kind == "single":
        return f"code {code} is single and cannot have a pair" if event.pair else ""
    other = events.get(event.pair)
    if other is None or other.pair != code or {event.kind, other.kind} != {"occurrence", "restoration"}:
        return f"code {code} is one of a pair ({event.kind}): its pair must be a code that names it in turn"
    if (event.log, event.applies, event.esw_bit < 0) != (other.log, other.applies, other.esw_bit < 0):
        return f"codes {code} and {event.pair} must share log and phases, and both or none have a status bit"
    return ""
