# SPDX-License-Identifier: MIT
"""docs/scenarios.md: every example is read, every step of it happens, every kind is shown."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from playing import Play

from simulator.documents import parse_yaml
from simulator.resources import data_root
from simulator.scenario.expectations import EXPECTATIONS
from simulator.scenario.scenario import load_scenario
from simulator.scenario.steps import STEPS

BLOCKS = re.findall(r"```yaml\n(.*?)```", (data_root() / "docs" / "scenarios.md").read_text(), re.DOTALL)
WHOLE, *PARTS = BLOCKS


def read(text: str) -> Any:
    """By the rules of YAML 1.2, for which `on` is a word like others."""
    return parse_yaml(text, Path("docs")).data


def completed(**part: Any) -> str:
    """A part of a file, with all but the part taken from the whole file; JSON is YAML too."""
    head = {key: value for key, value in read(WHOLE).items() if key not in ("expect", "history", "network")}
    return json.dumps({**head, "end": "2h", **part})


def test_every_kind_has_an_example() -> None:
    text = "\n".join(BLOCKS)
    assert {kind for kind in STEPS if f"do: {kind}," not in text} == set()
    assert {kind for kind in EXPECTATIONS if f"{{{kind}: " not in text} == set()


def test_the_whole_file_is_in_order(tmp_path: Path) -> None:
    (tmp_path / "whole.yaml").write_text(WHOLE)
    scenario = load_scenario(tmp_path / "whole.yaml", {"count": "3"})
    assert scenario.spec.count == 7
    assert [listen.framing for listen in scenario.listens()] == ["wrapper", "hdlc"]


@pytest.mark.parametrize("part", [part for part in PARTS if part.startswith("timeline")])
async def test_what_is_shown_happens(part: str, play: Play) -> None:
    result = await play(completed(**read(part)))
    assert [row for row in result.rows if row.outcome not in ("DONE", "BEGUN")] == []
    assert len(result.rows) > len(read(part)["timeline"])


async def test_what_is_expected_is_met(play: Play) -> None:
    """The expectations are about the steps shown before them."""
    steps = [step for part in PARTS[2:-1] for step in read(part)["timeline"]]
    kinds = ("outage", "restore", "tamper", "relay", "push")
    shown = [step for step in steps if step["do"] in kinds]
    result = await play(completed(timeline=shown, **read(PARTS[-1])))
    assert [(name, row) for name, row in result.expectations if row is None or row.outcome != "MET"] == []
