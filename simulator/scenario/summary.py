# SPDX-License-Identifier: MIT
"""The rows of a scenario's history as lines that people read: a step in waves or on a ramp is one, and so are many
repetitions of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from simulator.scenario.player import START
from simulator.scenario.timing import name_of
from simulator.store.history import StepRow
from simulator.values import moment_of

_UNDO = "/undo"
_MOST_LINES = 10  # of one step; more repetitions than that are told in one
_WORST_FIRST = ("FAILED", "PARTLY", "REFUSED", "DONE")


@dataclass(frozen=True, slots=True)
class Line:
    first_ms: int
    last_ms: int
    step: str
    what: str
    parts: int
    meters: int
    outcome: str
    remarks: str

    @property
    def times(self) -> str:
        first, last = (f"{moment_of(ms):%d %H:%M:%S}" for ms in (self.first_ms, self.last_ms))
        return first if first == last else f"{first} to {last.removeprefix(first[:3])}"


def lines(rows: Sequence[StepRow]) -> list[Line]:
    """In the order in which each began; rows of expectations are left out."""
    done = [row for row in rows if row.outcome in _WORST_FIRST]
    times = Counter(name for name, _ in {(name_of(row.step), _time(row)) for row in done})
    together: dict[tuple[str, str, bool], list[StepRow]] = {}
    for row in done:
        name = name_of(row.step)
        time = _time(row) if times[name] <= _MOST_LINES else ""
        together.setdefault((name, time, _UNDO in row.step), []).append(row)
    return [_line(name, time, found) for (name, time, _), found in together.items()]


def remarks(rows: Iterable[StepRow]) -> str:
    """What is worth telling about steps."""
    refused: Counter[str] = Counter()
    told: dict[str, None] = {}
    for row in rows:
        refused.update(row.detail.get("refused", {}))
        if "refused" not in row.detail and (
            text := row.detail.get("words") or row.detail.get("error") or row.detail.get("text")
        ):
            told[str(text)] = None
    return ", ".join([*(f"{count} x {reason}" for reason, count in refused.items()), *told])


def _line(name: str, time: str, rows: Sequence[StepRow]) -> Line:
    what = rows[0].kind.removesuffix(_UNDO) + (", undone" if _UNDO in rows[0].step else "")
    return Line(
        min(row.local_ms for row in rows),
        max(row.local_ms for row in rows),
        _title(name) + (f", time {int(time) + 1}" if time else ""),
        what,
        len(rows),
        _meters(rows),
        _outcome(rows),
        remarks(rows),
    )


def _outcome(rows: Sequence[StepRow]) -> str:
    """Of parts of which some are done and some refused: PARTLY. Parts without meters say nothing, unless all are."""
    told = {row.outcome for row in rows if row.meters} or {row.outcome for row in rows}
    return "PARTLY" if told == {"DONE", "REFUSED"} else next(word for word in _WORST_FIRST if word in told)


def _title(name: str) -> str:
    """A step without an id is known by its place in the timeline."""
    key, dot, place = name.rpartition(".")
    if key == "timeline" and dot and place.isdecimal():
        return f"step {int(place) + 1}"
    return "" if name == START else name


def _time(row: StepRow) -> str:
    """Which repetition of its step; empty: it does not repeat."""
    return row.step.partition("/")[0].partition("#")[2]


def _meters(rows: Sequence[StepRow]) -> int:
    """Waves are of different meters; each level of a ramp, and each repetition, is of the same."""
    levels = groupby(sorted(rows, key=_level), key=_level)
    return max(sum(row.meters for row in wave) for _, wave in levels)


def _level(row: StepRow) -> str:
    """Without the number of the wave."""
    return row.step.partition("~")[0].rstrip("/")
