# SPDX-License-Identifier: MIT
"""What meters notice of their supply: conditions with persistence and restoration, values, restarts."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from meter_bench import LIMITER, RELAY, Install, Meters, data

from simulator.cosem.compiler import compile_model
from simulator.cosem.spec import load_spec
from simulator.errors import UserError
from simulator.meter.columns import new_columns
from simulator.meter.detectors import detectors_of, watch
from simulator.meter.supplied import supply_of
from simulator.meter.supply import disturb, power_fails, power_returns
from simulator.world.daytime import SLOT_MS
from simulator.world.electric import energies
from simulator.world.population import build_population
from simulator.world.shapes import load_world

D1, D2 = "is15959-1ph", "is15959-3ph"
FIRST = np.array([0])
WORLD, AT_MS = load_world(7), 20_244 * 96 * SLOT_MS
BEGIN = "2025-05-20T19:02:07"


class Case(NamedTuple):
    model: str
    code: int
    begin: dict[str, Any]
    undo: dict[str, Any]
    also: tuple[int, ...] = ()  # what the same disturbance is noticed by besides


SWELL, SAG = [1.3], [0.7]
CASES = [
    Case(D1, 7, {"voltage": SWELL}, {"voltage": [1.0]}),
    Case(D1, 9, {"voltage": SAG}, {"voltage": [1.0]}),
    Case(D1, 51, {"current": [-1.0], "load": 200.0}, {"current": [1.0]}),
    Case(D1, 67, {"load": 1e3}, {"load": 1.0}),
    Case(D1, 69, {"earth": 0.5, "load": 200.0}, {"earth": 0.0}),
    Case(D1, 81, {"current": [0.4], "load": 200.0}, {"current": [1.0]}),
    Case(D1, 207, {"earth": 1.0, "load": 200.0}, {"earth": 0.0}),
    Case(D1, 205, {"reactive": 40.0, "load": 200.0}, {"reactive": 1.0}),
    Case(D2, 1, {"voltage": [0.0, 1.0, 1.0]}, {"voltage": [1.0] * 3}),
    Case(D2, 3, {"voltage": [1.0, 0.1, 1.0]}, {"voltage": [1.0] * 3}),
    Case(D2, 5, {"voltage": [1.0, 1.0, 0.0]}, {"voltage": [1.0] * 3}),
    Case(D2, 7, {"voltage": SWELL * 3}, {"voltage": [1.0] * 3}),
    Case(D2, 9, {"voltage": SAG * 3}, {"voltage": [1.0] * 3}),
    Case(D2, 11, {"voltage": [1.0, 1.0, 0.87]}, {"voltage": [1.0] * 3}),
    Case(D2, 51, {"current": [-1.0, 1.0, 1.0], "load": 200.0}, {"current": [1.0] * 3}),
    Case(D2, 53, {"current": [1.0, -1.0, 1.0], "load": 200.0}, {"current": [1.0] * 3}),
    Case(D2, 55, {"current": [1.0, 1.0, -1.0], "load": 200.0}, {"current": [1.0] * 3}),
    Case(D2, 57, {"current": [0.0, 1.0, 1.0], "load": 200.0}, {"current": [1.0] * 3}),
    Case(D2, 59, {"current": [1.0, 0.0, 1.0], "load": 200.0}, {"current": [1.0] * 3}),
    Case(D2, 61, {"current": [1.0, 1.0, 0.0], "load": 200.0}, {"current": [1.0] * 3}),
    Case(D2, 65, {"current": [0.4] * 3, "load": 200.0}, {"current": [1.0] * 3}),
    Case(D2, 63, {"current": [0.0, 1.0, 1.0], "load": 200.0}, {"current": [1.0] * 3}),
    Case(D2, 67, {"load": 1e3}, {"load": 1.0}),
    Case(D2, 205, {"reactive": 40.0, "load": 200.0}, {"reactive": 1.0}),
]


def name(case: Case) -> str:
    return f"{case.model}-{case.code}"


def test_every_detector_of_both_models_is_among_the_cases() -> None:
    known = {(model, one.occurrence) for model in (D1, D2) for one in detectors_of(compile_model(model))}
    assert known == {(case.model, case.code) for case in CASES}


def later(moment: str, seconds: int) -> str:
    return (dt.datetime.fromisoformat(moment) + dt.timedelta(seconds=seconds)).isoformat()


def logged(meters: Meters, code: int | None = None) -> list[tuple[int, str]]:
    """Codes and times of the first meter's events; `code`: of one condition."""
    found = meters.of_meter("event_code, to_char(event_timestamp, 'YYYY-MM-DD\"T\"HH24:MI:SS')", "event_logs")
    return [one for one in found if code is None or one[0] in (code, code + 1)]


