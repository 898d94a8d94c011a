# SPDX-License-Identifier: GPL-2.0-only
"""The week of docs/ami-week.md with a few of its meters: DLMS end to end, ciphered, read day by day, on a clean network
and on a bad one; and what `verify` finds. `SCALE` in the environment makes it as many meters as the scenario has."""

from __future__ import annotations

import json
import os
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from databases_bench import killed_midway
from live import Spawned, command, free_port, sql
from typer.testing import CliRunner

from simulator.cli import app
from simulator.resources import data_root
from simulator.store.embedded import EmbeddedPostgres
from simulator.values import MS_PER_DAY

_FULL = os.environ.get("SCALE") == "full"  # three to four minutes each on two cores
_HOMES, _SHOPS = (80, 20) if _FULL else (4, 2)
_LIMIT_S = 1200 if _FULL else 300  # the clock of a wall, on machines that are busy
_DAYS = 7
_TABLES = "block_load_profile,daily_load_profile,billing_profile,event_logs"
_READ = ("headend", "--client", "us", "--profiles", "block,daily,billing,events", "--workers", 16)
_HASTY = ("--timeout", 2)  # where answers are lost
_TO = "2025-07-04 00:00"
Findings = list[dict[str, Any]]


@contextmanager
def running(postgres: EmbeddedPostgres, scenario: str, *options: object) -> Iterator[Spawned]:
    """`meterfleet run`, and the head-end's tables in the fleet's own database."""
    place = f"wrapper,address=127.68.0.1,port={free_port()}"
    few = ("--set", f"homes={_HOMES}", "--set", f"shops={_SHOPS}")
    line, environment = command(
        "run", data_root() / "scenarios" / f"{scenario}.yaml", "--json", "--listen", place, *few, *options,
        home=postgres.home,
    )  # fmt: skip
    log = postgres.home / f"{scenario}.log"
    with log.open("w") as errors:
        process = subprocess.Popen(line, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True)
    assert process.stdout is not None
    ready = process.stdout.readline()
    assert ready, log.read_text()
    fleet = Spawned(process, json.loads(ready), log)
    try:
        yield fleet
    finally:
        fleet.end()


def read(fleet: Spawned, *options: object) -> str:
    done = CliRunner().invoke(app, [str(word) for word in (*_READ, "--once", "--database", fleet.dsn, *options)])
    assert done.exit_code == 0, done.output
    return done.stderr


def verified(fleet: Spawned) -> tuple[Findings, dict[str, Any]]:
    words = ["verify", "--database", fleet.dsn, "--tables", _TABLES, "--to", _TO, "--json"]
    done = CliRunner().invoke(app, words)
    found = json.loads(done.stdout)
    assert done.exit_code == bool(found["findings"])
    return found["findings"], found["tables"]


def killed(fleet: Spawned) -> None:
    """A head-end, when some meters of this day have landed and some have not."""
    landed = "SELECT count(DISTINCT meter_id) FROM hes.block_load_profile WHERE capture_time > '2025-06-30 13:00+05:30'"
    killed_midway(fleet, *_READ, "--database", fleet.dsn, begun=lambda: sql(fleet.dsn, landed)[0][0])
    assert sql(fleet.dsn, landed)[0][0] < _HOMES + _SHOPS


_WRONG = (
    "ALTER TABLE hes.block_load_profile DROP CONSTRAINT block_load_profile_pkey",
    "DELETE FROM hes.block_load_profile WHERE capture_time = '2025-06-29 04:30+05:30' AND meter_id IN"
    " (SELECT id FROM public.meters ORDER BY meter_number LIMIT 2)",
    "DELETE FROM public.meter_events WHERE event_code = 151 AND source = 'EVENT_LOG'",
    "UPDATE hes.daily_load_profile SET cumulative_kwh_import = cumulative_kwh_import + 1 WHERE capture_date ="
    " '2025-07-02' AND meter_id = (SELECT id FROM public.meters ORDER BY meter_number LIMIT 1)",
    "INSERT INTO hes.block_load_profile SELECT * FROM hes.block_load_profile ORDER BY meter_id, capture_time LIMIT 1",
)


@pytest.mark.timeout(_LIMIT_S)
def test_a_week_on_a_clean_network(postgres: EmbeddedPostgres) -> None:
    """Nothing differs, though a head-end was killed in its midst; and of five rows changed by hand these five do."""
    meters = _HOMES + _SHOPS
    with running(postgres, "ami-week-clean", "--speed", 0) as fleet:
        for day in range(1, _DAYS + 1):
            fleet.step(MS_PER_DAY)
            if day == 4:
                killed(fleet)
            assert f"{meters} reads of meters, 0 given up" in read(fleet)
        findings, tables = verified(fleet)
        assert findings == []
        assert tables["block_load_profile"]["rows"] > meters * (_DAYS * 48 - 20)  # without those of outages
        assert tables["billing_profile"]["rows"] == meters + 1
        with psycopg.connect(fleet.dsn, autocommit=True) as connection:
            for statement in _WRONG:
                assert connection.execute(statement.encode()).rowcount != 0, statement
        findings, _ = verified(fleet)
        assert sorted((one["table"], one["kind"]) for one in findings) == [
            ("block_load_profile", "duplicate"),
            ("block_load_profile", "missing"),
            ("block_load_profile", "missing"),
            ("daily_load_profile", "different"),
            ("event_logs", "missing"),
        ]


@pytest.mark.timeout(_LIMIT_S)
def test_a_week_on_a_bad_network(postgres: EmbeddedPostgres) -> None:
    """What was lost on the way is read another time; the meter that lies differs, and the lost one's rows are missing
    from the day on which it was lost."""
    with running(postgres, "ami-week") as fleet:
        said = []
        for _ in range(_DAYS):
            fleet.step(MS_PER_DAY)
            said.append(read(fleet, *_HASTY))
        for _ in range(15):  # whoever failed by bad luck is asked again, until only the lost one fails
            if ", 1 given up" in read(fleet, *_HASTY):
                break
        findings, tables = verified(fleet)
        wrong = [words for words in said if " 0 given up" not in words]
        assert len(wrong) >= 4, said  # rejected, gone, lost
        liar, lost = (str(fleet.ready["meters"][number]["serial"]) for number in (_HOMES + 1, 3))
        kinds = Counter((one["meter"], one["kind"]) for one in findings)
        assert set(kinds) == {(liar, "different"), (lost, "missing")}
        assert min(one["time"] for one in findings if one["meter"] == lost) > "2025-07-01 00:00:00"
        last = "SELECT count(*) FROM sim.{} t JOIN sim.meters m ON m.id = t.meter_id WHERE m.meter_number = %s AND {}"
        blocks = fleet.sql(last.format("block_load_profile", "capture_time <= %s"), liar, _TO)[0][0]
        assert sum(one["meter"] == liar and one["table"] == "block_load_profile" for one in findings) == blocks
        assert tables["block_load_profile"]["rows"] > 0
