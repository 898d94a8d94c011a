# SPDX-License-Identifier: MIT
"""Scenarios at work: steps do what they say, a run that is stopped goes on, the same seed gives the same rows."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from xml.etree import ElementTree

import psycopg
import pytest
from live import free_port
from playing import Play

from simulator.fleet.runner import Fleet, RunOptions
from simulator.scenario.html import page
from simulator.scenario.player import Player
from simulator.scenario.replay import Result
from simulator.scenario.report import write_junit
from simulator.scenario.scenario import Scenario, load_scenario
from simulator.store.database import Store
from simulator.store.embedded import EmbeddedPostgres

START = 'clock: {start: "2025-06-10T10:00:00+05:30", speed: max}\nseed: 4\n'
FLEET = f"name: x\n{START}fleet: [{{count: 4, load: shop}}]\n"


def rows(result: Result) -> list[tuple[str, str, int, str]]:
    return [(row.step, row.kind, row.meters, row.outcome) for row in result.rows]


async def test_each_step_is_a_row_of_history(play: Play, database: str) -> None:
    result = await play(f"""{FLEET}
timeline:
  - {{id: out, at: 5m, on: {{meters: 1-2}}, do: relay, to: open, for: 10m}}
  - {{at: 6m, on: {{meters: "3"}}, do: write, object: "0.0.96.13.1.255:2", value: "visible-string:hello", client: 32}}
  - {{at: 6m, on: {{meters: "3"}}, do: write, object: "1.0.1.8.0.255:2", value: "float32:1.5"}}
  - {{at: 7m, do: act, object: "0.0.10.0.1.255:1", value: "long-unsigned:9", client: 48, on: {{meters: 4}}}}
  - {{at: 8m, do: sql, text: "DELETE FROM event_logs WHERE event_code = 1"}}
  - {{at: 9m, do: sql, text: "SELECT nonsense"}}
  - {{at: 9m, do: log, text: half of it is over}}
  - {{at: 9m, on: {{meters: 1}}, do: tariff, name: flat, zones: [{{start: "00:00", zone: 3}}]}}
""")
    assert rows(result) == [
        ("start", "start", 0, "DONE"),
        ("out", "relay", 2, "DONE"),
        ("timeline.1", "write", 1, "DONE"),
        ("timeline.2", "write", 1, "REFUSED"),
        ("timeline.3", "act", 1, "REFUSED"),
        ("timeline.4", "sql", 0, "DONE"),
        ("timeline.5", "sql", 0, "FAILED"),
        ("timeline.6", "log", 0, "DONE"),
        ("timeline.7", "tariff", 1, "DONE"),
        ("out/undo", "relay/undo", 2, "DONE"),
    ]
    assert not result.is_good  # a step has failed
    with psycopg.connect(database) as connection:
        kept = connection.execute("SELECT step, at::text FROM sim.scenario_steps ORDER BY id").fetchall()
        told = "SELECT event_code, event_timestamp::text FROM sim.event_logs WHERE event_code > 300 ORDER BY 2, 1"
        relays = connection.execute(told).fetchall()
    assert kept[1] == ("out", "2025-06-10 10:05:00")
    assert relays == [(301, "2025-06-10 10:05:00")] * 2 + [(302, "2025-06-10 10:15:00")] * 2


@pytest.mark.parametrize(
    ("expected", "seen"),
    [
        ("{event: 301, share: 1, after: out, within: 1m}", "2 of 4 meters (50.0%); share == 1 was expected"),
        ("{event: 301, count: '>= 3', after: out, within: 1m}", "count >= 3 was expected"),
        ("{read: '0.0.96.3.10.255:2', equals: true, at: 6m, within: 1m}", "others: False, False"),
        ("{read: '1.0.1.8.0.255:2', refused: read-write-denied, client: 32, at: 6m, within: 1m}", "0 fitting answers"),
        ("{sql: SELECT count(*) FROM meters, equals: 5, within: 1m}", "found 4"),
        ("{sql: SELECT nonsense, equals: 5, within: 1m}", 'column "nonsense" does not exist'),
        ("{sql: DELETE FROM meters, rows: [], within: 1m}", "read-only transaction"),
    ],
)  # fmt: skip
async def test_an_expectation_that_is_missed_says_what_was_seen(play: Play, expected: str, seen: str) -> None:
    result = await play(f"""{FLEET}
timeline: [{{id: out, at: 5m, on: {{meters: 1-2}}, do: relay, to: open}}]
expect: [{expected}]
""")
    assert not result.is_good
    ((_, row),) = result.expectations
    assert row is not None
    assert seen in row.detail["words"]


async def test_reports(play: Play, tmp_path: Path) -> None:
    result = await play(f"""{FLEET}
timeline: [{{id: out, at: 40m, on: {{meters: 1}}, do: relay, to: open}}]
expect:
  - {{name: good & <b>, event: 301, on: {{meters: 1}}}}
  - {{name: bad, event: 302, on: {{meters: 1}}}}