@pytest.mark.parametrize("case", CASES, ids=name)
async def test_a_disturbance_is_noticed_after_its_time_and_its_end_after_that(install: Install, case: Case) -> None:
    meters = await install(case.model)
    (detector,) = (one for one in detectors_of(meters.cohort.model) if one.occurrence == case.code)
    begins_s, ends_s = detector.threshold.persistence_s, detector.threshold.restoration_s
    await meters.until(BEGIN)
    await meters.write(RELAY, 4, data("enum", 0))  # no limiter opens the switch
    await disturb(meters.cohort, FIRST, meters.now_ms, **case.begin)
    await meters.until(later(BEGIN, begins_s - 1))
    assert logged(meters, case.code) == []
    await meters.until(later(BEGIN, begins_s))
    assert logged(meters, case.code) == [(case.code, later(BEGIN, begins_s))]
    undone = later(BEGIN, begins_s + 600)
    await meters.until(undone)
    await disturb(meters.cohort, FIRST, meters.now_ms, **case.undo)
    await meters.until(later(undone, ends_s))
    await meters.until("2025-05-20T23:00:00")
    found = logged(meters, case.code)
    assert found == [(case.code, later(BEGIN, begins_s)), (case.code + 1, later(undone, ends_s))]
    assert meters.of_meter("event_code", "event_logs", row=1) == []


@pytest.mark.parametrize(
    ("current", "codes"),
    [([0.0, 1.0, 1.0], {57, 63}), ([0.3, 1.0, 1.0], {65}), ([0.4, 0.4, 0.4], {65}), ([-1.0, 1.0, 1.0], {51})],
)
async def test_an_open_transformer_is_no_bypass(install: Install, current: list[float], codes: set[int]) -> None:
    meters = await install(D2)
    await meters.until(BEGIN)
    await meters.write(RELAY, 4, data("enum", 0))  # no limiter opens the switch
    await disturb(meters.cohort, FIRST, meters.now_ms, current=current, load=200.0)
    await meters.until(later(BEGIN, 1800))
    assert {code for code, _ in logged(meters) if code not in (67, 68, 160)} == codes


async def test_the_neutral_brings_back_what_goes_past_the_meter(install: Install) -> None:
    meters = await install(D1)
    await meters.until(BEGIN)
    phase, neutral, energy = "1.0.11.7.0.255", "1.0.91.7.0.255", "1.0.1.8.0.255"
    whole_a, start_wh = await meters.read(phase), await meters.read(energy)
    await disturb(meters.cohort, FIRST, meters.now_ms, current=[0.4])
    assert await meters.read(phase) == pytest.approx(0.4 * whole_a, abs=0.02)
    assert await meters.read(neutral) == pytest.approx(whole_a, rel=0.03, abs=0.03)
    assert await meters.read(energy) == start_wh


async def test_the_event_shows_the_values_of_the_disturbance(install: Install) -> None:
    meters = await install(D1)
    await meters.until(BEGIN)
    before_v = await meters.read("1.0.12.7.0.255")
    factor = 276.6 / before_v
    await disturb(meters.cohort, FIRST, meters.now_ms, voltage=[factor * 1.01])
    await meters.until(later(BEGIN, 300))
    ((_, code, *values),) = await meters.read("0.0.99.98.0.255")
    assert code == 7
    assert values[1] > 276
    (bits,) = ((await meters.read("0.0.94.91.18.255"))[1],)
    assert bits[0] & 0x10  # bit 3: over voltage


