# SPDX-License-Identifier: MIT
"""What no meter concerned can do or has is told, with path and line, before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator.errors import UserError
from simulator.scenario.scenario import load_scenario

HOMES, SHOPS = "{count: 4, group: homes}", "{count: 2, model: is15959-3ph, group: shops}"
NO_SECOND_PHASE = "model is15959-1ph cannot: the model has one phase"


def mistakes(folder: Path, timeline: str, expect: str = "") -> list[tuple[int, str]]:
    path = folder / "x.yaml"
    timeline = f"timeline:\n  - {timeline}\n" if timeline else "\n\n"
    path.write_text(f"name: x\nfleet: [{HOMES}, {SHOPS}]\n{timeline}" + (f"expect:\n  - {expect}\n" if expect else ""))
    try:
        load_scenario(path)
    except UserError as error:
        return [(one.line, one.message) for one in error.mistakes]
    return []


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ("do: theft, how: ct-open", NO_SECOND_PHASE),
        ("do: theft, how: reverse, phase: y", NO_SECOND_PHASE),
        ("do: tamper, how: ct-open", "model is15959-1ph knows no event 57"),
        ("do: phase_loss, phase: b", NO_SECOND_PHASE),
        ("do: voltage, factor: 0.8, phase: b", NO_SECOND_PHASE),
        ('do: write, object: "1.0.32.7.0.255:2", value: "long-unsigned:1"', "has no object 1.0.32.7.0.255"),
        ('do: write, object: "0.0.1.0.0.255:77", value: "long-unsigned:1"', "no attribute 77 of 0.0.1.0.0.255 (Clock)"),
        ('do: act, object: "0.0.96.3.10.255:9"', "has no method 9 of 0.0.96.3.10.255 (Disconnect control)"),
        ("do: push, setup: 0.7.25.9.0.255", "has no object 0.7.25.9.0.255"),
        ("do: push, setup: 1.0.1.8.0.255", "has no push setup 1.0.1.8.0.255"),
        (
            'do: write, object: "0.0.96.13.1.255:2", value: "visible-string:a", client: 7',
            "has no client 7; its clients",
        ),
        (
            'do: act, object: "0.0.10.0.1.255:1", value: "long-unsigned:1", client: 5',
            "has no client 5; its clients are",
        ),
        ("do: key_change, client: 5", "client: model is15959-1ph has no client 5"),
        ("do: key_change, client: 16", "has no keys of client 16"),
    ],
)
def test_of_a_step(tmp_path: Path, step: str, words: str) -> None:
    ((line, told),) = mistakes(tmp_path, f"{{at: 5m, on: {{group: homes}}, {step}}}")
    assert line == 4
    assert words in told


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ('read: "1.0.32.7.0.255:2", equals: 0', "model is15959-1ph has no object 1.0.32.7.0.255"),
        ('reach: "0.0.1.0.0.255:12"', "has no attribute 12 of 0.0.1.0.0.255"),
        ("pushed: 0.7.25.9.0.255", "has no object 0.7.25.9.0.255"),
        ('read: "1.0.1.8.0.255:2", refused: object-undefined, client: 7', "has no client 7; its clients are 16, 32"),
    ],
)
def test_of_an_expectation(tmp_path: Path, wish: str, words: str) -> None:
    ((line, told),) = mistakes(tmp_path, "", f"{{on: {{group: homes}}, {wish}, within: 5m}}")
    assert line == 6
    assert words in told


@pytest.mark.parametrize(
    "step",
    [
        "{at: 5m, do: theft, how: ct-open}",  # on those that have three phases; the others refuse it
        "{at: 5m, do: theft, how: single-wire}",
        "{at: 5m, do: theft, how: ct-open, on: {group: shops}}",
        '{at: 5m, do: write, object: "1.0.32.7.0.255:2", value: "long-unsigned:1", on: {share: 0.1}}',
    ],
)
def test_what_some_of_them_can_do_is_no_mistake(tmp_path: Path, step: str) -> None:
    assert mistakes(tmp_path, step) == []


def test_a_refusal_may_be_expected_of_what_is_not_there(tmp_path: Path) -> None:
    assert mistakes(tmp_path, "", '{read: "1.0.99.99.0.255:2", refused: object-undefined, within: 5m}') == []
