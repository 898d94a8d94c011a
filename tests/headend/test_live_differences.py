# SPDX-License-Identifier: GPL-2.0-only
"""Verification where very much differs: numbers stay exact, and what is listed stays bounded."""

from __future__ import annotations

import json
from collections.abc import Iterator

import psycopg
import pytest
from live import Spawned, run, spawned, sql
from typer.testing import CliRunner

from simulator.cli import app
from simulator.hes import verifying
from simulator.hes.asking import Group, Limits
from simulator.hes.database import HesDatabase
from simulator.hes.maps import read_maps
from simulator.hes.verifying import Outcome, compare, reading
from simulator.store.embedded import EmbeddedPostgres

_METERS, _DAYS = 4, 3
_COLUMNS = "kwh_import, kwh_export, average_voltage_r"


@pytest.fixture(scope="module")
def fleet(postgres: EmbeddedPostgres) -> Iterator[Spawned]:
    """With a head-end's tables in the same database that hold all blocks but those of the last meter."""
    at = ("--start", "2025-06-04T00:00:00+05:30", "--speed", 0, "--history", f"{_DAYS}d", "--seed", 65)
    with spawned(postgres.home, _METERS, *at) as fleet:
        with HesDatabase.open(fleet.dsn) as hes:
            hes.install()
            hes.connection.execute(
                "INSERT INTO public.meters (id, meter_number, meter_type, timezone)"
                " SELECT id, meter_number, 'D1', 'Asia/Kolkata' FROM sim.meters;"
                f"INSERT INTO hes.block_load_profile (meter_id, capture_time, {_COLUMNS})"
                f" SELECT meter_id, capture_time AT TIME ZONE 'Asia/Kolkata', {_COLUMNS} FROM sim.block_load_profile"
                " WHERE meter_id <> (SELECT id FROM sim.meters ORDER BY meter_number DESC LIMIT 1)".encode()
            )
        yield fleet


def compared(fleet: Spawned) -> Outcome:
    serials = tuple(serial for (serial,) in sql(fleet.dsn, "SELECT meter_number FROM sim.meters ORDER BY 1"))
    group = Group(serials, told={"block_load_profile": frozenset(_COLUMNS.split(", "))})
    with reading(fleet.dsn) as sim, reading(fleet.dsn) as hes:
        maps = {"block_load_profile": read_maps(None).tables()["block_load_profile"]}
        (outcome,) = compare(sim, hes, maps, [group], Limits())
    return outcome


def test_rows_are_listed_up_to_a_limit_and_counted_beyond_it(fleet: Spawned, monkeypatch: pytest.MonkeyPatch) -> None:
    with psycopg.connect(fleet.dsn, autocommit=True) as connection:
        connection.execute("UPDATE hes.block_load_profile SET kwh_import = kwh_import + 0.001 WHERE kwh_import > 0")
        changed = connection.execute("SELECT count(*) FROM hes.block_load_profile WHERE kwh_import > 0").fetchone()
    assert changed is not None
    numbers = (_METERS * _DAYS * 48, _DAYS * 48, changed[0])
    listed = compared(fleet)
    assert (listed.rows, listed.count("missing"), listed.count("different")) == numbers
    assert {one.rows for one in listed.findings} == {1}
    monkeypatch.setattr(verifying, "_LISTED", 0)
    by_day = compared(fleet)
    assert (by_day.rows, by_day.count("missing"), by_day.count("different")) == numbers
    assert len(by_day.findings) == listed.days == by_day.days == _METERS * (_DAYS + 1)
    assert {one.time for one in by_day.findings} == {one.day for one in listed.findings}


def test_verify_that_has_compared_nothing_says_so(fleet: Spawned) -> None:
    """Exit code 2: 0 would be a proof of nothing, and 1 a difference that is none."""
    words = ("verify", "--database", fleet.dsn, "--tables", "block_load_profile", "--json")
    done = run(*words, "--from", "2031-01-01", home=fleet.log.parent)
    assert (done.returncode, json.loads(done.stdout)["tables"]["block_load_profile"]["meter_days"]) == (2, 0)
    assert "nothing to compare" in done.stderr


def test_what_follows_from_registers_is_compared_with_the_meter(fleet: Spawned) -> None:
    """S000-07, S000-09: a column that nobody fills is a difference, but not of the first day, which nobody can know."""
    done = CliRunner().invoke(app, ["headend", "--database", fleet.dsn, "--once", "--profiles", "daily,billing"])
    assert done.exit_code == 0, done.output
    words = ("verify", "--database", fleet.dsn, "--tables", "daily_load_profile,billing_profile", "--json")
    assert run(*words, home=fleet.log.parent).returncode == 0
    with psycopg.connect(fleet.dsn, autocommit=True) as connection:
        connection.execute("UPDATE hes.daily_load_profile SET daily_kwh_import = NULL, daily_kwh_export = 7")
    found = json.loads(run(*words, home=fleet.log.parent).stdout)["findings"]
    days = [one for one in found if "daily_kwh_import" in one["columns"]]
    assert len(days) == len(found) == _METERS * (_DAYS - 1)
    assert all(one["columns"]["daily_kwh_import"][1] is None for one in days)
    assert {one["columns"]["daily_kwh_export"][1] for one in days} == {"7"}