async def test_what_is_over_before_its_time_is_not_noticed(install: Install) -> None:
    meters = await install(D1)
    await meters.until(BEGIN)
    for _ in range(3):  # four minutes each
        await disturb(meters.cohort, FIRST, meters.now_ms, voltage=SAG)
        await meters.until_ms(meters.now_ms + 240_000)
        await disturb(meters.cohort, FIRST, meters.now_ms, voltage=[1.0])
        await meters.until_ms(meters.now_ms + 60_000)
    await meters.until("2025-05-20T20:00:00")
    assert logged(meters) == []


async def test_a_second_disturbance_does_not_set_the_time_back(install: Install) -> None:
    meters = await install(D1)
    await meters.until(BEGIN)
    await disturb(meters.cohort, FIRST, meters.now_ms, voltage=SAG)
    await meters.until(later(BEGIN, 200))
    await disturb(meters.cohort, FIRST, meters.now_ms, voltage=[0.6], load=0.5)
    await meters.until(later(BEGIN, 400))
    assert logged(meters) == [(9, later(BEGIN, 300))]


@pytest.mark.parametrize("after_s", [100, 301])
async def test_nothing_is_lost_or_noticed_twice_by_a_restart(install: Install, after_s: int) -> None:
    meters = await install(D1)
    await meters.until(BEGIN)
    await disturb(meters.cohort, FIRST, meters.now_ms, voltage=SAG)
    await meters.until(later(BEGIN, after_s))
    meters = await meters.restarted()
    await meters.until("2025-05-20T20:10:00")
    await disturb(meters.cohort, FIRST, meters.now_ms, voltage=[1.0])
    await meters.until("2025-05-20T21:10:00")
    assert logged(meters) == [(9, later(BEGIN, 300)), (10, "2025-05-20T20:12:00")]


