# SPDX-License-Identifier: GPL-2.0-only
"""Profiles as a Gurux client reads them, against the same rows asked of SQL, cell by cell.

What a cell must be follows from the table's exact decimal and the register's scaler_unit as it is on the wire (Blue
Book 4.3.2): the nearest float32 where the model has floats, the exact whole number where it counts.
"""

from __future__ import annotations

import datetime as dt
import struct
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

import pytest
from gurux_dlms import GXDateTime
from gurux_dlms.enums import DateTimeSkips
from gurux_dlms.objects import GXDLMSProfileGeneric
from live import (
    BILLING,
    BLOCK,
    CLOCK,
    DAILY,
    ENERGY,
    INSTANTANEOUS,
    READER,
    Judge,
    Meter,
    Spawned,
    by_entry,
    by_range,
    plain,
)

from simulator.values import format_obis

DEPTH = 3360  # 35 days of 96 blocks; the fleets are older than that
KILO = range(27, 33)  # W, VA, var, Wh, VAh, varh: the tables keep them in thousands
VAH, WH_OUT, VAH_OUT, DEMAND, DEMAND_VA = ("1.0.9.8.0.255", "1.0.2.8.0.255", "1.0.10.8.0.255", "1.0.1.6.0.255",
                                           "1.0.9.6.0.255")  # fmt: skip
VOLTAGE, CURRENT, WH_BLOCK = "1.0.12.27.0.255", "1.0.11.27.0.255", "1.0.1.29.0.255"
COLUMNS = {
    BLOCK: {
        (CLOCK, 2): "capture_time", (VOLTAGE, 2): "average_voltage_r", (WH_BLOCK, 2): "kwh_import",
        ("1.0.9.29.0.255", 2): "kvah_import", ("1.0.2.29.0.255", 2): "kwh_export",
        ("1.0.10.29.0.255", 2): "kvah_export", (CURRENT, 2): "average_current_r",
        ("1.0.91.27.0.255", 2): "average_current_n",
    },
    DAILY: {
        (CLOCK, 2): "capture_date::timestamp", (ENERGY, 2): "cumulative_kwh_import",
        (VAH, 2): "cumulative_kvah_import", (WH_OUT, 2): "cumulative_kwh_export",
        (VAH_OUT, 2): "cumulative_kvah_export",
    },
    BILLING: {
        ("0.0.0.1.2.255", 2): "billing_time", ("1.0.13.0.0.255", 2): "power_factor",
        (ENERGY, 2): "cumulative_kwh_import", (VAH, 2): "cumulative_kvah_import",
        (WH_OUT, 2): "cumulative_kwh_export", (VAH_OUT, 2): "cumulative_kvah_export",
        (DEMAND, 2): "max_demand_kw", (DEMAND, 5): "max_demand_date", (DEMAND_VA, 2): "max_demand_kva",
        (DEMAND_VA, 5): "max_demand_kva_date", ("0.0.94.91.13.255", 2): "power_on_minutes",
    },
    INSTANTANEOUS: {
        (CLOCK, 2): "timestamp", ("1.0.12.7.0.255", 2): "voltage_r", ("1.0.11.7.0.255", 2): "current_r",
        ("1.0.91.7.0.255", 2): "current_n", ("1.0.13.7.0.255", 2): "power_factor",
        ("1.0.14.7.0.255", 2): "frequency", ("1.0.9.7.0.255", 2): "apparent_power",
        ("1.0.1.7.0.255", 2): "active_power",
    },
}  # fmt: skip
TABLES = {
    BLOCK: ("block_load_profile", "capture_time"),
    DAILY: ("daily_load_profile", "capture_date"),
    BILLING: ("billing_profile", "billing_time"),
    INSTANTANEOUS: ("instant_profile", "timestamp"),
}


@pytest.fixture
def meter(fleet: Spawned) -> Meter:
    return fleet.meters[7]


@pytest.fixture
def judge(meter: Meter) -> Iterator[Judge]:
    with Judge(meter) as judge:
        yield judge


def captured(judge: Judge, obis: str) -> list[tuple[int, str, int]]:
    return [(int(c), format_obis(bytes(name)), int(index)) for c, name, index, _ in judge.get(7, obis, 3).value]


