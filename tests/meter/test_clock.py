# SPDX-License-Identifier: MIT
"""The meter's clock (Blue Book 4.5.1): set, adjust, preset, shift; what a step does to profiles."""

from __future__ import annotations

import datetime as dt

import pytest
from meter_bench import BLOCK, CLOCK, DAILY, Install, Meters, data

from simulator.store.embedded import EmbeddedPostgres
from simulator.wire.axdr import Data
from simulator.wire.codes import Tag

D1 = "is15959-1ph"
TEMPORARY_FAILURE, REFUSED = 2, 250


def stamp(text: str, deviation: str = "8000") -> bytes:
    moment = dt.datetime.fromisoformat(text)
    head = moment.year.to_bytes(2, "big") + bytes((moment.month, moment.day, 0xFF))
    return head + bytes((moment.hour, moment.minute, moment.second, 0)) + bytes.fromhex(deviation) + b"\x00"


def time(text: str, deviation: str = "8000") -> Data:
    return Data(Tag.OCTET_STRING, stamp(text, deviation))


async def shown(meters: Meters, row: int = 0) -> str:
    octets = await meters.read(CLOCK, row=row)
    year = int.from_bytes(octets[:2], "big")
    return f"{year}-{octets[2]:02}-{octets[3]:02} {octets[5]:02}:{octets[6]:02}:{octets[7]:02}"


async def test_setting_the_clock_moves_it_and_leaves_the_others_alone(install: Install) -> None:
    meters = await install(D1)
    await meters.until("2025-05-20T10:10:00")
    assert await meters.write(CLOCK, 2, time("2025-05-20 10:12:30")) == 0
    assert await shown(meters) == "2025-05-20 10:12:30"
    assert await shown(meters, row=1) == "2025-05-20 10:10:00"
    await meters.until("2025-05-20T10:11:00")
    assert await shown(meters) == "2025-05-20 10:13:30"
    assert [row[1] for row in await meters.read("0.0.99.98.3.255")] == [151]
    assert await meters.read("0.0.96.2.0.255") == 1  # programming count
    again = await meters.restarted()
    assert await shown(again) == "2025-05-20 10:13:30"


async def test_a_deviation_other_than_the_meters_is_converted(install: Install) -> None:
    meters = await install(D1)
    await meters.until("2025-05-20T10:10:00")
    assert await meters.write(CLOCK, 2, time("2025-05-20 04:42:00", "0000")) == 0  # UTC
    assert await shown(meters) == "2025-05-20 10:12:00"


@pytest.mark.parametrize("octets", [
    bytes.fromhex("FFFF0514FF0A0A0000800000"), bytes.fromhex("07E905FFFF0A0A0000800000"),
    bytes.fromhex("07E90D14FF0A0A0000800000"), bytes.fromhex("07E90514FF1A0A0000800000"),
])  # fmt: skip
async def test_a_time_that_names_no_moment_is_refused(install: Install, octets: bytes) -> None:
    meters = await install(D1)
    before = await shown(meters)
    assert await meters.write(CLOCK, 2, Data(Tag.OCTET_STRING, octets)) == REFUSED
    assert await shown(meters) == before


@pytest.mark.parametrize(("method", "at", "becomes"), [
    (1, "10:08:00", "10:15:00"), (1, "10:07:00", "10:00:00"),
    (2, "10:20:00", "10:30:00"), (2, "10:14:00", "10:00:00"),
    (3, "10:08:31", "10:09:00"), (3, "10:08:29", "10:08:00"),
])  # fmt: skip
async def test_adjustments(install: Install, method: int, at: str, becomes: str) -> None:
    meters = await install(D1)
    await meters.until(f"2025-05-20T{at}")
    assert await meters.act(CLOCK, method) == 0
    assert await shown(meters) == f"2025-05-20 {becomes}"


async def test_shift_within_its_limits(install: Install) -> None:
    meters = await install(D1)
    await meters.until("2025-05-20T10:10:00")
    assert await meters.act(CLOCK, 6, data("long", -61)) == 0
    assert await shown(meters) == "2025-05-20 10:08:59"
    assert await meters.act(CLOCK, 6, data("long", 901)) == REFUSED


