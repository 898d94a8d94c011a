# SPDX-License-Identifier: MIT
"""Faults as the user writes them, `{delay: 2s, jitter: 1s, times: 3, for: 20m}`, understood; mistakes at their place.

An entry names one fault with its settings, or a whole pack: `{link: nb-iot}`, `{quirk: short-frames}`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from simulator.documents import Document, Location, did_you_mean, parse_yaml
from simulator.errors import Mistake, UserError
from simulator.expected import in_words
from simulator.faults import packs
from simulator.faults.fault import DurationMs, Fault
from simulator.faults.registry import KNOWN

_TIMES, _FOR = "times", "for"
_LINK, _QUIRK = "link", "quirk"


@dataclass(frozen=True, slots=True)
class Setting:
    """A fault, and when it ends by itself: after having struck a meter so often, or after so long."""

    fault: Fault
    said: str  # how the user put it
    part: str = ""  # which fault of a pack it is
    times: int | None = None
    for_ms: int | None = None


@dataclass(frozen=True, slots=True)
class _Limits:
    times: Annotated[int, Field(ge=1)] | None = None
    for_ms: Annotated[DurationMs | None, Field(alias="for")] = None


def parse_faults(document: Document, at: Location, data: Any) -> tuple[list[Setting], list[Mistake]]:
    """What stands at a place of a document: one entry or a list of them, which is not empty."""
    if data == []:
        return [], [document.mistake(at, "no fault is given; write for example {delay: 2s}")]
    entries = list(enumerate(data)) if isinstance(data, list) else [(None, data)]
    settings: list[Setting] = []
    mistakes: list[Mistake] = []
    for index, entry in entries:
        found = _entry(document, at if index is None else (*at, index), entry)
        settings += found[0]
        mistakes += found[1]
    return settings, mistakes


def faults_of(data: Any, *, where: str = "faults") -> list[Setting]:
    """Of plain Python: a mapping or a list of them. Raises UserError with every mistake."""
    return _all_or_nothing(Document(Path(where), data, {(): (0, 0)}), data)


def faults_in(text: str, *, where: str = "faults") -> list[Setting]:
    """Of text as on a command line: `{drop: 0.3}`. Raises UserError with every mistake, line and column."""
    document = parse_yaml(text, Path(where))
    return _all_or_nothing(document, document.data)


def _all_or_nothing(document: Document, data: Any) -> list[Setting]:
    settings, mistakes = parse_faults(document, (), data)
    if mistakes:
        raise UserError(mistakes)
    return settings


def _entry(document: Document, at: Location, entry: Any) -> tuple[list[Setting], list[Mistake]]:
    known = [*KNOWN, _LINK, _QUIRK]
    names = [key for key in entry if key in known] if isinstance(entry, dict) else []
    if len(names) != 1:
        return [], [document.mistake(at, _which(entry, names, known))]
    limits, mistakes = _limits(document, at, entry)
    rest = {key: value for key, value in entry.items() if key not in (_TIMES, _FOR)}
    make = _pack if names[0] in (_LINK, _QUIRK) else _fault
    settings, more = make(document, at, names[0], rest)
    said = _said(entry)
    return [replace(one, said=said, times=limits.times, for_ms=limits.for_ms) for one in settings], mistakes + more


def _which(entry: Any, names: list[str], known: list[str]) -> str:
    if len(names) > 1:
        return f"{names[0]} and {names[1]} are two faults; write them as two entries"
    if not isinstance(entry, dict) or not entry:
        return f"{entry!r} is no fault; write for example {{delay: 2s}}"
    return f"{next(iter(entry))!r} is no fault; {did_you_mean(str(next(iter(entry))), known)}"


def _limits(document: Document, at: Location, entry: Mapping[str, Any]) -> tuple[_Limits, list[Mistake]]:
    given = {key: entry[key] for key in (_TIMES, _FOR) if key in entry}
    try:
        return TypeAdapter(_Limits).validate_python(given), []
    except ValidationError as error:
        return _Limits(), _mistakes(document, at, error)


def _fault(
    document: Document, at: Location, name: str, entry: Mapping[str, Any]
) -> tuple[list[Setting], list[Mistake]]:
    try:
        return [Setting(_adapter(name).validate_python(entry), "")], []
    except ValidationError as error:
        return [], _mistakes(document, at, error)


def _pack(document: Document, at: Location, kind: str, entry: Mapping[str, Any]) -> tuple[list[Setting], list[Mistake]]:
    extra = [document.mistake((*at, key), "unknown key") for key in entry if key != kind]
    try:
        faults = packs.link_profile(str(entry[kind])) if kind == _LINK else packs.quirk_pack(str(entry[kind]))
    except UserError as error:
        return [], [*extra, document.mistake((*at, kind), str(error))]
    return [Setting(fault, "", fault.name) for fault in faults], extra


@lru_cache(maxsize=64)
def _adapter(name: str) -> TypeAdapter[Fault]:
    return TypeAdapter(KNOWN[name])


def _mistakes(document: Document, at: Location, error: ValidationError) -> list[Mistake]:
    return [document.mistake((*at, *item["loc"][:1]), in_words([item])) for item in error.errors()]


def _said(entry: Mapping[str, Any]) -> str:
    pairs = (f"{key}: {str(value).lower() if value is True else value}" for key, value in entry.items())
    return "{" + ", ".join(pairs) + "}"


def quirks_of(names: Sequence[str]) -> list[Setting]:
    """What the quirk packs of these names do, without an end."""
    return [Setting(fault, f"{{quirk: {name}}}", fault.name) for name in names for fault in packs.quirk_pack(name)]