def stored(fleet: Spawned, meter: Meter, obis: str, columns: Sequence[tuple[int, str, int]]) -> list[list[Any]]:
    """The rows of a meter's table in the order of a profile's columns, oldest first."""
    table, time = TABLES[obis]
    cells = [COLUMNS[obis].get((name, index)) or f"captured->>'{name}:{index}'" for _, name, index in columns]
    statement = f"""SELECT {", ".join(cells)} FROM sim.{table} JOIN sim.meters m ON m.id = meter_id
                     WHERE meter_number = %s ORDER BY {time}, {table}.id"""
    return [list(row) for row in fleet.sql(statement, meter.serial)]


def scales(judge: Judge, columns: Sequence[tuple[int, str, int]]) -> list[tuple[int, int] | None]:
    """Scaler and unit of each column that is a register's value."""
    return [
        tuple(map(int, judge.get(class_id, obis, 3).value)) if class_id in (3, 4) and index == 2 else None  # type: ignore[misc]
        for class_id, obis, index in columns
    ]


def stamp(moment: dt.datetime) -> bytes:
    """A date-time (Blue Book 4.1.6.1) of a meter in India: deviation -330, status 0."""
    fields = (moment.month, moment.day, moment.isoweekday(), moment.hour, moment.minute, moment.second, 0)
    return moment.year.to_bytes(2, "big") + bytes(fields) + b"\xfe\xb6\x00"


def wire_value(cell: Any, scale: tuple[int, int] | None, shown: Any) -> Any:
    """What the wire must show for a cell of a table, in the form in which `shown` is."""
    if isinstance(shown, bytes):
        return stamp(cell if isinstance(cell, dt.datetime) else dt.datetime.fromisoformat(cell))
    if isinstance(shown, bool):
        return cell in (True, 1, "1", "true")
    scaler, unit = scale or (0, 255)
    number = Decimal(cell) * (1000 if unit in KILO else 1) / Decimal(10) ** scaler
    return struct.pack(">f", float(number)) if isinstance(shown, float) else number


def check(rows: list[list[Any]], expected: list[list[Any]], scale: list[tuple[int, int] | None]) -> None:
    assert len(rows) == len(expected)
    for row, cells in zip(rows, expected, strict=True):
        for shown, cell, one in zip(row, cells, scale, strict=True):
            told = struct.pack(">f", shown) if isinstance(shown, float) else shown
            assert told == wire_value(cell, one, shown), (row[0], cells, shown)


# ---------------------------------------------------------------------------------------------------- block load


@pytest.mark.parametrize("pdu", [128, 0xFFFF])
def test_thirty_five_days_of_blocks_are_those_of_the_table(fleet: Spawned, meter: Meter, pdu: int) -> None:
    with Judge(meter, max_pdu=pdu) as judge:
        columns = captured(judge, BLOCK)
        rows = judge.rows(BLOCK)
        assert judge.blocks > (1000 if pdu == 128 else 1)
        expected = stored(fleet, meter, BLOCK, columns)
        assert len(expected) > DEPTH == len(rows) == judge.get(7, BLOCK, 7).value == judge.get(7, BLOCK, 8).value
        check(rows, expected[-DEPTH:], scales(judge, columns))


@pytest.mark.parametrize("pdu", [128, 0xFFFF])
def test_the_whole_range_of_time_is_the_whole_buffer(meter: Meter, pdu: int) -> None:
    """Rows that the depth has pushed out of the buffer must not come back by a range."""
    with Judge(meter, max_pdu=pdu) as judge:
        whole = judge.rows(BLOCK, by_range(stamp(dt.datetime(2025, 1, 1)), stamp(dt.datetime(2025, 12, 31))))
        assert whole == judge.rows(BLOCK) == judge.rows(BLOCK, by_entry(1, 0))
        early = by_range(stamp(dt.datetime(2025, 1, 1)), stamp(dt.datetime(2025, 5, 5)))
        assert judge.rows(BLOCK, early) == []


def moments(rows: list[list[Any]]) -> list[dt.datetime]:
    return [dt.datetime(int.from_bytes(row[0][:2], "big"), *row[0][2:4], *row[0][5:8]) for row in rows]


JUNE_2 = dt.datetime(2025, 6, 2)
HEAD = "07e90602"


