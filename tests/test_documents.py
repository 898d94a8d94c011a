# SPDX-License-Identifier: MIT
"""User files: YAML 1.2 words, duplicate keys, and every mistake at once with its line."""

from __future__ import annotations

import os
from itertools import pairwise
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


def test_a_document_that_nests_deeper_than_a_stack_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nested deeper than"):
        read_yaml(write(tmp_path, "[" * 100_000))


def test_aliases_that_repeat_aliases_end(tmp_path: Path) -> None:
    levels = "abcdefghij"
    text = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"{here}: &{here} [{', '.join([f'*{below}'] * 9)}]\n" for below, here in pairwise(levels)
    )
    with pytest.raises(UserError, match=r"file.yaml:\d:4: too many values; aliases"):
        read_yaml(write(tmp_path, text))


def test_a_control_character_is_told_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        read_yaml(write(tmp_path, "a: 1\nb: x\0\n"))
    assert mistakes(error) == ["2:5 not valid YAML: the control character #x0000"]


def test_a_number_that_is_too_long_for_one_is_text(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="whole number, not '999"):
        load_document(write(tmp_path, f"ports: [{{number: {'9' * 5000}}}]"), Ports)


def test_long_texts_of_the_user_are_not_repeated_whole(tmp_path: Path) -> None:
    long = "x" * 5000
    document = read_yaml(write(tmp_path, f"? {long}\n: 1\n"))
    told = str(document.mistake((long,), f"there is no model {long!r}; did you mean 'x'?"))
    assert len(told) < 400
    assert told.endswith("x…'; did you mean 'x'?")
    assert len(str(document.mistake((), long))) < 1200


def test_what_has_no_end_is_not_read_and_a_pipe_is_read_once(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is a device"):
        read_yaml(Path("/dev/zero"))
    reading, writing = os.pipe()
    os.write(writing, b"a: 1")
    os.close(writing)
    try:
        pipe = Path(f"/dev/fd/{reading}")
        assert read_yaml(pipe).data == read_yaml(pipe).data == {"a": 1}
    finally:
        os.close(reading)


def test_a_file_that_is_larger_than_anybody_writes_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "")
    os.truncate(path, (64 << 20) + 1)
    with pytest.raises(UserError, match="is larger than 64 MiB"):
        read_yaml(path)


def test_a_quote_that_is_not_closed_is_no_crash(tmp_path: Path) -> None:
    path = write(tmp_path, f'number,name\n1,"{"x" * 140_000}', "ports.csv")
    with pytest.raises(UserError, match=r"ports.csv.*: not valid CSV: field larger"):
        load_table(path, Port)


def test_csv_rows_name_their_line(tmp_path: Path) -> None:
    path = write(tmp_path, "number,name\n1,a\nx,b\n3,\n", "ports.csv")
    with pytest.raises(UserError, match=r"ports.csv:3: number"):
        load_table(path, Port)
