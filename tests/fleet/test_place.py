# SPDX-License-Identifier: MIT
"""Which fleet a command means when none is named: the last one that became ready, wherever its database is."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import psycopg
import pytest

from simulator.commands.place import Place, ended, existing_place, not_running, place_to_spawn
from simulator.errors import UserError
from simulator.store.embedded import EmbeddedPostgres
from simulator.store.queries import query


def test_without_any_fleet_the_user_is_told_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="meterfleet spawn 10"):
        existing_place(None, tmp_path, None)


def test_a_fleet_on_another_server_is_found_again_and_its_dsn_kept_private(tmp_path: Path) -> None:
    dsn = "postgresql://me:secret@server/meters"
    Place(dsn, name=dsn, home=tmp_path).remember()
    assert existing_place(None, tmp_path, None).dsn == dsn
    assert stat.S_IMODE((tmp_path / "current").stat().st_mode) == 0o600


def test_a_start_that_did_not_succeed_takes_nothing_over(postgres_home: Path) -> None:
    first = place_to_spawn(None, postgres_home, "place_first")
    first.remember()
    place_to_spawn(None, postgres_home, "place_second")  # never became ready
    assert existing_place(None, postgres_home, None).dsn == first.dsn


def test_of_a_fleet_whose_server_cannot_be_asked_nothing_is_said(tmp_path: Path) -> None:
    """It is a hint under another mistake, or at the end of a head-end that has read what there was."""
    server = EmbeddedPostgres(tmp_path)
    assert ended(Place(server.dsn("ours"), server.start, "ours", tmp_path)) == ""


def test_of_a_fleet_that_has_ended_it_is_said_and_which_run(postgres_home: Path) -> None:
    ours, other = (place_to_spawn(None, postgres_home, name) for name in ("place_ours", "place_other"))
    assert "the fleet place_ours does not run now" in ended(ours)
    with psycopg.connect(other.dsn) as served:
        served.execute(query("lock_fleet"))
        assert ended(other) == ""
        assert re.search("running now: .*place_other.*; ended: .*; name one with --fleet", str(not_running(ours)))
        with pytest.raises(UserError, match=r"no fleet 'place_none' in .*; running now: .*place_other.*; ended: "):
            existing_place(None, postgres_home, "place_none")


def test_databases_that_hold_no_fleet_are_not_told_as_ended_ones(postgres_home: Path) -> None:
    """Whoever keeps tables of their own on the embedded server, such as a head-end's."""
    server = EmbeddedPostgres(postgres_home)
    server.ensure_database("a_readings")
    with psycopg.connect(place_to_spawn(None, postgres_home, "a_meters").dsn) as fleet:
        fleet.execute("CREATE SCHEMA sim; CREATE TABLE sim.fleet ()")
    try:
        assert "a_meters" in server.fleets()
        assert "a_readings" not in server.fleets()
        with pytest.raises(UserError, match="ended: ") as told:
            existing_place(None, postgres_home, "place_none")
        assert "a_readings" not in str(told.value)
    finally:
        for name in ("a_meters", "a_readings"):
            with psycopg.connect(server.dsn("postgres"), autocommit=True) as connection:
                connection.execute(f"DROP DATABASE {name}")