async def test_a_catch_up_of_days_notices_what_a_life_would_have(install: Install) -> None:
    meters = await install(D1)
    await meters.until(BEGIN)
    await disturb(meters.cohort, np.arange(3), meters.now_ms, voltage=[1.13])  # over 115 % by night alone
    meters.now_ms += 3 * 86_400_000
    caught_up = await meters.restarted()
    found = logged(caught_up, 7)
    assert [code for code, _ in found] == [7, 8] * (len(found) // 2)
    assert len(found) >= 4
    assert {at[14:] for code, at in found if code == 7} <= {"05:00", "20:00", "35:00", "50:00"}
    volts = dict(
        caught_up.of_meter(
            "to_char(capture_time, 'YYYY-MM-DD\"T\"HH24:MI:SS'), average_voltage_r", "block_load_profile"
        )
    )
    assert volts["2025-05-22T03:00:00"] > 270
    words = dict(
        caught_up.of_meter("to_char(capture_time, 'YYYY-MM-DD\"T\"HH24:MI:SS'), status_word", "block_load_profile")
    )
    assert {bool(int(words[block][:2], 16) & 0x10) for block in ("2025-05-22T03:00:00", "2025-05-22T20:00:00")} == {
        True,
        False,
    }


@given(st.lists(st.integers(1, 2 * 96 * SLOT_MS - 1), max_size=12, unique=True))
def test_however_often_it_is_looked_the_same_is_noticed(cuts_ms: list[int]) -> None:
    meters = build_population(
        WORLD, np.arange(20, dtype=np.uint64), load="mixed", phases=1, feeders=np.zeros(20, np.uint64)
    )
    columns = new_columns(meters.initial_wh, 1, installed_ms=AT_MS, local_s=0, status_word=np.zeros(4, np.int64))
    columns = replace(columns, voltage_milli=np.full((1, 20), 1130))
    seen = []
    for edges in ([0, 2 * 96 * SLOT_MS], sorted({0, *cuts_ms, 2 * 96 * SLOT_MS})):
        watched, noticed = columns, []
        for start_ms, end_ms in pairwise(AT_MS + edge for edge in edges):
            slots = np.arange(start_ms // SLOT_MS, -(-end_ms // SLOT_MS))
            brought = energies(WORLD, meters, slots, supply=supply_of(watched))
            edges_ms = np.minimum(np.append(slots, slots[-1] + 1) * SLOT_MS, end_ms)
            found = watch(compile_model(D1), watched, brought, edges_ms)
            watched = replace(watched, **found.columns)
            noticed += [(one.at_ms, one.code, row) for one in found.sights for row in one.rows.tolist()]
        seen.append(sorted(noticed))
    assert seen[0] == seen[1]
    assert len(seen[0]) > 20


async def test_an_outage_ends_what_was_beginning(install: Install) -> None:
    meters = await install(D1)
    await meters.until(BEGIN)
    await disturb(meters.cohort, FIRST, meters.now_ms, voltage=SAG)
    await meters.until(later(BEGIN, 200))
    await power_fails(meters.cohort, FIRST, meters.now_ms)
    await meters.until(later(BEGIN, 1000))
    await power_returns(meters.cohort, FIRST, meters.now_ms)
    started_ms = int(meters.cohort.columns.boot_ms[0])
    await meters.until_ms(started_ms + 299_000)
    assert logged(meters, 9) == []
    await meters.until_ms(started_ms + 300_000)
    assert [code for code, _ in logged(meters, 9)] == [9]


@pytest.mark.parametrize("model", [D1, D2])
@pytest.mark.parametrize("load", ["mixed", "solar"])
async def test_nature_alone_is_no_event(install: Install, model: str, load: str) -> None:
    meters = await install(model, load=load)
    await meters.until("2025-06-20T00:00:00")
    assert meters.sql("SELECT count(*) FROM event_logs") == [(0,)]


async def test_a_model_with_tight_limits_notices_nature(install: Install, tmp_path: Path) -> None:
    path = tmp_path / "touchy.yaml"
    path.write_text(
        "extends: is15959-1ph\nthresholds:\n"
        "  low-voltage: {occurs: 0.99, restores: 1.0, persistence_s: 120, restoration_s: 60}\n"
    )
    meters = await install(str(path))
    await meters.until("2025-05-22T00:00:00")
    found = logged(meters)
    assert [code for code, _ in found] == [9, 10] * (len(found) // 2) or [code for code, _ in found][:2] == [9, 10]
    assert {at[14:] for code, at in found if code == 9} <= {"02:00", "17:00", "32:00", "47:00"}


def test_a_threshold_that_ends_before_it_begins_is_told(tmp_path: Path) -> None:
    path = tmp_path / "odd.yaml"
    path.write_text(
        "extends: is15959-1ph\nthresholds:\n"
        "  over-voltage: {occurs: 1.1, restores: 1.2, persistence_s: 60, restoration_s: 60}\n"
    )
    with pytest.raises(UserError, match=r"over-voltage: it restores at 1\.2 before it occurs, at 1\.1"):
        load_spec(str(path))


async def test_a_condition_that_the_load_switch_ends_is_over_after_its_time(install: Install) -> None:
    meters = await install(D1)
    await meters.until(BEGIN)
    await meters.write(RELAY, 4, data("enum", 2))
    await meters.write(LIMITER, 6, data("double-long-unsigned", 3600))  # it would open the switch sooner
    await disturb(meters.cohort, FIRST, meters.now_ms, load=1000.0)
    await meters.until(later(BEGIN, 400))
    assert await meters.act(RELAY, 1) == 0
    await meters.until(later(BEGIN, 520))
    assert logged(meters, 67) == [(67, later(BEGIN, 300)), (68, later(BEGIN, 520))]
