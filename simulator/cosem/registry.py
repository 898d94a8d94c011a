# SPDX-License-Identifier: MIT
"""The OBIS registries of obis/*.csv: one row per object, with its class, name, type, unit, source and store columns."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, field_validator

from simulator.cosem.classes import CLASSES
from simulator.cosem.quantities import QUANTITIES
from simulator.cosem.types import parse_type
from simulator.documents import did_you_mean, load_table
from simulator.errors import Mistake, UserError
from simulator.resources import data_root
from simulator.values import parse_obis


class ObisEntry(BaseModel):
    """One row of a registry."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    logical_name: str
    class_id: int
    name: str
    type: str = ""  # of attribute 2; empty for a register: the model's register types decide by unit
    unit: int = 255
    source: str = ""  # the quantity that attribute 2 shows; empty: a setting with its default in the model
    columns: str = ""  # where rows keep it: table.column, or attribute:table.column, separated by semicolons

    @field_validator("logical_name")
    @classmethod
    def _is_logical_name(cls, text: str) -> str:
        parse_obis(text)
        return text

    @field_validator("class_id")
    @classmethod
    def _is_class(cls, class_id: int) -> int:
        if class_id not in CLASSES:
            raise ValueError(f"interface class {class_id} is not known; known are {sorted(CLASSES)}")
        return class_id

    @field_validator("type")
    @classmethod
    def _is_type(cls, text: str) -> str:
        parse_type(text)
        return text

    @field_validator("source")
    @classmethod
    def _is_quantity(cls, name: str) -> str:
        if name not in QUANTITIES:
            raise ValueError(f"{name!r} is not a quantity; {did_you_mean(name, list(QUANTITIES))}")
        return name

    def column_of(self, attribute_index: int, table: str) -> str | None:
        """The column of a table that keeps an attribute, or None."""
        for place in filter(None, self.columns.split(";")):
            index, _, column = place.rpartition(":")
            if int(index or 2) == attribute_index and column.startswith(table + "."):
                return column.removeprefix(table + ".")
        return None


@lru_cache(maxsize=8)
def load_registry(name: str) -> dict[str, ObisEntry]:
    """The registry obis/<name>.csv by logical name; UserError with every mistake and its line."""
    return read_registry(data_root() / "obis" / f"{name}.csv")


def read_registry(path: Path) -> dict[str, ObisEntry]:
    entries: dict[str, ObisEntry] = {}
    mistakes = []
    for line, entry in enumerate(load_table(path, ObisEntry), start=2):
        if entry.logical_name in entries:
            mistakes.append(Mistake(str(path), line, 1, f"{entry.logical_name} is listed twice"))
        entries[entry.logical_name] = entry
    if mistakes:
        raise UserError(mistakes)
    return entries


def registry_files() -> list[Path]:
    """The tables of obis/ that list objects; its others list codes and bits."""
    return [path for path in sorted((data_root() / "obis").glob("*.csv")) if _lists_objects(path)]


def _lists_objects(path: Path) -> bool:
    with path.open(encoding="utf-8") as file:
        return file.readline().startswith("logical_name,")


def obis_names() -> dict[str, str]:
    """Names of all registries' objects by logical name."""
    return {code: entry.name for path in registry_files() for code, entry in read_registry(path).items()}
