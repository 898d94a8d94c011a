# SPDX-License-Identifier: MIT
"""What `verify` shows of very many differences: each table, kind and meter, and nobody's rows hide another's."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from simulator.commands.verify import _document, _limits, _show
from simulator.errors import UserError
from simulator.hes import heat_map
from simulator.hes.ranges import Range, ranges
from simulator.hes.verifying import Finding, Outcome

_CHANGED = {"kwh_import": ("0.125", "1.250")}
_LOST = [
    Finding("block_load_profile", "missing", "M1", f"2025-07-0{day} {hour:02}:00:00")
    for day in (2, 1, 3)
    for hour in range(24)
]
_LIAR = [
    Finding("block_load_profile", "different", "M2", f"2025-07-01 {hour:02}:30:00", columns=_CHANGED) for hour in (9, 8)
]
_ONE = Finding("event_logs", "missing", "M3", "2025-07-01 10:00:00", "151")
_MANY = [Finding("daily_load_profile", "missing", f"M{number}", "2025-07-01", rows=2) for number in range(8)]
_OUTCOMES = [
    Outcome("block_load_profile", 100, 3, "2025-06-29", "2025-07-03", [*_LOST, *_LIAR]),
    Outcome("event_logs", 10, 3, "2025-07-01", "2025-07-01", [_ONE]),
    Outcome("daily_load_profile", 10, 3, "2025-06-30", "2025-07-05", _MANY),
]
_METERS = [f"M{number}" for number in range(10)]


def test_rows_of_one_kind_and_meter_are_one_range() -> None:
    lost, liar, one = ranges([*_LOST, *_LIAR, _ONE])
    assert lost == Range(
        "block_load_profile", "missing", "M1", "2025-07-01 00:00:00", "2025-07-03 23:00:00", 72, "0", {}
    )
    assert (liar.first, liar.rows, liar.columns) == ("2025-07-01 08:30:00", 2, _CHANGED)
    assert (one.rows, one.number) == (1, "151")


def test_every_table_and_kind_is_shown_however_many_rows_another_has(capsys: pytest.CaptureFixture[str]) -> None:
    _show(_OUTCOMES)
    lines = capsys.readouterr().out.splitlines()
    assert "block_load_profile: missing M1, 72 rows from 2025-07-01 00:00:00 to 2025-07-03 23:00:00" in lines
    liar = "block_load_profile: different M2, 2 rows from 2025-07-01 08:30:00 to 2025-07-01 09:30:00"
    assert f"{liar}; first kwh_import 0.125 → 1.250" in lines
    assert "event_logs: missing M3 2025-07-01 10:00:00 151" in lines
    assert "… and 6 more rows at 3 more meters: --json or --report" in lines


def test_json_and_report_have_the_ranges_and_all_rows() -> None:
    found = _document(_OUTCOMES, 10)
    assert [(one["table"], one["meter"], one["rows"]) for one in found["ranges"][:3]] == [
        ("block_load_profile", "M1", 72),
        ("block_load_profile", "M2", 2),
        ("event_logs", "M3", 1),
    ]
    assert len(found["findings"]) == 83
    text = heat_map.page(_OUTCOMES, _METERS, head="")
    assert "<td>M1</td><td>72</td><td>2025-07-01 00:00:00</td><td>2025-07-03 23:00:00</td>" in text
    assert "kwh_import 0.125 → 1.250" in text


def days_of(text: str) -> list[str]:
    return re.findall(r"<th>(\d{4}-\d\d-\d\d)</th>", text)


def test_the_map_is_of_all_meters_and_its_axis_is_time() -> None:
    """Days without a difference, too: a gap between columns would look like none."""
    expected = ["2025-06-29", "2025-06-30", *(f"2025-07-0{day}" for day in range(1, 6))]
    for outcomes in (_OUTCOMES, [replace(outcome, findings=[]) for outcome in _OUTCOMES]):
        text = heat_map.page(outcomes, _METERS, head="")
        assert days_of(text) == expected
        assert [text.count(f"<td>{meter}</td>") >= 1 for meter in _METERS] == [True] * 10
    assert "No difference at any of 10 meters" in text


def test_of_very_many_meters_and_days_those_with_differences_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heat_map, "_METERS", 9)
    monkeypatch.setattr(heat_map, "_DAYS", 6)
    text = heat_map.page(_OUTCOMES, _METERS, head="")
    assert days_of(text) == ["2025-07-01", "2025-07-02", "2025-07-03"]
    assert "2 other meters and 4 other days have no difference and are not shown" in text


def test_what_compared_nothing_has_not_found_that_there_is_no_difference(capsys: pytest.CaptureFixture[str]) -> None:
    nothing = [Outcome("event_logs")]
    _show(nothing)
    text = capsys.readouterr().out + heat_map.page(nothing, _METERS, head="")
    assert "no difference" not in text.lower()
    assert "Nothing was there to be compared" in text


def test_a_range_that_ends_before_it_begins_is_a_mistake() -> None:
    with pytest.raises(UserError, match="--from 2025-07-02 is after --to 2025-07-01"):
        _limits("2025-07-02", "2025-07-01", None)
    assert _limits("2025-07-01", "2025-07-01", None).last is not None