""")
    write_junit(result, tmp_path / "junit.xml")
    suite = ElementTree.parse(tmp_path / "junit.xml").getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    assert [case.find("failure") is None for case in suite] == [True, False]
    html = page(result)
    assert "good &amp; &lt;b&gt;" in html
    assert "<b>" not in html
    assert "http" not in html.replace("<!DOCTYPE html>", "")
    timeline, load, events, alarms, pushes = html.split("<svg")[1:]
    labels = re.findall(r"<text x=[^>]*>([^<]*)</text></g>", timeline)
    assert labels == ["out: relay", "met: good &amp; &lt;b&gt;", "missed: bad"]
    assert all("no " not in chart for chart in (load, events, alarms))
    assert ">no pushes</text>" in pushes


# -- going on --------------------------------------------------------------------------------------------------------


LONG = f"""{FLEET}
timeline:
  - {{id: first, at: 5m, on: {{meters: 1}}, do: relay, to: open, for: 2h}}
  - {{id: second, at: 1h, on: {{meters: 2}}, do: event, code: 201}}
expect:
  - {{event: 301, on: {{meters: 1}}, within: 90m}}
"""


async def lived(scenario: Scenario, dsn: str, minutes: int) -> list[str]:
    """The steps of the history after so many more minutes."""
    options = RunOptions(scenario.listens([f"wrapper,shared=1,port={free_port()}"]), 0.0)
    fleet = Fleet(scenario.spec, options, await Store.open(dsn))
    await fleet.open()
    player = Player(scenario, fleet)
    await player.prepare()
    await fleet.listen()
    serving = asyncio.create_task(fleet.serve())
    await fleet.clock.turn(step_ms=minutes * 60_000)
    fleet.stop()
    await serving
    return [f"{row.step} {row.outcome}" for row in player.rows]


async def test_a_run_that_was_stopped_goes_on(database: str, tmp_path: Path) -> None:
    (tmp_path / "scenario.yaml").write_text(LONG)
    scenario = load_scenario(tmp_path / "scenario.yaml")
    begun = ["start DONE", "expect.0/begin BEGUN", "first DONE"]
    assert await lived(scenario, database, 30) == begun
    assert await lived(scenario, database, 20) == begun
    assert await lived(scenario, database, 100) == [*begun, "second DONE", "expect.0 MET", "first/undo DONE"]
    with psycopg.connect(database) as connection:
        told = connection.execute("SELECT event_code, event_timestamp::text FROM sim.event_logs ORDER BY id").fetchall()
    assert told == [(301, "2025-06-10 10:05:00"), (201, "2025-06-10 11:00:00"), (302, "2025-06-10 12:05:00")]


async def test_an_end_that_comes_while_the_store_is_away_comes_when_it_is_back(
    postgres: EmbeddedPostgres, database: str, tmp_path: Path
) -> None:
    text = f"{FLEET}timeline: [{{at: 1m, on: {{meters: 1}}, do: voltage, factor: 1.3, for: 2m}}]\n"
    (tmp_path / "scenario.yaml").write_text(text)
    scenario = load_scenario(tmp_path / "scenario.yaml")
    fleet = Fleet(scenario.spec, RunOptions(scenario.listens([f"wrapper,shared=1,port={free_port()}"]), 0.0),
                  await Store.open(database))  # fmt: skip
    await fleet.open()
    player = Player(scenario, fleet)
    await player.prepare()
    await fleet.listen()
    serving = asyncio.create_task(fleet.serve())
    await fleet.clock.turn(step_ms=2 * 60_000)
    factors = [fleet.cohorts[0].columns.voltage_milli[0, 0].item()]
    postgres.stop()
    try:
        await fleet.clock.turn(step_ms=2 * 60_000)
        factors.append(fleet.cohorts[0].columns.voltage_milli[0, 0].item())
    finally:
        postgres.start()
    await fleet.clock.turn(step_ms=60_000)
    factors.append(fleet.cohorts[0].columns.voltage_milli[0, 0].item())
    fleet.stop()
    await serving
    assert factors == [1300, 1300, 1000]
    assert [row.outcome for row in player.rows] == ["DONE"] * 3


async def test_a_clock_that_is_wrong_stays_so_when_the_fleet_starts_again(database: str, tmp_path: Path) -> None:
    text = f"{FLEET}timeline: [{{at: 10m, on: {{meters: 1}}, do: clock_jump, by: 1h}}]\n"
    (tmp_path / "scenario.yaml").write_text(text)
    for _ in range(2):
        await lived(load_scenario(tmp_path / "scenario.yaml"), database, 80)
    mine = "sim.block_load_profile b JOIN sim.meters m ON m.id = meter_id WHERE meter_number LIKE '%1' ORDER BY b.id"
    with psycopg.connect(database) as connection:
        seen = connection.execute(f"SELECT to_char(capture_time, 'HH24:MI') FROM {mine}".encode()).fetchall()
    assert [stamp for (stamp,) in seen] == ["11:30", "12:00", "12:30", "13:00", "13:30"]  # 10:30 to 12:30


async def test_the_meters_that_a_step_struck(play: Play) -> None:
    """Also of each share that another one takes, of all times that it came, and with what `for` undoes."""
    result = await play(f"""name: x
{START}fleet: [{{count: 20, load: shop}}]
timeline:
  - {{id: dark, at: 5m, do: outage, on: {{share: 0.5}}}}
  - {{id: some, at: 6m, do: restore, on: {{step: dark, share: 0.5}}}}
  - {{id: often, at: 20m, every: 1m, count: 3, do: event, code: 203, on: {{step: some, share: 0.2}}, for: 30s}}
  - {{id: late, at: 20m, every: 1m, count: 3, do: event, code: 251, on: {{step: often}}}}
