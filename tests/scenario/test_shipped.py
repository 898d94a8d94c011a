# SPDX-License-Identifier: MIT
"""Each shipped scenario replays as expected; without one of its steps it does not: an expectation can fail."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import pytest
from playing import judge, played

from simulator.documents import read_yaml
from simulator.resources import data_root
from simulator.scenario.reading import scenario_names, scenario_path
from simulator.scenario.replay import Result
from simulator.scenario.scenario import load_scenario
from simulator.scenario.schema import schema_text

SMALL = {
    "alarm-flood": {"count": "3"},
    "ami-week": {"homes": "10", "shops": "3"},
    "ami-week-clean": {"homes": "10", "shops": "3"},
    "bad-network": {"count": "9"},
    "billing-day": {"count": "4"},
    "clock-drift": {"count": "7"},
    "disconnect-campaign": {"count": "5"},
    "firmware-rollout": {"count": "10"},
    "hello": {"count": "3"},
    "invocation-counter-lab": {"count": "3"},
    "midnight-push": {"count": "6"},
    "quiet-day": {"homes": "3", "shops": "2"},
    "storm-outage": {"homes": "8", "shops": "2"},
    "tamper-wave": {"count": "20"},
    "voltage-day": {"homes": "6", "shops": "2"},
}
WEEKS = ("ami-week", "ami-week-clean")  # their steps are what a head-end is compared on: tests/headend/test_ami_week.py
JUDGED_BY_OTHERS = {
    ("quiet-day", 0),  # only a line of log; nothing happens in it
    ("invocation-counter-lab", 1),  # troubles on the way, which only a client sees that ciphers: test_counter_lab.py
    ("invocation-counter-lab", 2),
}


def steps() -> list[tuple[str, int]]:
    """Each by its scenario and its place in it."""
    whole = {name: load_scenario(scenario_path(name), few) for name, few in SMALL.items() if name not in WEEKS}
    listed = {(name, place) for name, scenario in whole.items() for place in range(len(scenario.entries))}
    return sorted(listed - JUDGED_BY_OTHERS)


def seen(result: Result) -> list[str]:
    return [f"{name}: {row and (row.outcome, row.detail)}" for name, row in result.expectations]


@pytest.mark.parametrize("name", scenario_names())
async def test_replays_as_expected(name: str, database: str) -> None:
    result = await played(load_scenario(scenario_path(name), SMALL[name]), database)
    assert result.is_good, seen(result)
    assert result.expectations


@pytest.mark.parametrize(("name", "place"), steps())
async def test_misses_what_it_expects_without_any_one_of_its_steps(name: str, place: int, database: str) -> None:
    await misses(name, {place}, database)


@pytest.mark.parametrize("name", WEEKS)
async def test_a_week_misses_what_it_expects_without_its_steps(name: str, database: str) -> None:
    await misses(name, set(range(100)), database)


async def misses(name: str, places: Collection[int], database: str) -> None:
    """These steps are done to nobody."""
    whole = load_scenario(scenario_path(name), SMALL[name])
    left = [entry.model_copy(update={"on": ()}) if n in places else entry for n, entry in enumerate(whole.entries)]
    result = await played(replace(whole, entries=left), database)
    assert any(row is not None and row.outcome == "MISSED" for _, row in result.expectations), seen(result)


def test_the_schema_is_the_one_that_is_generated() -> None:
    """`meterfleet check --schema > scenarios/schema.json` makes it anew."""
    assert (data_root() / "scenarios" / "schema.json").read_text() == schema_text()


@pytest.mark.parametrize("path", sorted((data_root() / "scenarios").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_schema_accepts_what_is_shipped(path: Path) -> None:
    judge().validate(read_yaml(path).data)
    assert path.read_text().startswith("# yaml-language-server: $schema=schema.json\n")
