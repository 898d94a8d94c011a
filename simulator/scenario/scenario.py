# SPDX-License-Identifier: MIT
"""A scenario that can be run: its parts checked one by one and against each other, every mistake at once."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from simulator.cosem.compiler import compile_model
from simulator.documents import Document, is_there
from simulator.errors import Mistake, UserError
from simulator.fleet.listen import Listen, parse_listens
from simulator.fleet.spec import FleetSpec
from simulator.scenario.expectation import Expectation
from simulator.scenario.grammar import Head
from simulator.scenario.judging import Judge, after_the_end
from simulator.scenario.parts import Parts, length
from simulator.scenario.reading import Draft, read_draft
from simulator.scenario.recording import recorded
from simulator.scenario.selecting import Residents
from simulator.scenario.step import Entry
from simulator.scenario.steps.store import Sql
from simulator.scenario.timing import Times
from simulator.values import instant_of


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
        return parse_listens(others or self.head.listens, self.spec.count)


def load_scenario(path: Path, settings: Mapping[str, str] | None = None) -> Scenario:
    """UserError with every mistake, path, line and column."""
    draft = read_draft(path, settings or {})
    document = draft.document
    parts = Parts(document, path.parent, list(draft.mistakes))
    head = parts.head()
    told, groups = parts.groups()
    entries = [parts.entry(place) for place in range(length(document, "timeline"))]
    expectations = [parts.expectation(place) for place in range(length(document, "expect"))]
    recording: Sequence[Entry] = ()
    if groups:
        spec = FleetSpec(tuple(groups), head.seed, head.history, _start_ms(head, groups[0].model))
        residents = Residents(spec, [group.group or "" for group in told])
        judge = Judge(document, head, entries, expectations, parts.unsure)
        parts.mistakes.extend(judge.mistakes(residents, path.parent))
        recording = _recording(document, head, path, spec, parts.mistakes)
    if found := _sifted(parts.mistakes, draft):
        raise UserError(sorted(found, key=lambda one: (one.path, one.line, one.column, one.message)))
    played = [entry for entry in (*entries, *recording) if entry is not None]
    awaited = tuple(one for one in expectations if one is not None)
    return Scenario(path, head, tuple(played), awaited, residents, _digest(draft, path.parent, head, entries))


def _start_ms(head: Head, model: str) -> int | None:
    """None: the real clock is followed."""
    start = head.clock.start
    if start is not None and start.tzinfo is None:
        start = start.replace(tzinfo=dt.timezone(dt.timedelta(minutes=compile_model(model).spec.utc_offset_minutes)))
    return None if start is None else instant_of(start)


def _sifted(mistakes: list[Mistake], draft: Draft) -> set[Mistake]:
    """Once each, and none that only follows from a parameter which is not there."""
    unfilled = {(one.path, one.line, one.column) for one in draft.mistakes}
    return {one for one in mistakes if one in draft.mistakes or (one.path, one.line, one.column) not in unfilled}


def _recording(document: Document, head: Head, path: Path, spec: FleetSpec, mistakes: list[Mistake]) -> list[Entry]:
    if head.replay is None:
        return []
    if not is_there(path.parent / head.replay.csv):
        mistakes.append(document.mistake(("replay", "csv"), f"there is no file {path.parent / head.replay.csv}"))
        return []
    try:
        found = list(recorded(path.parent / head.replay.csv, spec, head.replay.at))
    except UserError as error:
        mistakes.extend(error.mistakes)
        return []
    if head.end is not None and head.end.offset_ms is not None:
        mistakes.extend(after_the_end(document, found, head.end.offset_ms))
    return found


def _digest(draft: Draft, folder: Path, head: Head, entries: Sequence[Entry | None]) -> str:
    """With what stands in other files."""
    files = [entry.file for entry in entries if isinstance(entry, Sql) and entry.file is not None]
    files += [head.replay.csv] if head.replay is not None else []
    texts = [draft.digest.encode(), *((folder / name).read_bytes() for name in files)]
    return hashlib.sha256(b"\0".join(texts)).hexdigest()[:12]
