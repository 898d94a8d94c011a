# SPDX-License-Identifier: GPL-2.0-only
"""Energy adds up exactly, in SQL, and a meter's rows depend on nothing but its seed and its number.

Not on the size of its fleet, on the pace of its clock, or on who reads it when.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from live import BILLING, BLOCK, CLOCK, DAILY, ENERGY, INSTANTANEOUS, PUBLIC, Judge, Meter, Spawned, eventually, spawned

from simulator.values import MS_PER_HOUR

CHANNELS = ("kwh_import", "kwh_export", "kvah_import", "kvah_export")
PERIODS = {"floating": (10, 60), "whole": (10, 40)}
NIGHT = "2025-05-31T21:30:00+05:30"  # less than three hours before a bill

_DAYS = """
SELECT d.meter_id, d.capture_date, count(b.*) AS blocks,
       d.daily_{0} AS day, sum(b.{0}) AS sum_of_blocks,
       d.cumulative_{0} - lag(d.cumulative_{0}) OVER (PARTITION BY d.meter_id ORDER BY d.capture_date) AS difference
  FROM sim.daily_load_profile d
  JOIN sim.block_load_profile b ON b.meter_id = d.meter_id
       AND b.capture_time > d.capture_date - interval '1 day' AND b.capture_time <= d.capture_date
 GROUP BY d.id"""

_BILLS = """
SELECT b.meter_id, b.billing_date, b.monthly_{0}, sum(d.daily_{0}), count(*)
  FROM (SELECT *, lag(billing_date) OVER (PARTITION BY meter_id ORDER BY reset_count) AS before
          FROM sim.billing_profile WHERE billing_time::time = '00:00') b
  JOIN sim.daily_load_profile d ON d.meter_id = b.meter_id AND d.capture_date <= b.billing_date
       AND d.capture_date > coalesce(b.before, '-infinity'::date)
 GROUP BY b.id, b.meter_id, b.billing_date, b.monthly_{0}"""


@pytest.mark.parametrize("channel", CHANNELS)
def test_blocks_are_the_day_and_the_day_is_the_register_difference(
    fleet: Spawned, request: pytest.FixtureRequest, channel: str
) -> None:
    meters, days = PERIODS[request.node.callspec.params["fleet"]]
    rows = fleet.sql(_DAYS.format(channel))
    assert len(rows) == meters * days
    assert {blocks for _, _, blocks, *_ in rows} == {96}
    assert all(day == total for *_, day, total, _ in rows)
    differences = [(day, difference) for *_, day, _, difference in rows if difference is not None]
    assert len(differences) == meters * (days - 1)
    assert all(day == difference for day, difference in differences)
    assert "export" in channel or any(day > 0 for *_, day, _, _ in rows)


@pytest.mark.parametrize("channel", CHANNELS)
def test_days_between_bills_are_the_month(fleet: Spawned, channel: str) -> None:
    rows = fleet.sql(_BILLS.format(channel))
    assert {date.isoformat() for _, date, *_ in rows} >= {"2025-06-01"}
    assert len(rows) in (10, 20)  # forty days see one midnight of a first of a month, sixty days two
    assert all(month == total for _, _, month, total, _ in rows)


def test_a_demand_is_the_largest_block_of_its_period(floating: Spawned) -> None:
    rows = floating.sql("""
        SELECT d.max_demand_kw, max(b.kwh_import) * 4, d.max_demand_time,
               min(b.capture_time) FILTER (WHERE b.kwh_import * 4 = d.max_demand_kw)
          FROM sim.daily_load_profile d
          JOIN sim.block_load_profile b ON b.meter_id = d.meter_id
               AND b.capture_time > d.capture_date - interval '1 day' AND b.capture_time <= d.capture_date
         GROUP BY d.id""")
    assert rows
    assert all(demand == largest and at == first for demand, largest, at, first in rows)


def test_solar_meters_export_and_the_others_do_not_count_backwards(whole: Spawned) -> None:
    ((export, least),) = whole.sql(
        "SELECT sum(kwh_export), least(min(kwh_export), min(kwh_import)) FROM sim.block_load_profile"
    )
    assert export > 0
    assert least >= 0


# ----------------------------------------------------------------------------------------- the same meter elsewhere


_TABLES = {"block_load_profile": "capture_time", "daily_load_profile": "capture_date", "billing_profile": "reset_count"}


def rows_of(fleet: Spawned, meter: Meter) -> dict[str, list[dict[str, Any]]]:
    """All that a meter has recorded, without the numbers and times of the database's own."""
    return {
        table: [
            row
            for (row,) in fleet.sql(
                f"""SELECT to_jsonb(t) - 'id' - 'created_at' FROM sim.{table} t JOIN sim.meters m ON m.id = t.meter_id
                     WHERE meter_number = %s ORDER BY t.{order}""",
                meter.serial,
            )
        ]
        for table, order in _TABLES.items()
    }


def read_everything(fleet: Spawned) -> None:
    """What a head-end reads all day; the instantaneous profile leaves a row of its own behind."""
    for meter, client in ((fleet.meters[6], 32), (fleet.meters[6], PUBLIC), (fleet.meters[0], 32)):
        with Judge(meter, client) as judge:
            judge.get(15, "0.0.40.0.0.255")
            if client != PUBLIC:
                assert judge.get(3, ENERGY).result == 0
                assert all(judge.rows(profile) for profile in (BLOCK, DAILY, INSTANTANEOUS))
                judge.rows(BILLING)


def test_meter_7_is_the_same_in_a_fleet_of_1000_and_whoever_reads_it(home: Path) -> None:
    options = ("--history", "1d", "--start", NIGHT, "--speed", 0, "--seed", 5)
    with spawned(home, 10, *options) as small:
        for _ in range(4):
            read_everything(small)
            small.step(MS_PER_HOUR)
        few = rows_of(small, small.meters[6])
    with spawned(home, 1000, *options) as large:
        large.step(4 * MS_PER_HOUR)
        assert large.meters[6].serial == small.meters[6].serial
        many = rows_of(large, large.meters[6])
        neighbour = rows_of(large, large.meters[7])
    assert [len(rows) for rows in many.values()] == [48 + 43 + 8, 2, 1]
    assert few == many
    assert neighbour["block_load_profile"] != many["block_load_profile"]


def test_a_hurried_fleet_records_what_an_unhurried_one_does(home: Path) -> None:
    """Speed 3600: an hour a second, in blocks of 15 minutes; the other clock only steps."""
    options = ("--start", NIGHT, "--block-minutes", 15, "--seed", 6)
    with spawned(home, 3, *options, "--speed", 3600) as fast:
        with Judge(fast.meters[1]) as judge:
            early = judge.get(8, CLOCK).octets
            eventually(lambda: fast.sql("SELECT FROM sim.billing_profile"))  # midnight is less than three seconds away
            assert judge.get(8, CLOCK).octets[2:6] > early[2:6]  # another day
            assert len(judge.rows(BLOCK))
        fast.end()
        hurried = rows_of(fast, fast.meters[1])
    with spawned(home, 2, *options, "--speed", 0) as slow:
        slow.step(4 * MS_PER_HOUR)
        unhurried = rows_of(slow, slow.meters[1])
    assert slow.meters[1].serial == fast.meters[1].serial
    common = min(len(hurried["block_load_profile"]), len(unhurried["block_load_profile"]))
    assert common >= 10
    for table in _TABLES:
        count = common if table == "block_load_profile" else 1
        assert hurried[table][:count] == unhurried[table][:count] != [], table
