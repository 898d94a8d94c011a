# SPDX-License-Identifier: MIT
"""YAML and CSV files of the user and of the product: read, checked, every mistake at once with path, line and column.

YAML is read by the 1.2 core rules (only true/false are booleans, no base-60 numbers, leading zeros stay text) and a
key given twice is a mistake. Nothing here knows what a document means: that is the pydantic model's business.
"""

from __future__ import annotations

import csv
import difflib
import gc
import re
import stat
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from simulator.errors import Mistake, UserError, brief
from simulator.expected import in_words

Location = tuple[str | int, ...]
Origins = dict[Location, tuple["Document", Location]]  # part of a merged document -> where it was written
Model = TypeVar("Model", bound=BaseModel)

_MAX_DEPTH = 40
_MOST_VALUES = 100_000  # where aliases make more of a document than it has letters
_LARGEST = 64 << 20  # letters of a file
_UNPRINTABLE = re.compile("[^\t\n\r -~\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # YAML 1.2, 5.1
_LONGEST_NUMBER = 1000  # letters; what is longer stays text
_INTEGER = re.compile(r"[-+]?(0|[1-9]\d*)")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.\d+|\d+(\.\d*)?)([eE][-+]?\d+)?")
_WORDS = {"": None, "~": None, "null": None, "Null": None, "NULL": None, "true": True, "True": True, "TRUE": True,
          "false": False, "False": False, "FALSE": False, ".inf": float("inf"), "-.inf": float("-inf")}  # fmt: skip


class Document:
    """A parsed file: `data` in plain Python, and where each part of it stands."""

    def __init__(self, path: Path, data: Any, positions: dict[Location, tuple[int, int]]) -> None:
        self.path, self.data, self.positions = path, data, positions

    def part(self, location: Location) -> Any:
        found = self.data
        for key in location:
            found = found[key]
        return found

    def mistake(self, location: Location, message: str) -> Mistake:
        """A mistake at a location, or at the nearest enclosing place that the file has."""
        spot = next(
            self.positions[location[:n]] for n in range(len(location), -1, -1) if location[:n] in self.positions
        )
        return Mistake(str(self.path), *spot, f"{_spelled(location)}: {message}" if location else message)


def _spelled(location: Location) -> str:
    return ".".join(brief(str(key)) for key in location)


class MergedDocument(Document):
    """A document whose parts stand in several files; a mistake is reported in the one that wrote the part."""

    def __init__(self, path: Path, data: Any, origins: Origins) -> None:
        super().__init__(path, data, {(): (1, 1)})
        self._origins = origins

    def gone(self, location: Location) -> list[Location]:
        """The keys below a place that a file took away."""
        below = (at for at in self._origins if len(at) == len(location) + 1 and at[:-1] == location)
        return [at for at in below if at[-1] not in self.part(location)]

    def mistake(self, location: Location, message: str) -> Mistake:
        for n in range(len(location), 0, -1):
            if location[:n] in self._origins:
                document, place = self._origins[location[:n]]
                return document.mistake((*place, *location[n:]), message)
        return super().mistake(location, message)


def read_yaml(path: Path) -> Document:
    """Parse a YAML file. Raises UserError: not there, not text, not YAML, a key given twice."""
    return parse_yaml(read_text(path), path)


def parse_yaml(text: str, path: Path) -> Document:
    """YAML that stands in a file, or elsewhere: then `path` says where."""
    document, mistakes = read_leniently(text, path)
    if mistakes:
        raise UserError(mistakes)
    return document


