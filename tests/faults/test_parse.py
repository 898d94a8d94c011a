# SPDX-License-Identifier: MIT
"""Faults as users write them: what is understood, and that every mistake is told at its place."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from simulator.cli import app
from simulator.documents import read_yaml
from simulator.errors import UserError
from simulator.faults.kinds.delay import Delay
from simulator.faults.kinds.drop import Drop
from simulator.faults.packs import link_profile, pack_names, quirk_pack
from simulator.faults.parse import faults_in, faults_of, parse_faults
from simulator.faults.registry import FAULTS, KNOWN


def test_an_entry_is_a_fault_its_settings_and_its_end() -> None:
    delay, drop = faults_of([{"delay": "2s", "jitter": "500ms"}, {"drop": 0.3, "times": 3, "for": "20m"}])
    assert (delay.fault, delay.times, delay.for_ms) == (Delay(2000, 500), None, None)
    assert (drop.fault, drop.times, drop.for_ms) == (Drop(0.3), 3, 20 * 60_000)
    assert (drop.said, drop.part) == ("{drop: 0.3, times: 3, for: 20m}", "")


def test_a_pack_is_all_of_its_faults() -> None:
    settings = faults_of({"link": "nb-iot", "for": "1h"})
    assert [type(one.fault).__name__ for one in settings] == ["Delay", "Loss", "Bandwidth"]
    assert {one.for_ms for one in settings} == {3_600_000}
    assert [one.part for one in settings] == ["delay", "loss", "bandwidth"]
    assert [type(one.fault).__name__ for one in faults_of({"quirk": "short-frames"})] == ["ShortFrames"]


@pytest.mark.parametrize("name", KNOWN)
def test_the_name_of_a_fault_is_the_name_of_its_first_field(name: str) -> None:
    assert fields(KNOWN[name])[0].name == name


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("{dealy: 2s}", "'dealy' is no fault; known are .*; did you mean delay"),
        ("{delay: 2s, drop: 0.3}", "delay and drop are two faults; write them as two entries"),
        ("{delay: 2}", "delay: 2 is not a duration; write for example 250ms"),
        ("{delay: soon}", "delay: 'soon' is not a duration"),
        ("{drop: 1.5}", "drop: expected at most 1, not 1.5"),
        ("{drop: 1, only: sometimes}", "only: expected 'requests', 'answers' or 'both', not 'sometimes'"),
        ("{drop: 1, onyl: requests}", "onyl: unknown key"),
        ("{drop: 1, times: 0}", "times: expected at least 1, not 0"),
        ("{drop: 1, for: ever}", "for: 'ever' is not a duration"),
        ("{short_frames: 10}", "short_frames: expected at least 64, not 10"),
        ("{link: gprss}", "link: there is no link profile 'gprss'; known are .*; did you mean gprs"),
        ("{quirk: odd}", "quirk: there is no quirk pack 'odd'"),
        ("{times: 3}", "'times' is no fault"),
        ("7", "7 is no fault; write for example {delay: 2s}"),
        ("{}", "{} is no fault"),
        ("[]", "faults:1:1: no fault is given; write for example {delay: 2s}"),
        ("{drop: nan}", "drop: expected a number, not 'nan'"),
        ("\udcff", "faults:1:1: not valid YAML"),
    ],
)
def test_a_mistake_is_told_with_what_would_be_right(entry: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        faults_in(entry)


def test_all_mistakes_of_a_file_at_once_each_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "faults.yaml"
    path.write_text("do: link\nfaults:\n  - {delay: 2s}\n  - {drop: 3}\n  - {dorp: 0.3}\n  - {delay: 1s, for: 1}\n")
    document = read_yaml(path)
    settings, mistakes = parse_faults(document, ("faults",), document.data["faults"])
    assert len(settings) == 2
    assert [(one.path, one.line, one.column) for one in mistakes] == [
        (str(path), 4, 12),
        (str(path), 5, 5),
        (str(path), 6, 22),
    ]


@pytest.mark.parametrize("folder", ["links", "quirks"])
def test_every_shipped_pack_is_sound(folder: str) -> None:
    load: Any = link_profile if folder == "links" else quirk_pack
    assert len(pack_names(folder)) >= 5
    assert all(load(name) for name in pack_names(folder))


def test_a_broken_pack_is_told_with_path_and_line(tmp_path: Path) -> None:
    path = tmp_path / "odd.yaml"
    path.write_text("title: odd\nfaults:\n  - {drop: 2}\n")
    with pytest.raises(UserError, match=r"odd\.yaml:3:\d+: faults.0: drop: expected at most 1, not 2"):
        quirk_pack(str(path))
    path.write_text("title: odd\nbandwith: 300\n")
    with pytest.raises(UserError, match=r"odd\.yaml:2:\d+: bandwith: unknown key; .*did you mean bandwidth"):
        link_profile(str(path))


def test_check_knows_packs_by_their_folder(tmp_path: Path) -> None:
    good, bad = tmp_path / "links" / "good.yaml", tmp_path / "quirks" / "bad.yaml"
    for path, text in ((good, "title: good\ndelay: 1s\n"), (bad, "title: bad\nfaults: []\n")):
        path.parent.mkdir()
        path.write_text(text)
    assert CliRunner().invoke(app, ["check", str(good)]).output == f"{good}: a link with 1 fault\n"
    mistake = CliRunner().invoke(app, ["check", str(good), str(bad)]).exception
    assert isinstance(mistake, UserError)
    assert "bad.yaml:2:9: faults: expected at least 1 of them, not 0" in str(mistake)


def test_link_profiles_grow_slower_from_wire_to_air() -> None:
    def delay_ms(name: str) -> int:
        first = link_profile(name)[0]
        assert isinstance(first, Delay)
        return first.delay

    assert [delay_ms(name) for name in ("ethernet", "4g", "rf-mesh", "gprs", "nb-iot")] == [1, 50, 400, 650, 1500]


def test_faults_and_documentation_are_the_same_list() -> None:
    text = (Path(__file__).parents[2] / "docs" / "faults.md").read_text()
    assert [name for name in KNOWN if f"`{{{name}:" not in text] == []
    assert [name for name in pack_names("links") + pack_names("quirks") if f"`{name}`" not in text] == []
    assert len(FAULTS) == 22
