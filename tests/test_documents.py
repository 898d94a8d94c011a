# SPDX-License-Identifier: MIT
"""User files: YAML 1.2 words, duplicate keys, and every mistake at once with its line."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict

from simulator.documents import load_document, load_table, read_yaml
from simulator.errors import UserError


class Port(BaseModel):
    model_config = ConfigDict(extra="forbid")
    number: int
    name: str = ""


class Ports(BaseModel):
    model_config = ConfigDict(extra="forbid")
    ports: list[Port]


def write(folder: Path, text: str, name: str = "file.yaml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def mistakes(error: pytest.ExceptionInfo[UserError]) -> list[str]:
    return [f"{m.line}:{m.column} {m.message}" for m in error.value.mistakes]


def test_words_follow_yaml_1_2(tmp_path: Path) -> None:
    text = "a: off\nb: 12:30\nc: 0012345\nd: true\ne: 1.5\nf: '1'\ng: 0x10\nh: ~\n"
    found = read_yaml(write(tmp_path, text)).data
    assert found == {"a": "off", "b": "12:30", "c": "0012345", "d": True, "e": 1.5, "f": "1", "g": 16, "h": None}


def test_a_key_given_twice_is_a_mistake_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        read_yaml(write(tmp_path, "a: 1\nb: 2\na: 3\n"))
    assert mistakes(error) == ["3:1 the key 'a' is given twice"]


def test_every_mistake_is_told_with_line_and_column(tmp_path: Path) -> None:
    text = "ports:\n  - {number: x}\n  - {numbr: 5}\n  - {number: 1, name: 7}\n"
    with pytest.raises(UserError) as error:
        load_document(write(tmp_path, text), Ports)
    told = mistakes(error)
    assert [m.split()[0] for m in told] == ["2:14", "3:5", "3:13", "4:23"]
    assert "ports.1.numbr: unknown key" in told[2]
    assert "ports.1.number: is missing" in told[1]


def test_broken_yaml_and_missing_files_are_the_users_mistakes(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"file.yaml:3:1.*not valid YAML"):
        read_yaml(write(tmp_path, "a: [1,\nb: {"))
    with pytest.raises(UserError, match="there is no such file"):
        read_yaml(tmp_path / "none.yaml")


def test_a_document_that_nests_without_end_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nested deeper than"):
        read_yaml(write(tmp_path, "[" * 60 + "]" * 60))


def test_csv_rows_name_their_line(tmp_path: Path) -> None:
    path = write(tmp_path, "number,name\n1,a\nx,b\n3,\n", "ports.csv")
    with pytest.raises(UserError, match=r"ports.csv:3: number"):
        load_table(path, Port)