expect:
  - {{event: 101, on: {{step: dark}}, after: dark}}
  - {{event: 101, count: 10, after: dark}}
  - {{event: 102, on: {{step: some}}, after: some}}
  - {{event: 102, count: 5, after: some}}
  - {{event: 203, on: {{step: often}}, after: often}}
  - {{event: 203, count: 3, after: often}}
  - {{event: 203, count: 1, share: 1, on: {{step: often}}, after: often, within: 30s}}
  - {{event: 204, count: 3, after: often}}
""")
    assert result.is_good, [row.detail for _, row in result.expectations if row]
    struck = {row.step: row.meters for row in result.rows if row.step.startswith("late")}
    assert struck["late#0"] == 1
    assert struck["late#2"] > 1
    assert struck["late#2"] == next(row.meters for name, row in result.expectations[4:5] if row)


async def test_two_phases_may_be_missing_at_once_and_each_comes_back_by_itself(play: Play, database: str) -> None:
    result = await play(f"""name: x\n{START}fleet: [{{count: 1, load: shop, model: is15959-3ph}}]
timeline:
  - {{at: 1m, do: phase_loss, phase: r, for: 20m}}
  - {{at: 5m, do: phase_loss, phase: y, for: 5m}}
expect:
  - {{read: '1.0.32.7.0.255:2', value: '== 0', at: 7m, within: 1s}}
  - {{read: '1.0.52.7.0.255:2', value: '== 0', at: 7m, within: 1s}}
  - {{read: '1.0.72.7.0.255:2', value: '> 200', at: 7m, within: 1s}}
  - {{read: '1.0.32.7.0.255:2', value: '== 0', at: 12m, within: 1s}}
  - {{read: '1.0.52.7.0.255:2', value: '> 200', at: 12m, within: 1s}}
  - {{read: '1.0.32.7.0.255:2', value: '> 200', at: 22m, within: 1s}}
""")
    assert [row.detail["words"] for row in result.rows if row.outcome == "MISSED"] == []
    assert result.is_good


async def test_what_is_done_at_the_wires_is_noticed_in_its_time(play: Play, database: str) -> None:
    """Persistence and restoration are the model's; a magnet has nothing that could be measured."""
    result = await play(f"""name: x
{START}fleet: [{{count: 2, model: is15959-3ph, load: shop}}, {{count: 3, model: is15959-1ph, load: shop}}]
timeline:
  - {{id: open, at: 30m, on: {{meters: 1}}, do: tamper, how: ct-open, phase: y, for: 30m}}
  - {{id: past, at: 30m, on: {{meters: 2}}, do: tamper, how: bypass, phase: b, for: 30m}}
  - {{at: 30m, on: {{meters: 3}}, do: theft, how: bypass, part: 0.6, for: 30m}}
  - {{id: alone, at: 30m, on: {{meters: 4}}, do: theft, how: single-wire, for: 30m}}
  - {{id: magnet, at: 30m, on: {{meters: 5}}, do: tamper, how: magnet, for: 30m}}
expect:
  - {{name: at once, event: 201, on: {{meters: 5}}, after: magnet, within: 1m}}
  - {{name: not yet, event: [59, 65, 81, 207], on: {{meters: 1-4}}, share: 0, after: open, within: 4m}}
  - {{name: open, event: 59, on: {{meters: 1}}, after: open, within: 6m}}
  - {{name: past three, event: 65, on: {{meters: 2}}, after: past, within: 6m}}
  - {{name: past one, event: 81, on: {{meters: 3}}, after: past, within: 6m}}
  - {{name: single wire, event: 207, on: {{meters: 4}}, after: alone, within: 6m}}
  - {{name: over, event: [60, 66, 82, 208, 202], on: {{meters: 1-5}}, after: open, within: 35m, share: 1}}
""")
    assert [row for row in rows(result) if row[3] in ("MISSED", "FAILED")] == []
    assert result.is_good
    with psycopg.connect(database) as connection:
        told = "SELECT event_code, event_timestamp::time::text FROM sim.event_logs WHERE event_code IN (59, 60)"
        assert sorted(connection.execute(told).fetchall()) == [(59, "10:35:00"), (60, "11:02:00")]
