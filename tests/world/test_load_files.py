# SPDX-License-Identifier: MIT
"""Load files: the shipped ones are sound, and every mistake in a wrong one is reported with its place."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pytest

from simulator.errors import UserError
from simulator.world.daytime import local_time
from simulator.world.shapes import World, load_world

HOURS = "[" + ", ".join(["1"] * 24) + "]"
GOOD = f"""\
name: flat
description: the same all day
source: invented
yearly_kwh: {{median: 876.6}}
periods:
  - {{from: "01-01", weekday: {HOURS}, saturday: {HOURS}, sunday: {HOURS}}}
"""


def _mistakes(folder: Path, **files: str) -> list[str]:
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text)
    with pytest.raises(UserError) as caught:
        load_world(1, folder)
    return [str(mistake).removeprefix(str(folder) + "/") for mistake in caught.value.mistakes]


def _slots(first: dt.date, days: int) -> np.ndarray:
    return (first - dt.date(1970, 1, 1)).days * 96 + np.arange(days * 96)


def test_shipped_loads(world: World) -> None:
    assert {"household", "shop", "workshop", "streetlight", "solar", "mixed"} <= set(world.loads())


def test_a_curve_has_mean_1_over_a_year(world: World) -> None:
    time = local_time(_slots(dt.date(2025, 1, 1), 365), 0)
    for shape in world.shapes:
        assert shape.curve(time).mean() == pytest.approx(1, abs=0.005), shape.name
        assert shape.curve(time).min() >= 0


def test_a_years_last_period_goes_on_into_the_next_year(tmp_path: Path) -> None:
    high = HOURS.replace("1", "3")
    summer = f'  - {{from: "06-01", weekday: {high}, saturday: {high}, sunday: {high}}}\n'
    winter = GOOD.replace("01-01", "11-01")
    (tmp_path / "flat.yaml").write_text(winter + summer)
    shape = load_world(1, tmp_path).shapes[0]
    january, june, october, november = (
        shape.curve(local_time(_slots(dt.date(2025, *day), 1), 0))[0] for day in [(1, 1), (6, 1), (10, 31), (11, 1)]
    )
    assert january == november
    assert june == october == pytest.approx(3 * january)


def test_leap_years_keep_their_dates() -> None:
    dates = [dt.date(2024, 2, 29), dt.date(2024, 3, 1), dt.date(2025, 3, 1), dt.date(2025, 12, 31)]
    time = local_time(np.array([_slots(date, 1)[0] for date in dates]), 0)
    assert time.day_of_year.tolist() == [59, 60, 60, 365]
    assert time.month.tolist() == [1, 2, 2, 11]


def test_day_kinds_follow_the_local_calendar() -> None:
    friday_evening_utc = int(dt.datetime(2025, 6, 6, 18, 30, tzinfo=dt.UTC).timestamp()) // 900
    time = local_time(friday_evening_utc + np.array([-1, 0, 96, 192]), 330)
    assert time.day_kind.tolist() == [0, 1, 2, 0]
    assert time.quarter.tolist() == [95, 0, 0, 0]


def test_an_offset_that_splits_slots_is_refused() -> None:
    with pytest.raises(ValueError, match="no multiple of 15"):
        local_time(np.array([0]), 337)


def test_all_mistakes_of_all_files_at_once(tmp_path: Path) -> None:
    mistakes = _mistakes(
        tmp_path,
        flat=GOOD.replace("01-01", "02-30").replace("median: 876.6", "median: -1"),
        other=GOOD + "colour: red\n",
        broken="name: [",
    )
    assert any(mistake.startswith("flat.yaml:4:") and "expected more than 0, not -1" in mistake for mistake in mistakes)
    assert any(
        mistake.startswith("flat.yaml:6:") and "'02-30' is not a day of the year" in mistake for mistake in mistakes
    )
    assert any(mistake.startswith("other.yaml:") and "unknown key" in mistake for mistake in mistakes)
    assert any(mistake.startswith("broken.yaml:") and "not valid YAML" in mistake for mistake in mistakes)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (GOOD.replace("name: flat", "name: round"), "must be the file's name 'flat'"),
        (GOOD + "shape_of: flat\n", "exactly one of periods, dusk_to_dawn, shape_of and mix"),
        (GOOD.replace("yearly_kwh: {median: 876.6}\n", ""), "yearly_kwh is needed"),
        (GOOD.replace(HOURS, HOURS.replace("1", "0")), "zero on every weekday"),
        (GOOD.replace("[1, ", "["), "at least 24 of them"),
        (GOOD[: GOOD.index("periods")] + "shape_of: flt\n", "no load 'flt' with a day of its own"),
        ("name: flat\ndescription: d\nsource: s\nmix: {flt: 1}\n", "no load 'flt'"),
        (GOOD[: GOOD.index("periods")] + 'dusk_to_dawn: [["05:00", "18:00"]]\n', "at least 12 of them"),
        (GOOD[: GOOD.index("periods")] + f"dusk_to_dawn: [{', '.join(['[5pm, 05:00]'] * 12)}]\n", "not a time of day"),
        (
            GOOD[: GOOD.index("periods")] + f"dusk_to_dawn: [{', '.join(['[05:00, 18:00]'] * 12)}]\n",
            "dusk in the evening",
        ),
    ],
)
def test_a_wrong_file_says_what_was_expected(tmp_path: Path, text: str, expected: str) -> None:
    mistakes = _mistakes(tmp_path, flat=text)
    assert any(expected in mistake for mistake in mistakes), mistakes


def test_an_empty_folder_is_a_mistake(tmp_path: Path) -> None:
    assert "no load shapes" in _mistakes(tmp_path)[0]