@contextmanager
def _keeping_all() -> Iterator[None]:
    """Nothing that is read is garbage: looking for some in a large file takes four times as long as reading it."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@_keeping_all()
def read_leniently(text: str, path: Path) -> tuple[Document, list[Mistake]]:
    """The same, but for who wants to tell all mistakes at once: keys given twice do not raise."""
    try:
        node = yaml.compose(text, Loader=_Composer)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        raise UserError(
            [Mistake(str(path), line, column, f"not valid YAML: {error.problem or error.context}")]
        ) from error
    except (yaml.YAMLError, UnicodeEncodeError) as error:
        raise UserError([_unreadable(text, path, error)]) from error
    builder = _Builder(path, max(_MOST_VALUES, len(text)))
    data = builder.build(node, ()) if node is not None else None
    return Document(path, data, builder.positions or {(): (1, 1)}), builder.mistakes


def _unreadable(text: str, path: Path, error: Exception) -> Mistake:
    """The parser says neither line nor column of a letter that no YAML may have."""
    if (found := _UNPRINTABLE.search(text)) is None:
        return Mistake(str(path), 0, 0, f"not valid YAML: {error}")
    at = found.start()
    line, column = text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)
    return Mistake(str(path), line, column, f"not valid YAML: the control character #x{ord(found[0]):04x}")


def load_document(path: Path, model: type[Model]) -> Model:
    """A YAML file as an instance of a pydantic model; raises UserError with every mistake, line and column."""
    return check(read_yaml(path), model)


def check(document: Document, model: type[Model], at: Location = ()) -> Model:
    """A document, or the part of it at a location, as an instance of a model."""
    found, mistakes = mend(document, model, at)
    if found is None or mistakes:
        raise UserError(mistakes)
    return found


def mend(
    document: Document, model: type[Model], at: Location = (), *, stand_in: Mapping[str, Any] = MappingProxyType({})
) -> tuple[Model | None, list[Mistake]]:
    """Like `check`, but what is wrong is told and left out, or replaced by a stand-in, and the rest looked at again.

    So that a wrong value does not hide a broken rule between others. None if nothing can be made of the rest.
    """
    part = document.part(at)
    try:
        return model.model_validate(part), []
    except ValidationError as error:
        mistakes = _mistakes_of(document, error, model, at)
        wrong = {item["loc"][0] for item in error.errors() if item["loc"]}
    if not isinstance(part, dict):
        return None, mistakes
    rest = {key: value for key, value in part.items() if key not in wrong}
    try:
        return model.model_validate({**stand_in, **rest}), mistakes
    except ValidationError as error:
        rules = [item for item in error.errors() if not item["loc"] and not _speaks_of(item["msg"], wrong)]
        told = [document.mistake(at, in_words([rule])) for rule in rules]
        return None, [*mistakes, *(one for one in told if one not in mistakes)]


def _speaks_of(message: str, keys: Collection[int | str]) -> bool:
    """A rule about keys that are left out says nothing."""
    return any(re.search(rf"\b{re.escape(str(key))}\b", message) for key in keys)


def load_table(path: Path, model: type[Model]) -> list[Model]:
    """A CSV file with a header, one model instance per row; empty cells are left out. Raises UserError."""
    rows, mistakes = read_table(path, model)
    if mistakes:
        raise UserError(mistakes)
    return list(rows.values())


@_keeping_all()
def read_table(path: Path, model: type[Model]) -> tuple[dict[int, Model], list[Mistake]]:
    """The rows that are right, by line, and the mistakes of the others."""
    adapter = TypeAdapter(model)
    rows: dict[int, Model] = {}
    mistakes: list[Mistake] = []
    reader = csv.DictReader(read_text(path).splitlines())
    for row in _whole(reader, path):
        cells = {name: cell for name, cell in row.items() if name is not None and cell not in (None, "")}
        try:
            rows[reader.line_num] = adapter.validate_python(cells)
        except ValidationError as error:
            mistakes += [
                Mistake(str(path), reader.line_num, 0, f"{'.'.join(map(str, found['loc']))}: {in_words([found])}")
                for found in error.errors()
            ]
    return rows, mistakes


def _whole(reader: csv.DictReader[str], path: Path) -> Iterator[dict[str | Any, str | Any]]:
    try:
        yield from reader
    except csv.Error as error:  # such as a cell of 131,073 letters, mostly a quote that is not closed
        raise UserError([Mistake(str(path), reader.line_num, 0, f"not valid CSV: {error}")]) from None


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """``known are a, b, c; did you mean b?`` for a word that is not among the known ones."""
    close = difflib.get_close_matches(word, known, n=1)
    return f"known are {', '.join(map(brief, sorted(known)))}" + (f"; did you mean {close[0]}?" if close else "")


def read_text(path: Path) -> str:
    """Raises UserError: not there, not text, larger than anybody writes."""
    try:
        text = _piped(path) if stat.S_ISFIFO(path.stat().st_mode) else _read(path)
    except FileNotFoundError:
        raise UserError([Mistake(str(path), 0, 0, "there is no such file")]) from None
    except IsADirectoryError:
        words = "is a folder; name its files" if path != Path() else "an empty name, or this folder; name a file"
        raise UserError([Mistake(str(path), 0, 0, words)]) from None
    except UnicodeDecodeError:
        raise UserError([Mistake(str(path), 0, 0, "is no text in UTF-8")]) from None
    except OSError as error:
        raise UserError([Mistake(str(path), 0, 0, f"cannot be read: {error.strerror or error}")]) from error
    if len(text) > _LARGEST:
        raise UserError([Mistake(str(path), 0, 0, f"is larger than {_LARGEST >> 20} MiB")])
    return text


def _read(path: Path) -> str:
    if path.is_char_device() or path.is_block_device():
        raise UserError([Mistake(str(path), 0, 0, "is a device; name a file")])
    with path.open(encoding="utf-8") as file:
        return file.read(_LARGEST + 1)


@lru_cache(maxsize=8)
def _piped(path: Path) -> str:
    """`<(...)` of a shell, which can be read but once: `check` looks at a file twice."""
    return _read(path)


def is_there(path: Path) -> bool:
    """Whether it is a file; a name that is too long for one is none."""
    try:
        return path.is_file()
    except OSError:
        return False


class _Composer(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Leaves open what words mean, which is the builder's business, and goes no deeper than a stack can."""

    _depth = 0

    def resolve(self, kind: type[yaml.Node], value: object, implicit: object) -> str:
        return ""

    def descend_resolver(self, node: yaml.Node | None, index: object) -> None:
        self._depth += 1
        if node is not None and self._depth > 2 * _MAX_DEPTH:
            raise yaml.MarkedYAMLError(None, None, f"nested deeper than {_MAX_DEPTH} levels", node.start_mark)

    def ascend_resolver(self) -> None:
        self._depth -= 1


