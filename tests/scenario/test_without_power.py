# SPDX-License-Identifier: MIT
"""A meter without power answers nothing, on no way (docs/power.md): not to the steps and expectations of a scenario."""

from __future__ import annotations

import io

import psycopg
from playing import Play
from rich.console import Console

from simulator.scenario.replay import Result
from simulator.scenario.report import tables

FLEET = """name: x
clock: {start: "2025-06-10T10:00:00+05:30", speed: max}
seed: 4
fleet: [{count: 4, load: shop}]
push: {destination: sink}
"""
WHAT_CLIENTS_DO = """
timeline:
  - {at: 5m, do: outage, on: {meters: 1-3}}
  - {id: billing, at: 6m, do: billing_reset}
  - {id: relay, at: 6m, do: relay, to: open, for: 1m}
  - {id: keys, at: 6m, do: key_change, on: {meters: 1-3}}
  - {id: text, at: 6m, do: write, object: "0.0.96.13.1.255:2", value: "visible-string:hello", client: 48}
  - {id: anyhow, at: 6m, do: write, object: "0.0.96.13.1.255:2", value: "visible-string:hello", on: {meters: 1-3}}
  - {id: method, at: 6m, do: act, object: "0.0.10.0.1.255:1", value: "long-unsigned:1", on: {meters: 1-3}}
  - {id: tariff, at: 6m, do: tariff, name: flat, zones: [{start: "00:00", zone: 3}], on: {meters: 1-3}}
  - {id: firmware, at: 6m, do: firmware, version: V2, on: {meters: 1-3}}
  - {id: push, at: 6m, do: push, setup: instant}
expect:
  - {read: "0.0.96.1.0.255:2", value: "> 0", at: 6m, within: 1m}
"""
WHAT_THEY_NOTICE = """
timeline:
  - {at: 5m, do: outage, on: {meters: 1-3}}
  - {id: event, at: 6m, do: event, code: [201, 203], for: 1m}
  - {id: dark, at: 6m, do: event, code: 201, on: {meters: 1-3}}
  - {id: magnet, at: 6m, do: tamper, how: magnet}
"""


def told(result: Result) -> dict[str, tuple[str, dict[str, int]]]:
    return {row.step: (row.outcome, row.detail.get("refused", {})) for row in result.rows}


async def test_what_clients_do_to_meters_without_power_is_not_done(play: Play, database: str) -> None:
    result = await play(FLEET + WHAT_CLIENTS_DO)
    seen = told(result)
    partly, refused = ("PARTLY", {"no power": 3}), ("REFUSED", {"no power": 3})
    assert {step: seen[step] for step in ("billing", "relay", "relay/undo", "text", "push")} == dict.fromkeys(
        ("billing", "relay", "relay/undo", "text", "push"), partly
    )
    dark = ("keys", "anyhow", "method", "tariff", "firmware")
    assert {step: seen[step] for step in dark} == dict.fromkeys(dark, refused)
    screen = Console(file=io.StringIO(), width=80)
    for table in tables(result):
        screen.print(table)
    shown = screen.file.getvalue()  # type: ignore[attr-defined]
    assert "…" not in shown
    assert "3 x no power" in shown
    (words,) = (row.detail["words"] for _, row in result.expectations if row is not None)
    assert words.endswith("others: no power, no power, no power")
    with psycopg.connect(database) as connection:
        logged = "SELECT DISTINCT meter_number FROM sim.event_logs JOIN sim.meters m ON m.id = meter_id"
        codes = " WHERE event_code NOT IN (101, 102)"
        (lit,) = connection.execute((logged + codes).encode()).fetchall()
        assert lit[0].endswith("4")
        bills = "SELECT count(*), count(DISTINCT meter_id) FROM sim.billing_profile WHERE meter_id IN"
        assert connection.execute(f"{bills} (SELECT id FROM sim.meters WHERE place < 4)".encode()).fetchone() == (0, 0)


async def test_what_happens_is_counted_of_those_who_noticed_it(play: Play, database: str) -> None:
    result = await play(FLEET + WHAT_THEY_NOTICE)
    partly = ("PARTLY", {"no power": 3})
    steps = ("event", "event/undo", "dark", "magnet")
    assert [told(result)[step] for step in steps] == [partly, partly, ("REFUSED", {"no power": 3}), partly]