async def test_a_preset_time_holds_within_its_interval_only(install: Install) -> None:
    meters = await install(D1)
    await meters.until("2025-05-20T10:10:00")
    assert await meters.act(CLOCK, 4) == REFUSED  # nothing is preset
    parts = ("2025-05-20 10:20:00", "2025-05-20 10:15:00", "2025-05-20 10:25:00")
    preset = Data(Tag.STRUCTURE, tuple(time(part) for part in parts))
    assert await meters.act(CLOCK, 5, preset) == 0
    assert await meters.act(CLOCK, 4) == REFUSED  # too early
    await meters.until("2025-05-20T10:18:00")
    meters = await meters.restarted()
    assert await meters.act(CLOCK, 4) == 0
    assert await shown(meters) == "2025-05-20 10:20:00"


async def marks(meters: Meters) -> list[str]:
    rows = meters.of_meter("capture_time::text", "block_load_profile", order="capture_time")
    return [text[5:16] for (text,) in rows]


async def test_an_hour_ahead_leaves_a_gap_and_loses_no_energy(install: Install) -> None:
    meters = await install(D1)
    await meters.until("2025-05-20T10:10:00")
    assert await meters.write(CLOCK, 2, time("2025-05-20 11:10:00")) == 0
    await meters.until("2025-05-20T23:00:00")
    stamped = await marks(meters)
    assert "05-20 10:30" not in stamped
    assert "05-20 11:00" not in stamped
    assert stamped[-1] == "05-21 00:00"  # its own midnight, an hour before the others'
    (total,) = meters.of_meter("sum(kwh_import)", "block_load_profile", order="1")
    (day,) = meters.of_meter("daily_kwh_import", "daily_load_profile")
    assert total == day
    assert meters.of_meter("1", "daily_load_profile", row=1) == []
    assert len(await meters.read(BLOCK)) == len(stamped)


async def test_an_hour_back_writes_the_overtaken_marks_anew(install: Install) -> None:
    meters = await install(D1)
    await meters.until("2025-05-20T10:10:00")
    assert await meters.write(CLOCK, 2, time("2025-05-20 09:10:00")) == 0
    assert (await marks(meters))[-1] == "05-20 09:00"
    await meters.until("2025-05-20T12:05:00")
    stamped = await marks(meters)
    assert stamped == sorted(set(stamped))
    assert stamped[-1] == "05-20 11:00"
    await meters.until("2025-05-21T01:00:00")
    assert len(await meters.read(DAILY)) == 1


async def test_a_clock_back_over_midnight_has_that_midnight_twice(install: Install) -> None:
    meters = await install(D1)
    await meters.until("2025-05-21T00:05:00")
    assert await meters.write(CLOCK, 2, time("2025-05-20 23:35:00")) == 0
    assert meters.of_meter("1", "daily_load_profile") == []
    await meters.until("2025-05-21T01:00:00")
    (day,) = meters.of_meter("cumulative_kwh_import - daily_kwh_import, daily_kwh_import", "daily_load_profile")
    assert day[1] > 0


async def test_a_few_seconds_back_over_a_mark_lose_no_block(install: Install) -> None:
    meters = await install(D1)
    await meters.until("2025-05-20T10:30:10")
    await meters.read("1.0.94.91.0.255")
    assert await meters.act(CLOCK, 6, data("long", -20)) == 0
    assert (await marks(meters))[-1] == "05-20 10:30"
    await meters.until("2025-05-20T10:30:30")
    assert len(await meters.read("1.0.94.91.0.255")) == 1  # 10:30:10 once more
    await meters.until("2025-05-20T11:00:10")
    assert (await marks(meters))[-2:] == ["05-20 10:30", "05-20 11:00"]


async def test_what_cannot_be_kept_is_not_done(install: Install, postgres: EmbeddedPostgres) -> None:
    meters = await install(D1)
    await meters.until("2025-05-20T10:10:00")
    before = await shown(meters)
    postgres.stop()
    try:
        assert await meters.write(CLOCK, 2, time("2025-05-20 12:00:00")) == TEMPORARY_FAILURE
        assert await meters.act("0.0.96.3.10.255", 1) == TEMPORARY_FAILURE
        assert await shown(meters) == before
        assert await meters.read("0.0.96.3.10.255", 2) is True
    finally:
        postgres.start()
    # The first attempt finds out that the server was away and may have lost captures; then all is as it was.
    assert await meters.act("0.0.96.3.10.255", 1) in (0, TEMPORARY_FAILURE)
    assert await meters.act("0.0.96.3.10.255", 1) == 0
    assert await meters.read("0.0.96.3.10.255", 2) is False
