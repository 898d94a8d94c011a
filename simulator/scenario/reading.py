# SPDX-License-Identifier: MIT
"""A scenario file understood: includes and parameters put in, then every mistake at once with path and line.

It starts nothing. What it gives is all that a run needs to know.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulator.documents import (
    Document,
    Location,
    MergedDocument,
    Origins,
    did_you_mean,
    is_there,
    plain_scalar,
    read_leniently,
    read_text,
)
from simulator.errors import Mistake, UserError
from simulator.resources import data_root

_PLACE = re.compile(r"\$\{(\w+)\}")
_JOINED = ("fleet", "network", "timeline", "expect")  # lists of several files follow one another
_LAID = ("parameters", "clock", "push")  # mappings whose keys are laid over each other


@dataclass(frozen=True, slots=True)
class Draft:
    """The text of a scenario, merged and filled in, not yet judged; `mistakes` are those found on the way."""

    document: Document
    mistakes: tuple[Mistake, ...]

    @property
    def digest(self) -> str:
        """Of the scenario with its parameters, whatever its files are called."""
        return hashlib.sha256(json.dumps(self.document.data, sort_keys=True).encode()).hexdigest()[:12]


def scenario_path(name: str) -> Path:
    """A path as given, or a shipped scenario by its name; UserError names the known ones."""
    if name.endswith((".yaml", ".yml")) or "/" in name:
        return Path(name)
    path = data_root() / "scenarios" / f"{name}.yaml"
    if not is_there(path):
        raise UserError(f"there is no scenario {name!r}; {did_you_mean(name, scenario_names())}")
    return path


def scenario_names() -> list[str]:
    """Of those that are shipped."""
    return sorted(path.stem for path in (data_root() / "scenarios").glob("*.yaml"))


def read_draft(path: Path, settings: Mapping[str, str]) -> Draft:
    """`settings` are the user's values of parameters, as text. UserError if there is nothing to go on with."""
    mistakes: list[Mistake] = []
    document = _merged(path, (), mistakes)
    parameters = document.data.get("parameters")
    values = dict(parameters) if isinstance(parameters, dict) else {}
    for name in settings:
        if name not in values:
            hint = did_you_mean(name, list(values)) if values else "this scenario has no parameters"
            mistakes.append(Mistake("", 0, 0, f"--set {name}: there is no such parameter; {hint}"))
    values |= {name: plain_scalar(text) for name, text in settings.items()}
    data = {key: part if key == "parameters" else _filled(document, (key,), part, values, mistakes)
            for key, part in document.data.items()}  # fmt: skip
    document.data = {**data, **({"parameters": values} if values else {})}
    return Draft(document, tuple(mistakes))


def _filled(document: Document, at: Location, part: Any, values: Mapping[str, Any], mistakes: list[Mistake]) -> Any:
    """`${name}` alone keeps the type of the value; within a text it becomes text."""
    if isinstance(part, dict):
        return {key: _filled(document, (*at, key), value, values, mistakes) for key, value in part.items()}
    if isinstance(part, list):
        return [_filled(document, (*at, place), value, values, mistakes) for place, value in enumerate(part)]
    if not isinstance(part, str):
        return part
    for name in _PLACE.findall(part):
        if name not in values:
            known = did_you_mean(name, list(values)) if values else "there are no parameters"
            mistakes.append(document.mistake(at, f"${{{name}}} is not a parameter; {known}"))
            return part
    whole = _PLACE.fullmatch(part)
    return values[whole[1]] if whole else _PLACE.sub(lambda match: str(values[match[1]]), part)


def _merged(path: Path, above: tuple[Path, ...], mistakes: list[Mistake]) -> Document:
    document, twice = read_leniently(read_text(path), path)
    mistakes += twice
    if not isinstance(document.data, dict):
        raise UserError([document.mistake((), "a scenario is a mapping of keys: name, fleet, timeline …")])
    includes = document.data.get("include")
    if not isinstance(includes, list):
        return document
    data: dict[str, Any] = {}
    origins: Origins = {}
    for place, name in enumerate(includes):
        part = path.parent / str(name)
        if part.resolve() in (path.resolve(), *above):
            mistakes.append(document.mistake(("include", place), f"{name} includes itself in a circle"))
        elif not is_there(part):
            mistakes.append(document.mistake(("include", place), f"there is no file {part}"))
        else:
            _lay_over(data, origins, _merged(part, (*above, path.resolve()), mistakes))
    _lay_over(data, origins, document)
    return MergedDocument(path, data, origins)


def _lay_over(data: dict[str, Any], origins: Origins, document: Document) -> None:
    for key, value in document.data.items():
        if key in _JOINED and isinstance(value, list) and isinstance(data.get(key, []), list):
            before = data.get(key, [])
            data[key] = before + value
            origins |= {(key, len(before) + n): (document, (key, n)) for n in range(len(value))}
        elif key in _LAID and isinstance(value, dict) and isinstance(data.get(key, {}), dict):
            data[key] = data.get(key, {}) | value
            origins |= {(key, name): (document, (key, name)) for name in value}
        else:
            data[key] = value
        origins[key,] = (document, (key,))