@pytest.mark.parametrize(
    ("first", "last", "minutes"),
    [
        (HEAD + "01060000 00feb600", HEAD + "01080000 00feb600", (360, 480)),  # the meter's own deviation
        (HEAD + "01060000 00800000", HEAD + "01080000 00800000", (360, 480)),  # none: the meter's time
        (HEAD + "ff060000 ff8000ff", HEAD + "ff080000 ff8000ff", (360, 480)),  # no day of week, no hundredths
        (HEAD + "ff0600ff ff8000ff", HEAD + "ff0800ff ff8000ff", (360, 480)),  # no seconds
        (HEAD + "01003000 00000000", HEAD + "01023000 00000000", (378, 498)),  # UTC, between two blocks
        (HEAD + "01003000 00ffc400", HEAD + "01023000 00ffc400", (318, 438)),  # Central Europe, UTC+1
        (HEAD + "ffffffff ff8000ff", HEAD + "ffffffff ff8000ff", (0, 1439)),  # the whole day
        (HEAD + "01060100 008000ff", HEAD + "01060e3b 008000ff", None),  # between two blocks: nothing
        (HEAD + "01080000 008000ff", HEAD + "01060000 008000ff", None),  # the end before the start
    ],
)
def test_ranges_with_and_without_deviation(
    judge: Judge, first: str, last: str, minutes: tuple[int, int] | None
) -> None:
    rows = judge.rows(BLOCK, by_range(bytes.fromhex(first), bytes.fromhex(last)))
    start, end = minutes or (1, 0)
    quarter = [15 * n for n in range(96) if start <= 15 * n <= end]
    assert moments(rows) == [JUNE_2 + dt.timedelta(minutes=minute) for minute in quarter]


def test_an_empty_range_is_an_empty_array(judge: Judge) -> None:
    nothing = by_range(stamp(dt.datetime(2031, 1, 1)), stamp(dt.datetime(2031, 1, 2)))
    for obis in (BLOCK, DAILY, BILLING):
        assert judge.get(7, obis, 2, nothing).octets == b"\x01\x00", obis
    assert judge.get(7, BLOCK, 2, by_entry(DEPTH + 1, 0)).octets == b"\x01\x00"


def test_gurux_asks_for_ranges_and_entries_in_its_own_words(judge: Judge) -> None:
    whole = judge.rows(BLOCK)
    profile = GXDLMSProfileGeneric(BLOCK)
    ends = [GXDateTime(dt.datetime(2025, 6, 2, hour)) for hour in (6, 8)]
    for end in ends:
        end.skip |= DateTimeSkips.DEVITATION
    ranged = judge.ask(judge.protocol.readRowsByRange(profile, *ends)).value
    assert [[plain(cell) for cell in row] for row in ranged] == [r for r, at in zip(whole, moments(whole), strict=True)
        if JUNE_2.replace(hour=6) <= at <= JUNE_2.replace(hour=8)]  # fmt: skip
    entries = judge.ask(judge.protocol.readRowsByEntry(profile, 5, 3)).value
    assert [[plain(cell) for cell in row] for row in entries] == whole[4:7]


@pytest.mark.parametrize(
    ("first", "last"), [(1, 1), (1, 96), (2, 3), (3360, 3360), (3350, 0), (3350, 9999), (0, 2), (5, 4), (4000, 4001)]
)
def test_entries_count_from_the_oldest_of_the_buffer(judge: Judge, first: int, last: int) -> None:
    whole = judge.rows(BLOCK)
    assert judge.rows(BLOCK, by_entry(first, last)) == whole[max(first, 1) - 1 : last or None]


def test_columns_by_range_and_by_entry(judge: Judge) -> None:
    columns, rows = captured(judge, BLOCK), judge.rows(BLOCK, by_entry(101, 148))
    ends = rows[0][0], rows[-1][0]
    for picked in ([0], [2], [0, 2, 6], [6, 1], list(range(8))):
        part = judge.rows(BLOCK, by_range(*ends, [columns[at] for at in picked]))
        assert part == [[row[at] for at in picked] for row in rows], picked
    for first, last in ((1, 1), (2, 4), (8, 8), (3, 0)):
        part = judge.rows(BLOCK, by_entry(101, 148, first, last))
        assert part == [row[first - 1 : last or None] for row in rows], (first, last)


def test_selections_that_cannot_be_followed_are_refused(judge: Judge) -> None:
    ends = stamp(JUNE_2), stamp(JUNE_2)
    assert judge.get(7, BLOCK, 2, by_range(*ends, [(3, ENERGY, 2)])).result != 0  # no such column
    assert judge.get(7, BLOCK, 2, by_entry(1, 2, 9, 12)).result != 0  # there are eight columns
    assert judge.get(7, BLOCK, 2, by_range(bytes(12), bytes(12))).result != 0  # no moment
    assert judge.get(7, BLOCK, 2, bytes.fromhex("03 0201 1100")).result != 0  # no such selector
    assert judge.get(3, ENERGY, 2, by_entry(1, 2)).result != 0  # a register has no selective access
    other = by_range(*ends).replace(bytes.fromhex("0000010000ff"), bytes.fromhex("01000c1b00ff"))
    assert judge.get(7, BLOCK, 2, other).result != 0  # restricted by the voltage


