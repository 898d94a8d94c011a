# SPDX-License-Identifier: MIT
"""The parts of a scenario, each checked for itself: what is wrong in one hides nothing of what is wrong in another.

Of a part that is wrong is kept what is right of it, so that it can still be compared with the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from simulator.cosem.compiler import compile_model
from simulator.cosem.spec import is_path
from simulator.documents import Document, Location, did_you_mean, is_there, mend
from simulator.errors import Mistake, UserError
from simulator.expected import in_words
from simulator.fleet.spec import MeterGroup
from simulator.scenario.expectation import Counted, Expectation
from simulator.scenario.expectations import EXPECTATIONS
from simulator.scenario.grammar import GroupSpec, Head
from simulator.scenario.step import Entry, Step
from simulator.scenario.steps import STEPS
from simulator.scenario.words import Strict

_MANY = 1000  # meters, where a file does not say how many: all feeders of the group have some
Shared = TypeVar("Shared", bound=Strict)
_STAND_IN: Mapping[str, Any] = {"name": "?", "fleet": [{"count": _MANY}]}


@dataclass(frozen=True)
class Parts:
    document: Document
    folder: Path
    mistakes: list[Mistake] = field(default_factory=list)
    unsure: set[str] = field(default_factory=set)  # what of the fleet is not known, in the words of selectors

    def head(self) -> Head:
        """With stand-ins for what is wrong."""
        head, mistakes = mend(self.document, Head, stand_in=_STAND_IN)
        self.mistakes.extend(mistakes)
        return head or Head.model_validate(_STAND_IN)

    def groups(self) -> tuple[list[GroupSpec], list[MeterGroup]]:
        """Of the file, and of the fleet."""
        told, made = [], []
        for place in range(length(self.document, "fleet")):
            group, mistakes = mend(self.document, GroupSpec, ("fleet", place), stand_in={"count": _MANY})
            self.mistakes.extend(mistakes)
            group = group or GroupSpec(count=_MANY)
            self._doubt(place, mistakes)
            told.append(group)
            made.append(self._made(place, group))
        return told, made

    def _doubt(self, place: int, mistakes: list[Mistake]) -> None:
        at = [one.message.partition(":")[0].split(".") for one in mistakes]  # fleet, place, key …
        names = {location[min(2, len(location) - 1)] for location in at}
        self.unsure.update({"meters", "serial"} if names & {"count", "serial", str(place)} else ())
        self.unsure.update({"model", "codes"} if "model" in names else ())
        self.unsure.update({"feeder"} if "feeder" in names or (names & {"count"}) else ())
        self.unsure.update({"group"} if "group" in names else ())

    def _made(self, place: int, group: GroupSpec) -> MeterGroup:
        name = self._model(group.model)
        try:
            minutes = group.block or compile_model(name).spec.block_minutes
        except UserError as error:
            at: Location = ("fleet", place, "model")
            self.mistakes.extend(
                one if one.line else self.document.mistake(at, str(one).removeprefix(": ")) for one in error.mistakes
            )
            self.unsure.update({"model", "codes"})
            return self._made(place, group.model_copy(update={"model": GroupSpec(count=1).model}))
        return MeterGroup(group.count, name, group.load, minutes, group.feeders, group.serial)

    def _model(self, name: str) -> str:
        """A path is one from the scenario's folder; without one it may still be the name of a shipped model."""
        beside = self.folder / name
        return str(beside) if is_path(name) or is_there(beside) else name

    def entry(self, place: int) -> Entry | None:
        at: Location = ("timeline", place)
        part = self.document.part(at)
        if not isinstance(part, dict) or "do" not in part:
            self._tell(at, "say what to do: {at: 5m, do: relay, to: open}")
            return self._shared(Step, at)
        kind = STEPS.get(str(part["do"]))
        if kind is None:
            self._tell((*at, "do"), f"there is no step {part['do']!r}; {did_you_mean(str(part['do']), list(STEPS))}")
            return self._shared(Step, at)
        found, mistakes = mend(self.document, kind, at)
        self.mistakes.extend(mistakes)
        return found or _remnant(Step, part)

    def expectation(self, place: int) -> Expectation | None:
        at: Location = ("expect", place)
        part = self.document.part(at)
        kinds = [word for word in EXPECTATIONS if isinstance(part, dict) and word in part]
        if len(kinds) != 1:
            self._tell(at, f"say what is expected, one of {', '.join(EXPECTATIONS)}")
            return self._shared(Counted, at)
        found, mistakes = mend(self.document, EXPECTATIONS[kinds[0]], at)
        self.mistakes.extend(mistakes)
        return found or _remnant(Counted, part)

    def _shared(self, kind: type[Shared], at: Location) -> Shared | None:
        """Of a part of unknown kind: what is wrong in what all kinds share."""
        part = self.document.part(at)
        for key, words in _wrong(kind, part).items():
            self._tell((*at, key), words)
        return _remnant(kind, part)

    def _tell(self, at: Location, words: str) -> None:
        self.mistakes.append(self.document.mistake(at, words))


def length(document: Document, key: str) -> int:
    listed = document.data.get(key)
    return len(listed) if isinstance(listed, list) else 0


def _remnant(kind: type[Shared], part: Any) -> Shared | None:
    """What all steps, or all expectations, share, as far as it is right; None if that breaks a rule."""
    left = _common(kind, part)
    for _ in range(2):
        try:
            return kind.model_validate(left)
        except ValidationError as error:
            wrong = {item["loc"][0] for item in error.errors() if item["loc"]}
            left = {key: value for key, value in left.items() if key not in wrong}
    return None


def _common(kind: type[Strict], part: Any) -> dict[str, Any]:
    shared = {field.alias or name for name, field in kind.model_fields.items()}
    left = {key: value for key, value in part.items() if key in shared} if isinstance(part, dict) else {}
    return {"do": "?", **left} if "do" in shared else left


def _wrong(kind: type[Strict], part: Any) -> dict[str, str]:
    found: dict[str, list[ErrorDetails]] = {}
    try:
        kind.model_validate(_common(kind, part))
    except ValidationError as error:
        for item in error.errors():
            if item["loc"]:
                found.setdefault(str(item["loc"][0]), []).append(item)
    return {key: in_words(items) for key, items in found.items()}
