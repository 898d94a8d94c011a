# SPDX-License-Identifier: MIT
"""Each shipped scenario replays as expected; without its key step it does not: an expectation can fail."""

from __future__ import annotations

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
    "alarm-flood": {"count": "4"},
    "ami-week": {"homes": "10", "shops": "3"},
    "ami-week-clean": {"homes": "10", "shops": "3"},
    "bad-network": {"count": "9"},
    "billing-day": {"count": "4"},
    "clock-drift": {"count": "7"},
    "disconnect-campaign": {"count": "5"},
    "firmware-rollout": {"count": "5"},
    "hello": {"count": "3"},
    "invocation-counter-lab": {"count": "3"},
    "midnight-push": {"count": "6"},
    "quiet-day": {"homes": "3", "shops": "2"},
    "storm-outage": {"homes": "8", "shops": "2"},
    "tamper-wave": {"count": "20"},
    "voltage-day": {"homes": "3", "shops": "2"},
}
WITHOUT_A_KEY_STEP = {"quiet-day"}  # nothing happens in it


def seen(result: Result) -> list[str]:
    return [f"{name}: {row and (row.outcome, row.detail)}" for name, row in result.expectations]


@pytest.mark.parametrize("name", scenario_names())
async def test_replays_as_expected(name: str, database: str) -> None:
    result = await played(load_scenario(scenario_path(name), SMALL[name]), database)
    assert result.is_good, seen(result)
    assert result.expectations


@pytest.mark.parametrize("name", sorted(set(SMALL) - WITHOUT_A_KEY_STEP))
async def test_misses_what_it_expects_without_its_key_step(name: str, database: str) -> None:
    whole = load_scenario(scenario_path(name), SMALL[name])
    empty = tuple(entry.model_copy(update={"on": ()}) for entry in whole.entries)
    result = await played(replace(whole, entries=empty), database)
    assert not result.is_good, seen(result)
    assert any(row is not None and row.outcome == "MISSED" for _, row in result.expectations)


def test_the_schema_is_the_one_that_is_generated() -> None:
    """`meterfleet check --schema > scenarios/schema.json` makes it anew."""
    assert (data_root() / "scenarios" / "schema.json").read_text() == schema_text()


@pytest.mark.parametrize("path", sorted((data_root() / "scenarios").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_schema_accepts_what_is_shipped(path: Path) -> None:
    judge().validate(read_yaml(path).data)
    assert path.read_text().startswith("# yaml-language-server: $schema=schema.json\n")
