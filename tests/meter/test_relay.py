# SPDX-License-Identifier: MIT
"""The load switch (Blue Book 4.5.8): control modes, nothing consumed while it is open, sums exact to the watt-hour."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from meter_bench import ENERGY, LIMITER, RELAY, VOLTAGE, Install, Meters, data, key

from simulator.meter.behaviour import limiter, relay
from simulator.meter.behaviour.registry import acted, written
from simulator.meter.change import Change, Meter
from simulator.world import electric

D1 = "is15959-1ph"
REFUSED = 250
DISCONNECTED, CONNECTED, READY = 0, 1, 2


async def press(meters: Meters, *, connect: bool) -> object:
    async with meters.cohort.lock:
        meter = Meter(meters.cohort, 0, meters.now_ms, acted, written)
        answer = await relay.press_button(meter, key(RELAY, 4), connect=connect)
        if isinstance(answer, Change):
            await meter.apply(answer)
        return answer


async def test_a_disconnected_meter_consumes_nothing_and_has_voltage(install: Install) -> None:
    meters = await install(D1)
    await meters.until("2025-05-20T10:07:13")
    assert await meters.act(RELAY, 1) == 0
    stopped = await meters.read(ENERGY)
    await meters.until("2025-05-20T12:21:40")
    assert await meters.read(ENERGY) == stopped
    assert await meters.read("1.0.1.7.0.255") == 0
    assert await meters.read("1.0.11.7.0.255") == 0
    assert await meters.read(VOLTAGE) > 180
    assert (await meters.read(RELAY, 2), await meters.read(RELAY, 3)) == (False, DISCONNECTED)
    blocks = dict(meters.of_meter("capture_time::time::text, kwh_import", "block_load_profile"))
    assert blocks["10:30:00"] > 0
    assert blocks["11:00:00"] == blocks["12:00:00"] == 0
    volts = dict(meters.of_meter("capture_time::time::text, average_voltage_r", "block_load_profile"))
    assert min(volts.values()) > 180


async def test_blocks_days_and_registers_agree_whatever_the_relay_did(install: Install) -> None:
    meters = await install(D1)
    before = meters.cohort.columns.cumulative_mwh[0, 0] // 1000
    for moment, method in (
        ("2025-05-20T07:11:01", 1), ("2025-05-20T07:19:02", 2), ("2025-05-20T07:24:59", 1),
        ("2025-05-20T09:00:00", 2), ("2025-05-20T18:44:44", 1), ("2025-05-20T21:03:05", 2),
    ):  # fmt: skip
        await meters.until(moment)
        seen = await meters.read(ENERGY)
        assert await meters.act(RELAY, method) == 0
        assert await meters.read(ENERGY) == seen  # a switch moves no register
    await meters.until("2025-05-21T00:00:00")
    (total,) = meters.of_meter("sum(kwh_import), sum(kvah_import)", "block_load_profile", order="1")
    (day,) = meters.of_meter("daily_kwh_import, daily_kvah_import, cumulative_kwh_import", "daily_load_profile")
    assert total == day[:2]
    assert day[2] - Decimal(int(before)) / 1000 == day[0]
    (other,) = meters.of_meter("daily_kwh_import", "daily_load_profile", row=1)
    assert other[0] > 0


async def test_the_average_current_of_a_cut_block_is_that_of_its_whole_length(install: Install) -> None:
    meters = await install(D1)
    await meters.until("2025-05-20T10:15:00")
    assert await meters.act(RELAY, 1) == 0
    await meters.until("2025-05-20T10:30:00")
    cut, whole = (meters.of_meter("average_current_r", "block_load_profile", row=row)[-1][0] for row in (0, 1))
    assert cut > 0
    assert whole > 0
    from_slot = meters.sql(
        "SELECT kvah_import * 1000 / average_voltage_r / 0.5 FROM block_load_profile WHERE meter_id = %s"
        " ORDER BY capture_time DESC LIMIT 1", meters.cohort.identities[0].id,
    )[0][0]  # fmt: skip
    assert abs(float(cut) - float(from_slot)) < 0.03  # VAh of the half block over its voltage and half an hour


# Blue Book 4.5.8, control modes: what a remote reconnect of a disconnected meter leads to, and a button afterwards.
@pytest.mark.parametrize(
    ("mode", "after_remote", "after_button"),
    [(1, READY, CONNECTED), (2, CONNECTED, CONNECTED), (3, READY, CONNECTED), (4, CONNECTED, CONNECTED),
     (5, READY, CONNECTED), (6, READY, CONNECTED)],
)  # fmt: skip
async def test_reconnection_by_control_mode(install: Install, mode: int, after_remote: int, after_button: int) -> None:
    meters = await install(D1)
    assert await meters.write(RELAY, 4, data("enum", mode)) == 0
    assert await meters.act(RELAY, 1) == 0
    assert await meters.read(RELAY, 3) == DISCONNECTED
    assert await press(meters, connect=True) == REFUSED  # without leave no button helps
    assert await meters.act(RELAY, 2) == 0
    assert await meters.read(RELAY, 3) == after_remote
    await press(meters, connect=True)
    assert await meters.read(RELAY, 3) == after_button
    assert await meters.act(RELAY, 2) == 0  # connected as asked already


@pytest.mark.parametrize(("mode", "leaves"), [(0, CONNECTED), (1, READY), (2, READY), (3, CONNECTED), (4, CONNECTED),
                                              (5, READY), (6, CONNECTED)])  # fmt: skip
async def test_who_may_disconnect_by_hand(install: Install, mode: int, leaves: int) -> None:
    meters = await install(D1)
    assert await meters.write(RELAY, 4, data("enum", mode)) == 0
    await press(meters, connect=False)
    assert await meters.read(RELAY, 3) == leaves


async def test_mode_0_never_opens_and_modes_beyond_6_do_not_exist(install: Install) -> None:
    meters = await install(D1)
    assert await meters.act(RELAY, 1) == 0
    assert await meters.write(RELAY, 4, data("enum", 7)) == REFUSED
    assert await meters.write(RELAY, 4, data("enum", 0)) == 0
    assert await meters.read(RELAY, 3) == CONNECTED
    assert await meters.act(RELAY, 1) == REFUSED
    assert await meters.act(RELAY, 1, client=32) == 3  # the reader may not


async def test_switching_is_in_the_control_log(install: Install) -> None:
    meters = await install(D1)
    await meters.until("2025-05-20T10:07:13")
    await meters.act(RELAY, 1)
    await meters.act(RELAY, 2)
    codes = [row[1] for row in await meters.read("0.0.99.98.6.255")]
    assert codes == [301, 302]
    assert await meters.read("0.0.96.11.6.255") == 302


async def test_what_a_client_switched_survives_the_death_of_the_process(install: Install) -> None:
    meters = await install(D1)
    await meters.until("2025-05-20T10:07:13")
    await meters.act(RELAY, 1)
    again = await meters.restarted()
    assert await again.read(RELAY, 3) == DISCONNECTED
    assert await again.read(ENERGY) == await meters.read(ENERGY)
    await again.until("2025-05-20T12:00:00")
    (total,) = again.of_meter("sum(kwh_import)", "block_load_profile", order="1")
    column = again.cohort.columns
    assert int(total[0] * 1000) == column.cumulative_mwh[0, 0] // 1000 - again.cohort.population.initial_wh[0, 0]


async def test_the_limiter_trips_after_its_time_and_not_before(install: Install) -> None:
    meters = await install(D1)
    await meters.until("2025-05-20T19:00:00")
    power_w = int(meters.cohort.shown()["active_power"][0])
    assert await meters.write(LIMITER, 6, data("double-long-unsigned", 300)) == 0
    assert await meters.write(LIMITER, 4, data("double-long-unsigned", max(power_w // 4, 1))) == 0
    assert await meters.read(LIMITER, 3) == max(power_w // 4, 1)
    await meters.until("2025-05-20T19:04:59")
    assert await meters.read(RELAY, 3) == CONNECTED
    await meters.until("2025-05-20T19:05:00")
    assert (await meters.read(RELAY, 2), await meters.read(RELAY, 3)) == (False, READY)
    await meters.until("2025-05-20T20:05:00")
    assert await meters.read(RELAY, 3) == READY  # mode 4: only a hand reconnects
    events = meters.of_meter("event_code, event_timestamp::time::text", "event_logs")
    assert events[-2:] == [(301, "19:05:00"), (215, "19:05:00")]


async def test_a_trip_days_ahead_is_found_at_its_second(install: Install) -> None:
    """Against the load second by second; most of its quarters stay below the threshold."""
    meters = await install(D1)
    await meters.until("2025-05-20T19:00:00")
    cohort, duration_s = meters.cohort, 180
    instants = meters.now_ms + np.arange(20 * 86_400) * 1000
    active, _ = electric.powers(cohort.around.world, cohort.population.take(slice(0, 1)), instants)
    held = np.lib.stride_tricks.sliding_window_view(active, duration_s).min(axis=1)
    threshold = int(held[: 3 * 86_400].max()) + 1  # so that three days pass before it trips
    trip_s = int(np.flatnonzero(held > threshold)[0]) + duration_s
    assert await meters.write(LIMITER, 6, data("double-long-unsigned", duration_s)) == 0
    assert await meters.write(LIMITER, 4, data("double-long-unsigned", threshold)) == 0
    trip = dt.datetime.fromisoformat("2025-05-20T19:00:00") + dt.timedelta(seconds=trip_s)
    await meters.until((trip - dt.timedelta(seconds=1)).isoformat())
    assert await meters.read(RELAY, 3) == CONNECTED
    await meters.until(trip.isoformat())
    assert await meters.read(RELAY, 3) == READY


async def test_in_mode_6_the_limiter_lets_the_load_back_in(install: Install) -> None:
    meters = await install(D1)
    await meters.until("2025-05-20T19:00:00")
    power_w = int(meters.cohort.shown()["active_power"][0])
    await meters.write(RELAY, 4, data("enum", 6))
    await meters.write(LIMITER, 7, data("double-long-unsigned", 120))
    await meters.write(LIMITER, 4, data("double-long-unsigned", max(power_w // 4, 1)))
    await meters.until("2025-05-20T19:01:00")
    assert await meters.read(RELAY, 3) == READY
    await meters.until("2025-05-20T19:03:00")
    assert await meters.read(RELAY, 3) == CONNECTED


async def test_a_limiter_that_trips_while_the_process_is_down_trips_all_the_same(install: Install) -> None:
    meters = await install(D1)
    await meters.until("2025-05-20T19:00:00")
    power_w = int(meters.cohort.shown()["active_power"][0])
    await meters.write(LIMITER, 4, data("double-long-unsigned", max(power_w // 4, 1)))
    meters.now_ms += 3_600_000
    again = await meters.restarted()
    assert await again.read(RELAY, 3) == READY
    assert again.of_meter("capture_time::time::text", "block_load_profile")[-1] == ("20:00:00",)
    assert again.of_meter("kwh_import", "block_load_profile")[-1] == (0,)


@given(st.lists(st.booleans(), min_size=1, max_size=300), st.integers(1, 40))
def test_looking_window_by_window_misses_nothing(over: list[bool], seconds: int) -> None:
    def over_at(instants: Any) -> Any:
        return np.array(over)[instants // 1000]

    end_ms, length_ms = 1000 * len(over), 1000 * seconds
    whole = limiter._held(np.arange(0, end_ms, 1000), np.array(over), length_ms)
    windows = limiter._windows(0, end_ms, length_ms, span_ms=7000)
    assert next((found for one in windows if (found := limiter._held(one, over_at(one), length_ms))), 0) == whole
