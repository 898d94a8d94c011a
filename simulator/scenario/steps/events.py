# SPDX-License-Identifier: MIT
"""Events by their codes, and the tamper family by its names: what is logged, raised and alarmed, nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import Field

from simulator.meter.behaviour import story
from simulator.meter.cohort import Cohort
from simulator.scenario.selecting import Numbers
from simulator.scenario.stage import Stage
from simulator.scenario.step import Lasting, Outcome

_UNKNOWN = "the model knows no such event"
_TAMPERS: Mapping[str, int] = {  # the code of the occurrence (IS 15959 parts 1 and 2)
    "reverse": 51,
    "ct-open": 57,
    "unbalance": 63,
    "bypass": 65,
    "over-current": 67,
    "earth": 69,
    "mismatch": 81,
    "magnet": 201,
    "neutral": 203,
    "single-wire": 207,
    "module": 209,
    "cover": 251,
    "esd": 891,
}


class Event(Lasting):
    """Meters notice events; after `for` those that restore them."""

    do: Literal["event"]
    code: int | list[int] = Field(description="one code or several; `meterfleet events codes` lists them")

    async def begin(self, stage: Stage, numbers: Numbers, level: float) -> Outcome:
        return await notice(stage, numbers, _codes(self.code))

    async def end(self, stage: Stage, numbers: Numbers) -> Outcome:
        return await notice(stage, numbers, _codes(self.code), restored=True)


class Tamper(Lasting):
    """Somebody works on the meter; the event that tells of it, and after `for` the one that restores it."""

    do: Literal["tamper"]
    how: Literal["reverse", "ct-open", "unbalance", "bypass", "over-current", "earth", "mismatch", "magnet", "neutral",
                 "single-wire", "module", "cover", "esd"]  # fmt: skip

    async def begin(self, stage: Stage, numbers: Numbers, level: float) -> Outcome:
        return await notice(stage, numbers, [_TAMPERS[self.how]])

    async def end(self, stage: Stage, numbers: Numbers) -> Outcome:
        return await notice(stage, numbers, [_TAMPERS[self.how]], restored=True)


def _codes(code: int | list[int]) -> list[int]:
    return [code] if isinstance(code, int) else code


async def notice(stage: Stage, numbers: Numbers, codes: Sequence[int], *, restored: bool = False) -> Outcome:
    """The codes one after another, on all meters."""
    done = unknown = 0
    for cohort, rows in stage.parts(numbers):
        known = [code for code in _meant(cohort, codes, restored=restored) if code in cohort.model.events]
        if known or restored:
            await story.notice_in_turn(cohort, rows, known)
            done += len(rows)
        else:
            unknown += len(rows)
    return Outcome(done, {_UNKNOWN: unknown} if unknown else {})


def _meant(cohort: Cohort, codes: Sequence[int], *, restored: bool) -> list[int]:
    """The codes, or those that restore them; what is over at once, such as an opened cover, has none."""
    if not restored:
        return list(codes)
    events = cohort.model.events
    return [events[code].pair for code in codes if code in events and events[code].pair]
