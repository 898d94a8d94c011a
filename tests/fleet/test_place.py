# SPDX-License-Identifier: MIT
"""Which fleet a command means when none is named: the last one that became ready, wherever its database is."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from simulator.commands.place import Place, existing_place, place_to_spawn
from simulator.errors import UserError


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
