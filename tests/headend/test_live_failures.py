# SPDX-License-Identifier: GPL-2.0-only
"""What goes wrong while the reference head-end reads: meters, itself, its database. Each costs no more than it must."""

from __future__ import annotations

import csv
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from databases_bench import collect, count, headend_line, impatient, invoke, started, verify
from live import DEADLINE_S, Spawned, eventually, run, spawned, sql

from simulator.headend import polling
from simulator.store.embedded import EmbeddedPostgres

_METERS = 5
_AT = ("--start", "2025-06-02T10:00:00+05:30", "--speed", 0, "--history", "2d", "--seed", 61)


@pytest.fixture(scope="module")
def fleet(postgres: EmbeddedPostgres) -> Iterator[Spawned]:
    with spawned(postgres.home, _METERS, *_AT) as fleet:
        yield fleet


def test_meters_that_fail_cost_nobody_else_anything(fleet: Spawned, empty: str, tmp_path: Path) -> None:
    """One keeps silent, one is gone, one does not know the password: each is said, and the rest are read."""
    listed = run("inventory", "--csv", "--database", fleet.dsn, home=fleet.log.parent).stdout
    rows = list(csv.DictReader(listed.splitlines()))
    with socket.create_server(("127.0.0.1", 0)) as silent, socket.create_server(("127.0.0.1", 0)) as gone:
        rows[0] |= {"host": "127.0.0.1", "port": str(silent.getsockname()[1])}
        rows[1] |= {"host": "127.0.0.1", "port": str(gone.getsockname()[1])}
        rows[2]["client_32_password"] = "wrong"
        gone.close()
        inventory = tmp_path / "meters.csv"
        with inventory.open("w", newline="") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows[:5])
        words = ("--inventory", inventory, "--retries", 1, "--profiles", "daily")
        with impatient(*silent.getsockname(), 0.5):
            assert "2 reads of meters, 3 given up" in collect(fleet, empty, *words)
    said = dict(sql(empty, "SELECT event_type, count(*) FROM hes.event_logs GROUP BY 1"))
    assert {"TIMEOUT": 2, "CONNECTION_FAILED": 2, "ASSOCIATION_REFUSED": 2}.items() <= said.items()
    statuses = dict(sql(empty, "SELECT status, count(*) FROM public.meters GROUP BY 1"))
    assert statuses == {"ERROR": 3, "CONNECTED": 2}
    missed = sql(empty, "SELECT communication_status, retry_count, validation_status, value FROM public.meter_readings")
    assert sorted(missed) == [("ERROR", 1, "UNVALIDATED", None)] * 2 + [("TIMEOUT", 1, "UNVALIDATED", None)]
    assert count(empty, "hes.daily_load_profile") == 4


def test_meters_that_are_all_given_up_end_a_head_end_by_1(fleet: Spawned, empty: str, tmp_path: Path) -> None:
    (tmp_path / "meters.csv").write_text(
        "serial,host,port,framing,server,client_32_auth,client_32_password\n1,127.0.0.1,1,wrapper,1,lls,secret\n"
    )
    words = ("--inventory", tmp_path / "meters.csv", "--retries", 0, "--profiles", "daily")
    done = invoke(*headend_line(fleet, empty, "--once", *words))
    assert (done.exit_code, "0 reads of meters, 1 given up" in done.stderr) == (1, True)


def test_a_mistake_of_ours_is_shown_and_costs_its_meter_only(
    fleet: Spawned, empty: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """With its traceback and exit code 1; it is no failure of the meter's."""
    victim, file_days = fleet.meters[0].serial, polling.file_days

    def stumble(batch: Any, serial: str, *rest: Any) -> None:
        file_days(batch, serial, *rest)
        assert serial != victim, "a mistake"

    monkeypatch.setattr(polling, "file_days", stumble)
    done = invoke(*headend_line(fleet, empty, "--once", "--profiles", "daily"))
    assert (done.exit_code, f"{_METERS - 1} reads of meters, 1 given up" in done.stderr) == (1, True)
    assert "1 mistakes of meterfleet's own" in done.stderr
    assert [record.exc_info is not None for record in caplog.records if victim in record.getMessage()] == [True]
    said = dict(sql(empty, "SELECT event_type, count(*) FROM hes.event_logs GROUP BY 1"))
    assert said["INTERNAL_ERROR"] == 1


def test_a_database_that_restarts_costs_no_row(postgres: EmbeddedPostgres, fleet: Spawned, empty: str) -> None:
    words = ("--every", "1s", "--profiles", "block,daily")
    heard = "SELECT count(*) FROM public.meters WHERE last_communication > %s"
    process = started(*headend_line(fleet, empty, *words), home=fleet.log.parent)
    try:
        eventually(lambda: sql(empty, "SELECT to_regclass('hes.settings') IS NOT NULL")[0][0])
        eventually(lambda: count(empty, "hes.event_logs"))
        postgres.stop()
        postgres.start()
        ((back,),) = sql(empty, "SELECT now()")
        eventually(lambda: sql(empty, heard, back) == [(_METERS,)])
    finally:
        process.terminate()
        _, errors = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 0, errors
    assert verify(fleet, empty, "--tables", "block_load_profile,daily_load_profile")[0] == 0
