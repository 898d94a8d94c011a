# SPDX-License-Identifier: MIT
"""The parts of a scenario against each other: names, selectors, event codes, files, and what comes after the end."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from simulator.cosem.catalogue import catalogue_paths, read_catalogue
from simulator.documents import Document, Location, did_you_mean, is_there
from simulator.errors import Mistake, UserError
from simulator.fleet.listen import parse_listens
from simulator.scenario.concerned import Concerned
from simulator.scenario.expectation import Counted, Expectation
from simulator.scenario.grammar import Head, Scalar, likely_ways, listen_text
from simulator.scenario.selecting import Residents
from simulator.scenario.step import Entry, Step
from simulator.scenario.timing import Times, is_endless
from simulator.scenario.words import Moment
from simulator.values import MS_PER_SECOND, counted

_PARTS = {"groups": ("fleet",), "history_ms": ("history",), "start_ms": ("clock", "start")}
"""Where a file says what the spec of a fleet is made of."""


@dataclass(frozen=True)
class Judge:
    """`unsure`: what of the fleet is not known, because it was written wrongly (parts.py)."""

    document: Document
    head: Head
    entries: Sequence[Entry | None]
    expectations: Sequence[Expectation | None]
    unsure: Collection[str]

    def mistakes(self, residents: Residents, folder: Path) -> Iterator[Mistake]:
        yield from self._names()
        yield from self._files(folder)
        for part, words in residents.spec.doubts():
            if not (self.unsure and part == "groups"):
                yield self.document.mistake(_PARTS[part], words)
        yield from self._network(residents.spec.count)
        yield from self._codes(residents)
        parts = [(at, one) for at, one in self._parts() if isinstance(one, Step | Counted)]
        yield from Concerned(self.document, self.entries, residents, _times(residents), self.unsure).mistakes(parts)
        yield from self._times(residents)

    def _names(self) -> Iterator[Mistake]:
        """Ids are given once; `after` names one that is there."""
        ids: set[str] = set()
        for place, entry in enumerate(self.entries):
            if entry is not None and entry.id is not None:
                if entry.id in ids:
                    yield self.document.mistake(("timeline", place, "id"), f"the id {entry.id!r} is given twice")
                ids.add(entry.id)
        hint = {name: did_you_mean(name, sorted(ids)) if ids else "no step has an id" for name in self._after(ids)}
        for place, one in enumerate(self.expectations):
            if one is not None and one.after in hint:
                words = f"no step has the id {one.after!r}; {hint[one.after]}"
                yield self.document.mistake(("expect", place, "after"), words)

    def _after(self, ids: Collection[str]) -> list[str]:
        """What expectations wait for, and no step is."""
        named = (one.after for one in self.expectations if one is not None and one.after is not None)
        return [name for name in named if name not in ids]

    def _files(self, folder: Path) -> Iterator[Mistake]:
        for place, entry in enumerate(self.entries):
            name = getattr(entry, "file", None)
            if name and not is_there(folder / name):
                yield self.document.mistake(("timeline", place, "file"), f"there is no file {folder / name}")

    def _network(self, count: int) -> Iterator[Mistake]:
        wrong = [(place, words) for place, told in enumerate(self.head.network) for words in _unheard(told, count)]
        for place, words in wrong:
            yield self.document.mistake(("network", place), words)
        if not wrong and (words := _unparsed(self.head.listens, count)):
            yield self.document.mistake(("network",), words)

    def _codes(self, residents: Residents) -> Iterator[Mistake]:
        known = {code for model in residents.spec.models() for code in model.events}
        if "codes" in self.unsure:
            known |= {event.code for path in catalogue_paths() for event in read_catalogue(path).values()}
        for at, _ in self._parts():
            for code in _numbers(self.document.part(at)):
                if code not in known:
                    hint = "`meterfleet events codes` lists what there is"
                    yield self.document.mistake(at, f"no model of the fleet knows event {code}; {hint}")

    def _times(self, residents: Residents) -> Iterator[Mistake]:
        """What would come after the end, or needs one."""
        if self.head.end is None:
            if "end" not in self.document.data:
                yield from self._endless()
            return
        is_start_known = residents.spec.start_ms is not None
        yield from _Ending(self, _times(residents), is_start_known=is_start_known).mistakes(self.head.end)

    def _endless(self) -> Iterator[Mistake]:
        words = "a step repeats without end: say within, or give the scenario an end"
        if any(is_endless(entry) for entry in self.entries if entry is not None):
            lasting = [place for place, one in enumerate(self.expectations) if one is not None and one.within is None]
            yield from (self.document.mistake(("expect", place), words) for place in lasting)

    def _parts(self) -> Iterator[tuple[Location, Entry | Expectation | None]]:
        for key, listed in (("timeline", self.entries), ("expect", self.expectations)):
            yield from (((key, place), one) for place, one in enumerate(listed))


def _times(residents: Residents) -> Times:
    spec = residents.spec
    return Times(spec.start_ms or 0, spec.models()[0].spec.utc_offset_minutes, spec.seed)


class _Ending:
    """Without a known start only offsets from it can be compared."""

    def __init__(self, judge: Judge, times: Times, *, is_start_known: bool) -> None:
        self._judge, self._times, self._is_start_known = judge, times, is_start_known
        upwards = reversed(judge.entries)  # of an id that is there twice the upper one
        self._named = {entry.id: entry for entry in upwards if entry is not None and entry.id is not None}

    def mistakes(self, end: Moment) -> Iterator[Mistake]:
        if not self._is_known(end):
            return
        document, end_ms = self._judge.document, self._instant(end)
        if end_ms < self._times.start_ms:
            yield document.mistake(("end",), "the scenario ends before it starts")
            return
        for place, entry in enumerate(self._judge.entries):
            if entry is not None and self._is_known(entry.at):
                first_ms = next(self._times.starts(entry, place), end_ms)
                if first_ms > end_ms:
                    yield document.mistake(("timeline", place, "at"), self._words("comes", first_ms, end_ms))
        for place, one in enumerate(self._judge.expectations):
            if one is not None and (from_ms := self._from_ms(one)) is not None:
                key, to_ms = ("at", from_ms) if from_ms > end_ms else ("within", from_ms + (one.within or 0))
                if to_ms > end_ms:
                    yield document.mistake(("expect", place, key), self._words("is checked", to_ms, end_ms))

    def _from_ms(self, one: Expectation) -> int | None:
        """When an expectation begins; None: unknown."""
        if one.after is not None:
            entry = self._named.get(one.after)
            return self._times.first(entry) if entry is not None and self._is_known(entry.at) else None
        if not self._is_known(one.at):
            return None
        return self._times.start_ms if one.at is None else self._instant(one.at)

    def _is_known(self, moment: Moment | None) -> bool:
        return self._is_start_known or moment is None or moment.offset_ms is not None

    def _instant(self, moment: Moment) -> int:
        return moment.instant(self._times.start_ms, self._times.utc_offset_minutes)

    def _words(self, what: str, at_ms: int, end_ms: int) -> str:
        at, end = (dt.timedelta(seconds=(ms - self._times.start_ms) / MS_PER_SECOND) for ms in (at_ms, end_ms))
        return f"{what} {at} after the start, but the scenario ends {end} after it"


def after_the_end(document: Document, recording: Sequence[Entry], end_ms: int) -> list[Mistake]:
    """Recorded alarms whose offset from the start lies beyond an end that is one too."""
    late = [one for one in recording if one.at is not None and (one.at.offset_ms or 0) > end_ms]
    words = f"{counted(len(late), 'recorded moment')} of {len(recording)} would come after the end"
    return [document.mistake(("replay",), words)] if late else []


def _numbers(part: object) -> list[int]:
    """The event codes that a step or an expectation names."""
    told = [part[key] for key in ("code", "event", "alarm") if key in part] if isinstance(part, dict) else []
    return [code for one in told for code in (one if isinstance(one, list) else [one]) if isinstance(code, int)]


def _unheard(told: str | dict[str, Scalar], count: int) -> Iterator[str]:
    """What is wrong with a way to listen. Of an unknown framing all that is so with any that it may mean."""
    try:
        text = listen_text(told)
    except UserError as error:
        yield str(error)
        others = [_unparsed([listen_text(way)], count) for way in likely_ways(told)]
        if others and all(others):
            yield others[0]
    else:
        if words := _unparsed([text], count):
            yield words


def _unparsed(texts: Sequence[str], count: int) -> str:
    try:
        parse_listens(texts, count)
    except UserError as error:
        return str(error).removeprefix("--listen ")
    return ""
