# SPDX-License-Identifier: MIT
"""What a scenario keeps of what it has done: bounded, written when the store is there, told in lines."""

from __future__ import annotations

import asyncio
from pathlib import Path

import psycopg
import pytest
from live import free_port
from playing import Play

from simulator.fleet.runner import Fleet, RunOptions
from simulator.scenario import chronicle
from simulator.scenario.chronicle import Chronicle
from simulator.scenario.player import Player
from simulator.scenario.scenario import load_scenario
from simulator.scenario.summary import lines
from simulator.store.database import Store
from simulator.store.embedded import EmbeddedPostgres
from simulator.store.history import StepRow

START = 'name: x\nclock: {start: "2025-06-10T10:00:00+05:30", speed: max}\nseed: 4\n'
ENDLESS = f"""{START}fleet: [{{count: 2}}]
timeline:
  - {{id: tick, do: log, text: tick, every: 1s}}
  - {{id: once, at: 5s, do: log, text: once}}
"""


async def lived(path: Path, dsn: str, seconds: int) -> list[str]:
    """A run for so long, then stopped: what its history holds."""
    scenario = load_scenario(path)
    options = RunOptions(scenario.listens([f"wrapper,shared=1,port={free_port()}"]), 0.0)
    fleet = Fleet(scenario.spec, options, await Store.open(dsn))
    await fleet.open()
    player = Player(scenario, fleet)
    await player.prepare()
    await fleet.listen()
    serving = asyncio.create_task(fleet.serve())
    await fleet.clock.turn(step_ms=seconds * 1000)
    fleet.stop()
    await serving
    with psycopg.connect(dsn) as connection:
        kept = [step for (step,) in connection.execute("SELECT step FROM sim.scenario_steps ORDER BY id").fetchall()]
    assert [row.step for row in player.rows] == kept
    return kept


async def test_of_a_step_without_end_the_newest_rows_are_kept_and_none_is_done_again(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chronicle, "KEPT", 20)
    monkeypatch.setattr(chronicle, "_DROPPED_AT_ONCE", 5)
    (tmp_path / "endless.yaml").write_text(ENDLESS)
    for seconds, last in ((50, 50), (10, 60), (40, 100)):
        kept = await lived(tmp_path / "endless.yaml", database, seconds)
        ticks = [int(step.partition("#")[2]) for step in kept if step.startswith("tick#")]
        assert ticks == list(range(last + 1))[-len(ticks) :]
        assert 20 <= len(ticks) < 25
        assert [step for step in kept if not step.startswith("tick#")] == ["start", "once"]


def row(
    step: str, at_s: int = 0, kind: str = "relay", meters: int = 5, outcome: str = "DONE", **detail: object
) -> StepRow:
    return StepRow("x", step, kind, at_s * 1000, at_s * 1000, meters, outcome, detail)


async def test_a_row_that_the_store_could_not_take_is_written_later(database: str, postgres: EmbeddedPostgres) -> None:
    store = await Store.open(database)
    try:
        await store.ensure_schema()
        kept = Chronicle(store.history, "x")
        await kept.keep(row("first"))
        postgres.stop()
        try:
            await kept.keep(row("second"))
            assert (kept.is_kept("first"), kept.is_kept("second")) == (True, False)
            assert [one.step for one in kept.rows] == ["first", "second"]
        finally:
            postgres.start()
        await kept.keep(row("third"))
        assert kept.is_kept("second")
        assert [one.step for one in await store.history.steps("x")] == ["first", "second", "third"]
    finally:
        await store.close()


def test_waves_ramps_and_many_repetitions_are_lines_each() -> None:
    waves = [row(f"open/~{wave}", wave, meters=wave) for wave in range(4)]
    undone = [row(f"open/undo~{wave}", 60 + wave, "relay/undo", meters=wave) for wave in range(4)]
    ramp = [row(f"timeline.2/{n}of3~{wave}", 5 + n, "voltage", 4) for n in (1, 2, 3) for wave in (0, 1)]
    often = [row(f"tick#{n}", 100 + n, "log", 0, text="tick") for n in range(12)]
    refused = [row(f"few#{n}", 200 + n, outcome="PARTLY", refused={"busy": n + 1}) for n in range(2)]
    dark = [
        row("dark/~0", 250, outcome="REFUSED", refused={"no power": 5}),
        row("dark/~1", 251),
        row("dark/~2", 252, meters=0),
    ]
    told = [(line.step, line.what, line.parts, line.meters, line.outcome, line.remarks)
            for line in lines([row("start", 0, "start", 0), *waves, *ramp, *undone, *often, *refused, *dark,
                               row("expect.0", 300, "event", outcome="MET")])]  # fmt: skip
    assert told == [
        ("", "start", 1, 0, "DONE", ""),
        ("open", "relay", 4, 6, "DONE", ""),
        ("step 3", "voltage", 6, 8, "DONE", ""),
        ("open", "relay, undone", 4, 6, "DONE", ""),
        ("tick", "log", 12, 0, "DONE", "tick"),
        ("few, time 1", "relay", 1, 5, "PARTLY", "1 x busy"),
        ("few, time 2", "relay", 1, 5, "PARTLY", "2 x busy"),
        ("dark", "relay", 3, 10, "PARTLY", "5 x no power"),
    ]


async def test_a_report_tells_a_staggered_step_once(play: Play) -> None:
    result = await play(f"{START}fleet: [{{count: 6}}]\ntimeline: [{{id: open, do: relay, to: open, stagger: 60s}}]\n")
    (line,) = [line for line in lines(result.rows) if line.step == "open"]
    assert (line.parts, line.meters, line.times) == (20, 6, "10 10:00:00 to 10:00:57")