# ------------------------------------------------------------------------------------------- daily and billing


@pytest.mark.parametrize("obis", [DAILY, BILLING])
@pytest.mark.parametrize("pdu", [128, 0xFFFF])
def test_days_and_bills_are_those_of_the_table(fleet: Spawned, meter: Meter, obis: str, pdu: int) -> None:
    with Judge(meter, max_pdu=pdu) as judge:
        columns = captured(judge, obis)
        expected = stored(fleet, meter, obis, columns)
        assert expected
        check(judge.rows(obis), expected, scales(judge, columns))
        assert judge.get(7, obis, 7).value == len(expected)


def test_a_bill_over_a_month_end_bears_its_midnight(judge: Judge) -> None:
    june_1 = stamp(dt.datetime(2025, 6, 1))
    assert judge.rows(BILLING)[-1][0] == june_1
    assert len(judge.rows(BILLING, by_range(june_1, june_1))) == 1
    assert judge.get(3, "0.0.0.1.2.255").octets == b"\x09\x0c" + june_1


def test_tariff_zones_of_a_bill_add_up_to_its_register(fleet: Spawned, meter: Meter) -> None:
    zones = "+".join(f"(captured->>'1.0.1.8.{zone}.255:2')::numeric" for zone in range(1, 9))
    rows = fleet.sql(f"""SELECT {zones}, cumulative_kwh_import FROM sim.billing_profile
                           JOIN sim.meters m ON m.id = meter_id WHERE meter_number = %s""", meter.serial)  # fmt: skip
    assert rows
    assert all(total == register for total, register in rows)


def test_a_day_in_the_profile_has_the_registers_of_its_midnight(judge: Judge) -> None:
    """The fleet stands at 10:00: the register now is that of midnight and forty blocks more, in exact numbers."""
    *_, today = judge.rows(DAILY)
    blocks = judge.rows(BLOCK, by_range(stamp(dt.datetime(2025, 6, 10, 0, 15)), stamp(dt.datetime(2025, 6, 10, 10))))
    now = judge.get(3, ENERGY).value
    assert today[0] == stamp(dt.datetime(2025, 6, 10))
    assert len(blocks) == 40
    tolerance = 0 if isinstance(now, int) else 0.005  # a float32 has 24 bits
    assert now - today[1] == pytest.approx(sum(row[2] for row in blocks), abs=tolerance)


# ------------------------------------------------------------------------------------------------- instantaneous


def test_the_instantaneous_profile_is_what_its_newest_row_holds(fleet: Spawned, meter: Meter, judge: Judge) -> None:
    columns = captured(judge, INSTANTANEOUS)
    row = judge.rows(INSTANTANEOUS)
    check(row, stored(fleet, meter, INSTANTANEOUS, columns)[-1:], scales(judge, columns))
    assert judge.get(7, INSTANTANEOUS, 7).value == 1


def test_the_instantaneous_profile_shows_the_registers(judge: Judge) -> None:
    """The clock stands still, so each cell is what its object shows by itself."""
    (row,) = judge.rows(INSTANTANEOUS)
    for (class_id, obis, index), cell in zip(captured(judge, INSTANTANEOUS), row, strict=True):
        assert plain(judge.get(class_id, obis, index).value) == cell, obis


def test_one_row_for_all_that_read_within_one_second(fleet: Spawned) -> None:
    meter = fleet.meters[8]
    with Judge(meter) as one, Judge(meter, READER, max_pdu=128) as other:
        assert one.rows(INSTANTANEOUS) == other.rows(INSTANTANEOUS) == one.rows(INSTANTANEOUS)
    assert len(stored(fleet, meter, INSTANTANEOUS, [(8, CLOCK, 2)])) == 1


def test_scaler_profiles_repeat_the_scalers_of_the_columns(judge: Judge) -> None:
    """IS 15959: 1.0.94.91.4.255 tells the scalers of the block load profile, in the order of its columns."""
    pairs = [[plain(part) for part in cell] for cell in judge.get(7, "1.0.94.91.4.255").value[0]]
    registers = [place for place in captured(judge, BLOCK) if place[0] == 3]
    assert pairs == [[int(part) for part in judge.get(*place[:2], 3).value] for place in registers]
