# SPDX-License-Identifier: MIT
"""Clocks that drift: exact to the millisecond at any instant, and profile marks that follow them by whole blocks."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from meter_bench import CLOCK, Install, Meters, data, local

from simulator.meter.behaviour import story
from simulator.meter.clocks import Clock, nearest
from simulator.values import MS_PER_DAY, MS_PER_HOUR, MS_PER_SECOND, NEVER_MS

HALF_A_SECOND_A_DAY, TENTH_OF_TIME = 500_000, 8_640_000_000
BLOCK_MS = 30 * 60_000


@pytest.mark.parametrize(
    ("after_ms", "off_ms"), [(0, 0), (MS_PER_DAY - 1, 499), (MS_PER_DAY, 500), (2 * MS_PER_DAY + 172_800, 1001)]
)
def test_half_a_second_a_day_is_seen_to_the_millisecond(after_ms: int, off_ms: int) -> None:
    assert Clock(0, HALF_A_SECOND_A_DAY, 1_000).offset_at(1_000 + after_ms) == off_ms
    assert Clock(0, -HALF_A_SECOND_A_DAY, 1_000).offset_at(1_000 + after_ms) in (-off_ms, -off_ms - 1)


@pytest.mark.parametrize("drift_us", [0, 1, HALF_A_SECOND_A_DAY, -HALF_A_SECOND_A_DAY, TENTH_OF_TIME, -TENTH_OF_TIME])
@pytest.mark.parametrize("moment_ms", [5_000, 1_234_567, 30 * MS_PER_DAY])
def test_the_instant_at_which_a_clock_shows_a_moment_is_the_first(drift_us: int, moment_ms: int) -> None:
    clock = Clock(-250, drift_us, 4_000)
    at_ms = clock.instant_of(moment_ms)
    assert at_ms - 1 + clock.offset_at(at_ms - 1) < moment_ms <= at_ms + clock.offset_at(at_ms)


@pytest.mark.parametrize("drift_us", [HALF_A_SECOND_A_DAY, -HALF_A_SECOND_A_DAY, TENTH_OF_TIME, -TENTH_OF_TIME])
def test_marks_move_when_a_clock_is_half_a_block_off(drift_us: int) -> None:
    clock, at_ms = Clock(0, drift_us, 0), 0
    for shift in range(1, 4):
        moves_ms = clock.marks_move_ms(at_ms, BLOCK_MS)
        marks = [nearest(clock.offset_at(ms), BLOCK_MS) for ms in (moves_ms - 1, moves_ms)]
        step = BLOCK_MS if drift_us > 0 else -BLOCK_MS
        assert marks == [step * (shift - 1), step * shift]
        at_ms = moves_ms
    assert Clock(0, 0, 0).marks_move_ms(0, BLOCK_MS) == NEVER_MS


def rows(*numbers: int) -> np.ndarray:
    return np.array(numbers)


async def drifting(meters: Meters, drift_us: int) -> None:
    await story.upset_clocks(meters.cohort, rows(0), drift_us=drift_us)


async def shown(meters: Meters, row: int = 0) -> tuple[int, int, int, int]:
    octets = await meters.read(CLOCK, row=row)
    return octets[5], octets[6], octets[7], octets[8]


async def test_a_model_shows_hundredths_if_it_says_so(install: Install) -> None:
    meters = await install("every-class")
    await meters.until("2025-05-20T10:00:00")
    await drifting(meters, HALF_A_SECOND_A_DAY)
    await meters.until("2025-05-21T10:00:00")
    assert await shown(meters) == (10, 0, 0, 50)
    assert await shown(meters, row=1) == (10, 0, 0, 0)


async def test_most_models_show_whole_seconds(install: Install) -> None:
    meters = await install("is15959-1ph")
    await meters.until("2025-05-20T10:00:00")
    await drifting(meters, HALF_A_SECOND_A_DAY)
    await meters.until("2025-05-22T09:59:59")
    assert await shown(meters) == (9, 59, 59, 0)
    await meters.until("2025-05-22T10:00:00")
    assert await shown(meters) == (10, 0, 1, 0)


async def test_a_clock_goes_on_drifting_after_a_kill_and_after_it_was_set_right(install: Install) -> None:
    meters = await install("every-class")
    await meters.until("2025-05-20T10:00:00")
    await drifting(meters, 2 * HALF_A_SECOND_A_DAY)
    await meters.until("2025-05-21T22:00:00")
    meters = await meters.restarted()
    assert await shown(meters) == (22, 0, 1, 50)
    assert await meters.act(CLOCK, 3) == 0  # adjust_to_minute
    assert await shown(meters) == (22, 0, 0, 0)
    await meters.until("2025-05-22T10:00:00")
    assert await shown(meters) == (10, 0, 0, 50)
    assert await meters.act(CLOCK, 6, data("long", 3)) == 0  # shift_time keeps the part of a second
    assert await shown(meters) == (10, 0, 3, 50)


def marks(meters: Meters) -> list[str]:
    found = meters.of_meter("to_char(capture_time, 'DD HH24:MI')", "block_load_profile", order="capture_time")
    return [text for (text,) in found]


async def test_a_fast_clock_leaves_out_a_mark_once_it_is_half_a_block_ahead_and_counts_all(install: Install) -> None:
    meters = await install("is15959-1ph")
    await drifting(meters, TENTH_OF_TIME)  # a quarter of an hour ahead after 2 h 30, three quarters after 7 h 30
    await meters.until("2025-05-20T09:00:00")
    assert [mark[3:] for mark in marks(meters)] == [
        "00:30", "01:00", "01:30", "02:00", "02:30", "03:30", "04:00", "04:30", "05:00", "05:30", "06:00", "06:30",
        "07:00", "07:30", "08:00", "09:00", "09:30", "10:00",
    ]  # fmt: skip
    ((counted,),) = meters.of_meter("sum(kwh_import)", "block_load_profile", order="1")
    ((other,),) = meters.of_meter("count(*)", "block_load_profile", row=1, order="1")
    assert (counted > 0, other) == (True, 18)


@pytest.mark.parametrize("drift_us", [TENTH_OF_TIME, -TENTH_OF_TIME])
async def test_a_kill_at_any_time_changes_nothing_of_it(install: Install, drift_us: int) -> None:
    meters = await install("is15959-1ph")
    await drifting(meters, drift_us)
    whole = meters.now_ms
    for at_ms in itertools.accumulate([2 * MS_PER_HOUR, 31 * 60_000, 3 * MS_PER_HOUR, 5 * MS_PER_HOUR]):
        await meters.until_ms(whole + at_ms)
        meters = await meters.restarted()
    stamps = marks(meters)
    assert stamps == sorted(set(stamps))
    missing = [mark for mark in ("20 03:00", "20 08:30") if mark not in stamps]
    assert (len(missing), stamps[-1]) == ((2, "20 11:30") if drift_us > 0 else (0, "20 09:30"))


async def test_a_slow_clock_acts_at_its_own_time(install: Install) -> None:
    meters = await install("is15959-1ph")
    await meters.until("2025-05-20T00:00:00")
    await drifting(meters, -TENTH_OF_TIME)
    clock = Clock(0, -TENTH_OF_TIME, meters.now_ms)
    at_ms = clock.instant_of(meters.now_ms + 9 * MS_PER_HOUR)
    assert at_ms == meters.now_ms + 10 * MS_PER_HOUR
    await meters.until_ms(at_ms)
    assert meters.cohort.clocks_s(rows(0), at_ms).tolist() == [local("2025-05-20T09:00:00")]
    assert at_ms % MS_PER_SECOND == 0
