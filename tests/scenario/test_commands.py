# SPDX-License-Identifier: GPL-2.0-only
"""`meterfleet run`, `replay` and `check` as a user types them: words and exit codes."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import psycopg
import pytest
from live import Spawned, command, free_port, run, spawned
from test_grammar import TEN_MISTAKES

from simulator.resources import data_root
from simulator.scenario.schema import schema_text
from simulator.store.embedded import EmbeddedPostgres

MISSED = "name: x\nfleet: [{count: 2}]\nexpect: [{event: 201, within: 1m}]\n"


@pytest.fixture(scope="module")
def home(postgres: EmbeddedPostgres) -> Path:
    return postgres.home


def listen() -> str:
    return f"wrapper,address=127.63.0.1,port={free_port()}"


def test_replay_says_first_what_is_played_and_last_how_it_went(home: Path, tmp_path: Path) -> None:
    report, junit = tmp_path / "report.html", tmp_path / "junit.xml"
    words = ("hello", "--set", "count=3", "--listen", listen(), "--report", report, "--junit", junit)
    server = EmbeddedPostgres(home)
    older, used, another = (f"replay_hello{tail}" for tail in ("_0123456789ab", "_ba9876543210", "_you_0123456789ab"))
    for name in (older, used, another):
        server.ensure_database(name)
    with psycopg.connect(server.dsn(used)):
        for dropped in (1, 0):  # each replay begins anew
            ended = run("replay", *words, home=home)
            assert ended.returncode == 0, ended.stderr
            assert ended.stderr.count("1 older replay of this scenario dropped") == dropped
    assert {older, used, another} & set(server.databases()) == {used, another}
    first, *_ = ended.stderr.splitlines()
    assert all(word in first for word in ("meterfleet", "hello", "hash", "seed 42", "3 meters"))
    assert "the meter logs its opened cover" in ended.stdout
    assert report.read_text().startswith("<!DOCTYPE html>")
    assert 'failures="0"' in junit.read_text()


def test_a_replay_leaves_the_fleet_that_runs_the_last_one(home: Path, tmp_path: Path) -> None:
    port = free_port()
    with spawned(home, 1, "--seed", 77, listen=f"wrapper,address=127.62.0.1,port={port}"):
        before = (home / "current").read_text()
        assert run("replay", "hello", "--set", "count=2", "--listen", listen(), home=home).returncode == 0
        assert (home / "current").read_text() == before
        assert run("clock", home=home).returncode == 0
    assert run("replay", "hello", "--set", "count=2", "--listen", listen(), home=home).returncode == 0
    assert (home / "current").read_text() != before


def test_a_missed_expectation_is_exit_code_1_and_a_mistake_2(home: Path, tmp_path: Path) -> None:
    (tmp_path / "missed.yaml").write_text(MISSED)
    (tmp_path / "wrong.yaml").write_text(TEN_MISTAKES)
    assert run("replay", tmp_path / "missed.yaml", "--listen", listen(), home=home).returncode == 1
    wrong = run("replay", tmp_path / "wrong.yaml", home=home)
    assert (wrong.returncode, len(wrong.stderr.splitlines())) == (2, 10)
    assert run("run", "hello", "--set", "cuont=3", home=home).returncode == 2


def test_check_knows_files_by_what_they_hold(home: Path, tmp_path: Path) -> None:
    root = data_root()
    (tmp_path / "alarms.csv").write_text("time,meter,code\n0s,1,201\n")
    (tmp_path / "keys.csv").write_text("serial,ek\n0010000001,000102030405060708090A0B0C0D0E0F\n")
    files = ("scenarios/hello.yaml", "profiles/loads/shop.yaml", "profiles/links/plc.yaml", "obis/is15959.csv",
             "profiles/quirks/short-frames.yaml", "obis/is15959-events.csv")  # fmt: skip
    checked = run("check", *(root / name for name in files), *sorted(tmp_path.glob("*.csv")), home=home)
    assert checked.returncode == 0, checked.stderr
    told = [line.partition(": ")[2] for line in checked.stdout.splitlines()]
    assert [" ".join(one.split()[:2]) for one in told[:3]] == ["hello: 10", "load shop:", "a link"]
    assert told[-2:] == ["1 recorded alarms", "keys of 1 meters"]
    (tmp_path / "load.yaml").write_text("name: load\ndescription: mine\nsorce: nobody\nperods: []\n")
    (tmp_path / "what.yaml").write_text("what: this\n")
    odd = run("check", tmp_path / "load.yaml", tmp_path / "what.yaml", home=home)
    assert "did you mean periods?" in odd.stderr
    assert "none of its keys says what it is" in odd.stderr
    (tmp_path / "semicolons.csv").write_text("logical_name;class_id;name\n")
    table = run("check", tmp_path / "semicolons.csv", home=home)
    assert (table.returncode, "says what it is: a registry has" in table.stderr) == (2, True)
    (tmp_path / "wrong.yaml").write_text(TEN_MISTAKES)
    both = run("check", tmp_path / "wrong.yaml", tmp_path / "nowhere.yaml", home=home)
    assert (both.returncode, len(both.stderr.splitlines())) == (2, 11)
    assert run("check", "--schema", home=home).stdout == schema_text()


def test_run_serves_a_scenario_and_goes_on_with_it(home: Path, tmp_path: Path) -> None:
    place = listen()
    steps: list[list[tuple[str, str]]] = []
    for _ in range(2):
        words = ("run", "hello", "--set", "count=2", "--speed", "600", "--listen", place, "--json")
        line, environment = command(*words, home=home)
        log = tmp_path / "log"
        with log.open("w") as errors:
            process = subprocess.Popen(line, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True)
        assert process.stdout is not None
        fleet = Spawned(process, json.loads(process.stdout.readline()), log)
        try:
            fleet.step(600_000)
            steps.append(fleet.sql("SELECT step, outcome FROM sim.scenario_steps ORDER BY id"))
        finally:
            assert fleet.end() == 0
    assert ("cover", "DONE") in steps[0]
    assert ("expect.2", "MET") in steps[1]
    assert steps[1][: len(steps[0])] == steps[0]
