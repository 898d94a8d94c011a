# SPDX-License-Identifier: MIT
"""What a test got wrong is told in words, before or after the fleet is there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from simulator.errors import StoreError, UserError
from simulator.store.embedded import EmbeddedPostgres
from simulator.store.spare import SpareDatabases
from simulator.testing.factory import Meterfleet, fleets
from simulator.testing.fleet import LiveFleet
from simulator.testing.servers import Server

VALUE = "1.0.1.8.0.255:2"


@pytest.fixture(scope="module")
def fleet(meterfleet_server: Server) -> Iterator[LiveFleet]:
    with fleets(meterfleet_server) as meterfleet:
        yield meterfleet(count=2)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"model": "is15959-2ph"}, "there is no model 'is15959-2ph'; known are"),
        ({"count": 0}, "a fleet has 1 to"),
        ({"history": "a week"}, "history: 'a week' is not a duration; write for example 60d"),
        ({"start": "noon"}, "start noon: .*write for example 2025-06-01T00:00:00"),
        ({"speed": -1}, "speed -1: a speed is 0 to"),
        ({"listen": "tcp"}, "'tcp' is not known; known are wrapper"),
        ({"push": "nowhere:"}, "'nowhere:' is no destination"),
        ({"params": {"homes": 3}}, "params are those of a scenario"),
        ({"scenario": "storm"}, "there is no scenario 'storm'.*storm-outage"),
        ({"scenario": "hello", "count": 3, "seed": 2}, "leave out count, seed, or use params="),
        ({"scenario": "hello", "params": {"cuont": 3}}, "--set cuont: there is no such parameter.*count"),
    ],
)
def test_of_a_fleet(arguments: dict[str, Any], words: str, meterfleet: Meterfleet) -> None:
    with pytest.raises(UserError, match=words):
        meterfleet(**arguments)


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (lambda fleet, one: fleet.event(one), "event: say which, for example"),
        (lambda fleet, one: fleet.event(one, 9999), r"event code=\[9999\]: 1 x the model knows no such event"),
        (lambda fleet, one: fleet.event("3", 201), "'3' is no meter; write a number from 1 to 2"),
        (lambda fleet, one: fleet.event([1], 201), r"\[1\]: give meters of fleet.meters, or words"),
        (lambda fleet, one: fleet.voltage(one, 0.5, phase="b"), "1 x the model has one phase"),
        (lambda fleet, one: fleet.play(one, "teft"), "there is no step 'teft'.*did you mean theft"),
        (lambda fleet, one: fleet.play(one, "theft"), "theft: how: is missing"),
        (lambda fleet, one: fleet.undo(one, "restore"), "restore is over at once"),
        (lambda fleet, one: fleet.link(one, {"dorp": 1}), "'dorp' is no fault.*did you mean drop"),
        (lambda fleet, one: fleet.override(one, "energy", 1), "'energy' names no attribute"),
        (lambda fleet, one: fleet.override(one, "1.0.1.8.9.255:2", 1), "has no attribute 1.0.1.8.9.255:2"),
        (lambda fleet, one: fleet.override(one, "1.0.1.8.0.255:9", 1), "has no attribute 1.0.1.8.0.255:9"),
        (lambda fleet, one: fleet.override(one, VALUE, "a lot"), "value has the type float32; raw= takes"),
        (lambda fleet, one: fleet.override(one, VALUE), "give a value, raw= or refused=, one of them"),
        (lambda fleet, one: fleet.override(one, VALUE, raw=b"\x99"), "99 is no A-XDR encoded Data"),
        (lambda fleet, one: fleet.override(one, VALUE, refused="no"), "'no' is no refusal; known are hardware-fault"),
        (lambda fleet, one: fleet.step(-5), "step: -5 lies in the past"),
        (lambda fleet, one: fleet.finish(), "finish: this fleet is of no scenario"),
    ],
)
def test_on_a_fleet(act: Callable[..., None], words: str, fleet: LiveFleet) -> None:
    with pytest.raises(UserError, match=words):
        act(fleet, fleet.meters[0])


def test_in_sql(fleet: LiveFleet) -> None:
    with pytest.raises(StoreError, match='column "x" does not exist'):
        fleet.sql("SELECT x")


def test_a_scenario_that_goes_otherwise(meterfleet: Meterfleet, tmp_path: Path) -> None:
    path = tmp_path / "magnet.yaml"
    path.write_text("name: no magnet\nfleet: [{count: 1}]\nexpect: [{name: a magnet, event: 201, within: 1m}]\n")
    fleet = meterfleet(scenario=path)
    with pytest.raises(AssertionError, match=r"otherwise than it should:\n  expect\.0: event: .*a magnet"):
        fleet.finish()


def test_a_scenario_without_end(meterfleet: Meterfleet, tmp_path: Path) -> None:
    path = tmp_path / "endless.yaml"
    path.write_text("name: endless\nfleet: [{count: 1}]\ntimeline: [{every: 1h, do: event, code: 201}]\n")
    with pytest.raises(UserError, match="repeats without end; give it an `end:`"):
        meterfleet(scenario=path).finish()


def test_a_user_who_may_not_create_databases(postgres: EmbeddedPostgres) -> None:
    databases = SpareDatabases(postgres.dsn("postgres"))
    databases.create("meterfleet_of_another")
    databases.drop("meterfleet_of_another")
    with databases._administered() as connection:
        connection.execute("CREATE ROLE humble LOGIN")
    humble = SpareDatabases(postgres.dsn("postgres").replace("postgres@", "humble@"))
    with pytest.raises(UserError, match="the user humble may not create databases; name another one, or ALTER USER"):
        humble.create("meterfleet_of_a_humble_one")