class _Builder:
    """Turns composed YAML nodes into plain Python and remembers where each part stands."""

    def __init__(self, path: Path, most: int) -> None:
        """`most`: so many values it builds."""
        self.path, self._left = path, most
        self.positions: dict[Location, tuple[int, int]] = {}
        self.mistakes: list[Mistake] = []

    def build(self, node: yaml.Node, location: Location) -> Any:
        self.positions[location] = (node.start_mark.line + 1, node.start_mark.column + 1)
        self._left -= 1
        if self._left < 0:
            raise UserError([*self.mistakes, self._endless(location)])
        if len(location) > _MAX_DEPTH:
            self._mistake(node, f"nested deeper than {_MAX_DEPTH} levels")
            return None
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, location)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item, (*location, index)) for index, item in enumerate(node.value)]
        assert isinstance(node, yaml.ScalarNode)
        return node.value if node.style in ("'", '"', "|", ">") else plain_scalar(node.value)

    def _mapping(self, node: yaml.MappingNode, location: Location) -> dict[Any, Any]:
        result: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            key = key_node.value
            if not isinstance(key_node, yaml.ScalarNode):
                self._mistake(key_node, "a key must be a plain word")
                continue
            if key in result:
                self._mistake(key_node, f"the key {key!r} is given twice")
            result[key] = self.build(value_node, (*location, key))
        return result

    def _endless(self, location: Location) -> Mistake:
        """At the key below which it became too much."""
        words = "too many values; aliases (*name) repeat what they stand for, each time with all that is in it"
        return Mistake(str(self.path), *self.positions[location[:1]], words)

    def _mistake(self, node: yaml.Node, message: str) -> None:
        self.mistakes.append(Mistake(str(self.path), node.start_mark.line + 1, node.start_mark.column + 1, message))


def plain_scalar(text: str) -> Any:
    """What a word without quotes means."""
    if text in _WORDS:
        return _WORDS[text]
    if len(text) > _LONGEST_NUMBER:
        return text
    if _INTEGER.fullmatch(text):
        return int(text)
    if _HEXADECIMAL.fullmatch(text):
        return int(text, 16)
    return float(text) if _FLOAT.fullmatch(text) and not re.fullmatch(r"[-+]?0\d+", text) else text


def _mistakes_of(
    document: Document, error: ValidationError, model: type[BaseModel], at: Location = ()
) -> list[Mistake]:
    """One for each place; where there are alternatives, none of which fits, it tells what each expects."""
    found: dict[Location, list[ErrorDetails]] = {}
    for item in error.errors():
        found.setdefault(_written(document.part(at), item["loc"]), []).append(item)
    return [
        document.mistake((*at, *location), in_words(items) + _hint(items, location, model))
        for location, items in found.items()
    ]


def _hint(found: Sequence[ErrorDetails], location: Location, model: type[BaseModel]) -> str:
    """Which keys there are, where one is unknown."""
    if found[0]["type"] != "extra_forbidden":
        return ""
    known = [key for kind in _models_at(model, location[:-1]) for key in keys_of(kind)]
    return f"; {did_you_mean(str(location[-1]), known)}" if known else ""


def _models_at(model: Any, location: Location) -> list[type[BaseModel]]:
    """What may stand at a place within a document."""
    kinds = _models_in(model)
    for key in location:
        if not isinstance(key, int):  # a place in a list is what its list is
            fields = [pair for kind in kinds for pair in kind.model_fields.items()]
            kinds = [kind for name, one in fields if key in (name, one.alias) for kind in _models_in(one.annotation)]
    return kinds


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [kind for part in get_args(annotation) for kind in _models_in(part)]


def keys_of(model: type[BaseModel]) -> list[str]:
    """As they are written in a file."""
    return [field.alias or name for name, field in model.model_fields.items()]


def _written(data: Any, location: Location) -> Location:
    """A location without the steps that are the checker's own: a function, an alternative of a union."""
    kept: list[str | int] = []
    for number, key in enumerate(location):
        there = (isinstance(data, dict) and key in data) or (isinstance(data, list) and key in range(len(data)))
        if there:
            data = data[key]
        if there or (isinstance(data, dict) and number == len(location) - 1):
            kept.append(key)
    return tuple(kept)
