# SPDX-License-Identifier: GPL-2.0-only
"""`meterfleet events` and `meterfleet alarms` as their user meets them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from live import Spawned, spawned

from simulator.cli import main

AT = ("--start", "2025-06-10T10:20:30+05:30", "--speed", 0)
Say = Callable[[str], str]


@pytest.fixture(scope="module")
def four(home: Path) -> Iterator[Spawned]:
    with spawned(home, 4, *AT, "--seed", 404) as fleet:
        yield fleet


@pytest.fixture
def say(four: Spawned, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Say:
    """A command on the fleet's database: what it prints, or its complaint after the exit code."""
    monkeypatch.setenv("METERFLEET_DATABASE", four.dsn)
    monkeypatch.setenv("COLUMNS", "200")

    def said(words: str) -> str:
        monkeypatch.setattr("sys.argv", ["meterfleet", *words.split()])
        with pytest.raises(SystemExit) as ended:
            main()
        told = capsys.readouterr()
        return f"{ended.value.code} {told.err}" if ended.value.code else told.out

    return said


def rows(say: Say, words: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(say(words + " --json"))
    return found


def test_inject_list_and_acknowledge(four: Spawned, say: Say) -> None:
    first, third = four.meters[0].serial, four.meters[2].serial
    assert say(f"events inject 1,{third} 251 67") == "2 meters noticed 4 events\n"
    listed = rows(say, "events list --code 67 --since 2025-06-10T10:20")
    assert {(row["meter"], row["type"]) for row in listed} == {(first, "CURRENT_RELATED"), (third, "CURRENT_RELATED")}
    assert rows(say, "events list --since 2025-06-10T10:21") == []
    assert [row["code"] for row in rows(say, "events list --meter 3")] == [67, 251]
    assert len(rows(say, "events list --type access --limit 1")) == 1
    assert "Meter cover opened" in say("events list")
    assert sorted(row["bit"] for row in rows(say, "alarms list --status PENDING")) == [11, 11, 83, 83]
    assert say("alarms ack 1") == "2 alarms are acknowledged\n"
    assert {row["meter"] for row in rows(say, "alarms list --status PENDING")} == {third}
    assert {(row["meter"], row["acknowledged"]) for row in rows(say, "events list")} == {(first, True), (third, False)}
    assert "PENDING" in say("alarms list --meter 3")
    assert say("alarms ack --all") == "2 alarms are acknowledged\n"
    assert {row["status"] for row in rows(say, "alarms list")} == {"ACKNOWLEDGED"}


def test_codes_of_one_call_happen_one_after_another(four: Spawned, say: Say) -> None:
    """The second takes back what the first has raised: both are alarms (IS 15959 part 2, bits 85 and 86)."""
    words = (
        "SELECT esw_byte_5 & 4 <> 0, esw_byte_5 & 2 <> 0 FROM sim.eswf_status s JOIN sim.meters m ON m.id = s.meter_id"
        " WHERE meter_number = %s ORDER BY s.id"
    )
    assert say("events inject 2 101 102") == "1 meter noticed 2 events\n"
    assert four.sql(words, four.meters[1].serial) == [(True, False), (False, True)]
    assert [row["bit"] for row in rows(say, "alarms list --meter 2 --status PENDING")] == [86, 85]


def test_pushes_are_asked_for_by_the_names_that_scenarios_have(say: Say) -> None:
    assert rows(say, "push list --setup daily") == []
    assert "did you mean daily?" in say("push list --setup dayly")


def test_lists_can_be_read_at_eighty_columns(four: Spawned, say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    four.sql(
        "WITH setup AS (INSERT INTO sim.push_setups (meter_id, obis_code_id) SELECT m.id, o.id FROM sim.meters m,"
        " sim.obis_codes o WHERE m.place = 1 AND o.logical_name = '0.130.25.9.0.255' RETURNING id)"
        " INSERT INTO sim.push_history (push_setup_id, timestamp, status, retry_count, destination, error_message)"
        " SELECT id, '2025-06-10 10:20:30', 'CANCELLED', 2, 'TCP 192.168.100.101:4061', 'refused' FROM setup"
        " RETURNING id"
    )
    monkeypatch.setenv("COLUMNS", "80")
    first, *others = [line.split() for line in say("push list").splitlines()[2:]]
    assert first[:5] == ["2025-06-10", "10:20:30", four.meters[0].serial, "registration", "CANCELLED"]
    details = "".join([*first[5:], *(word for line in others for word in line)])
    assert details == "TCP192.168.100.101:4061,schedule,retried2times,refused"


def test_the_catalogue_is_shown(say: Say) -> None:
    assert {entry["code"] for entry in rows(say, "events codes")} > {1, 101, 251, 302}
    assert "Login refused" in say("events codes")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("events inject 5 201", "a number from 1 to 4"),
        ("events inject 1 9999", "meters of model is15959-1ph know no event 9999"),
        ("events inject 1 1", "meters of model is15959-1ph know no event 1;"),
        ("events list --type FOO", "--type: known are ACCESS"),
        ("events list --since noon", "--since: 'noon' is not a moment"),
        ("alarms list --status OPEN", "--status: known are ACKNOWLEDGED"),
        ("alarms ack", "name the meters, or say --all"),
        ("alarms ack 1 --all", "not both"),
        ("push now 1 instnt", "did you mean instant?"),
    ],
)
def test_mistakes_are_told(say: Say, words: str, told: str) -> None:
    said = say(words)
    assert said.startswith("2 ")
    assert told in said


def test_meters_without_power_notice_nothing(say: Say) -> None:
    assert say("power off 4") == "power of 1 meter is off\n"
    assert say("events inject 3-4 201") == "1 meter noticed 1 event\n1 meter without power noticed nothing\n"
    assert rows(say, "events list --meter 4 --code 201") == []
