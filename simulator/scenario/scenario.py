# SPDX-License-Identifier: MIT
"""A scenario that can be run: its parts checked one by one and against each other, every mistake at once."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulator.cosem.compiler import compile_model
from simulator.documents import Document, Location, check, did_you_mean
from simulator.errors import Mistake, UserError
from simulator.fleet.listen import Listen, parse_listen
from simulator.fleet.spec import FleetSpec, MeterGroup
from simulator.scenario.expectation import Counted, Expectation
from simulator.scenario.expectations import EXPECTATIONS
from simulator.scenario.grammar import GroupSpec, Head
from simulator.scenario.reading import Draft, read_draft
from simulator.scenario.recording import recorded
from simulator.scenario.selecting import Residents, Selector
from simulator.scenario.step import Entry, Step
from simulator.scenario.steps import STEPS
from simulator.scenario.steps.store import Sql
from simulator.scenario.timing import Times, is_endless
from simulator.values import instant_of
from simulator.world.shapes import load_world

_UNKNOWN = "no model of the fleet knows event {code}; `meterfleet events codes` lists what there is"


@dataclass(frozen=True, slots=True)
class Scenario:
    path: Path
    head: Head
    entries: tuple[Entry, ...]
    expectations: tuple[Expectation, ...]
    residents: Residents
    digest: str  # of everything that decides what happens

    @property
    def spec(self) -> FleetSpec:
        return self.residents.spec

    @property
    def utc_offset_minutes(self) -> int:
        return self.spec.models()[0].spec.utc_offset_minutes

    def times(self, start_ms: int) -> Times:
        return Times(start_ms, self.utc_offset_minutes, self.spec.seed)

    def listens(self, others: list[str] | None = None) -> list[Listen]:
        """`others`: places that the user gives instead."""
        return [parse_listen(text, self.spec.count) for text in others or self.head.listens]


class _Mistakes(list[Mistake]):
    """Collected while the parts are checked."""

    def tried(self, document: Document, kind: type[Any], at: Location) -> Any:
        try:
            return check(document, kind, at)
        except UserError as error:
            self.extend(error.mistakes)
            return None


def load_scenario(path: Path, settings: Mapping[str, str] | None = None) -> Scenario:
    """UserError with every mistake, path, line and column."""
    draft = read_draft(path, settings or {})
    document = draft.document
    mistakes = _Mistakes(draft.mistakes)
    head = mistakes.tried(document, Head, ())
    entries: list[Any] = [_entry(document, place, mistakes) for place in range(_length(document, "timeline"))]
    expectations: list[Any] = [_expectation(document, place, mistakes) for place in range(_length(document, "expect"))]
    mistakes += _names(document, entries, expectations)
    mistakes += [document.mistake(("timeline", place, "file"), f"there is no file {path.parent / entry.file}")
                 for place, entry in enumerate(entries)
                 if isinstance(entry, Sql) and entry.file and not (path.parent / entry.file).is_file()]  # fmt: skip
    if head is not None:
        spec = _spec(document, head, path.parent, mistakes)
        if spec is not None:
            residents = Residents(spec, [group.group or "" for group in head.fleet])
            mistakes += _choices(document, residents, entries, expectations)
            recording = _recording(document, head, path, spec, mistakes)
    if told := _sifted(mistakes, draft):
        raise UserError(sorted(told, key=lambda mistake: (mistake.path, mistake.line, mistake.column)))
    digest = _digest(draft, path.parent, head, entries)
    return Scenario(path, head, (*entries, *recording), tuple(expectations), residents, digest)


def _length(document: Document, key: str) -> int:
    listed = document.data.get(key)
    return len(listed) if isinstance(listed, list) else 0


def _entry(document: Document, place: int, mistakes: _Mistakes) -> Entry | None:
    at: Location = ("timeline", place)
    part = document.part(at)
    if not isinstance(part, dict) or "do" not in part:
        mistakes.append(document.mistake(at, "say what to do: {at: 5m, do: relay, to: open}"))
        return None
    kind = STEPS.get(str(part["do"]))
    if kind is None:
        mistakes.append(
            document.mistake(
                (*at, "do"), f"there is no step {part['do']!r}; {did_you_mean(str(part['do']), list(STEPS))}"
            )
        )
        return None
    found: Entry | None = mistakes.tried(document, kind, at)
    return found


def _expectation(document: Document, place: int, mistakes: _Mistakes) -> Expectation | None:
    at: Location = ("expect", place)
    part = document.part(at)
    kinds = [word for word in EXPECTATIONS if isinstance(part, dict) and word in part]
    if len(kinds) != 1:
        mistakes.append(document.mistake(at, f"say what is expected, one of {', '.join(EXPECTATIONS)}"))
        return None
    found: Expectation | None = mistakes.tried(document, EXPECTATIONS[kinds[0]], at)
    return found


def _names(document: Document, entries: list[Any], expectations: list[Any]) -> list[Mistake]:
    """Ids are given once; `after` names one that is there."""
    mistakes = []
    ids: list[str] = []
    for place, entry in enumerate(entries):
        if entry is not None and entry.id is not None:
            if entry.id in ids:
                mistakes.append(document.mistake(("timeline", place, "id"), f"the id {entry.id!r} is given twice"))
            ids.append(entry.id)
    for place, expectation in enumerate(expectations):
        if expectation is not None and expectation.after is not None and expectation.after not in ids:
            hint = did_you_mean(expectation.after, sorted(set(ids))) if ids else "no step has an id"
            mistakes.append(
                document.mistake(("expect", place, "after"), f"no step has the id {expectation.after!r}; {hint}")
            )
    if None not in entries and any(is_endless(entry) for entry in entries) and "end" not in document.data:
        words = "a step repeats without end: say within, or give the scenario an end"
        lasting = [place for place, one in enumerate(expectations) if one is not None and one.within is None]
        mistakes += [document.mistake(("expect", place), words) for place in lasting]
    return mistakes


def _spec(document: Document, head: Head, folder: Path, mistakes: _Mistakes) -> FleetSpec | None:
    groups = []
    for place, group in enumerate(head.fleet):
        try:
            groups.append(_group(group, folder))
        except UserError as error:
            mistakes.append(document.mistake(("fleet", place, "model"), str(error)))
    if len(groups) < len(head.fleet):
        return None
    start = head.clock.start
    if start is not None and start.tzinfo is None:
        start = start.replace(tzinfo=_zone(groups[0].model))
    spec = FleetSpec(tuple(groups), head.seed, head.history, None if start is None else instant_of(start))
    try:
        spec.check(load_world(head.seed))
        for place, listen in enumerate(head.listens):
            try:
                parse_listen(listen, spec.count)
            except UserError as error:
                mistakes.append(document.mistake(("network", place), str(error).removeprefix("--listen ")))
    except UserError as error:
        mistakes += [document.mistake(("fleet",), line) for line in str(error).splitlines()]
    return spec


def _group(group: GroupSpec, folder: Path) -> MeterGroup:
    beside = folder / group.model
    name = str(beside) if beside.is_file() else group.model
    minutes = group.block or compile_model(name).spec.block_minutes
    return MeterGroup(group.count, name, group.load, minutes, group.feeders)


def _zone(model: str) -> dt.timezone:
    return dt.timezone(dt.timedelta(minutes=compile_model(model).spec.utc_offset_minutes))


def _choices(document: Document, residents: Residents, entries: list[Any], expectations: list[Any]) -> list[Mistake]:
    """Selectors that cannot choose anybody."""
    mistakes = []
    known = {code for model in residents.spec.models() for code in model.events}
    told = (("timeline", entries), ("expect", expectations))
    parts = [(key, place, one) for key, listed in told for place, one in enumerate(listed)]
    for key, place, one in parts:
        selectors: tuple[Selector, ...] = one.on if isinstance(one, Step | Counted) else ()
        words = [word for selector in selectors for word in residents.unknown(selector)]
        mistakes += [document.mistake((key, place, "on"), word) for word in words]
        unknown = [code for code in _codes(one) if code not in known]
        hint = "`meterfleet events codes` lists what there is"
        mistakes += [
            document.mistake((key, place), f"no model of the fleet knows event {code}; {hint}") for code in unknown
        ]
    return mistakes


def _codes(one: Any) -> list[int]:
    """The event codes that a step or an expectation names."""
    codes = getattr(one, "code", None) or getattr(one, "event", None) or getattr(one, "alarm", None)
    return codes if isinstance(codes, list) else [codes] if isinstance(codes, int) else []


def _sifted(mistakes: list[Mistake], draft: Draft) -> set[Mistake]:
    """Once each, and none that only follows from a parameter which is not there."""
    unfilled = {(one.path, one.line, one.column) for one in draft.mistakes}
    return {one for one in mistakes if one in draft.mistakes or (one.path, one.line, one.column) not in unfilled}


def _recording(document: Document, head: Head, path: Path, spec: FleetSpec, mistakes: _Mistakes) -> list[Entry]:
    if head.replay is None:
        return []
    if not (path.parent / head.replay.csv).is_file():
        mistakes.append(document.mistake(("replay", "csv"), f"there is no file {path.parent / head.replay.csv}"))
        return []
    try:
        return list(recorded(path.parent / head.replay.csv, spec, head.replay.at))
    except UserError as error:
        mistakes.extend(error.mistakes)
        return []


def _digest(draft: Draft, folder: Path, head: Head, entries: list[Any]) -> str:
    """With what stands in other files."""
    files = [entry.file for entry in entries if isinstance(entry, Sql) and entry.file is not None]
    files += [head.replay.csv] if head.replay is not None else []
    texts = [draft.digest.encode(), *((folder / name).read_bytes() for name in files)]
    return hashlib.sha256(b"\0".join(texts)).hexdigest()[:12]
