# SPDX-License-Identifier: GPL-2.0-only
"""Profiles: blocks of any size, selections of rows and columns as octets (Blue Book 4.3.6), scalers, types."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from headend_bench import (
    BLOCK,
    BLOCK_ENERGY,
    CENTIVOLT,
    CLOCK,
    ROW_COUNT,
    VOLTAGE,
    WH,
    Peer,
    capture,
)

from simulator.errors import UserError
from simulator.headend.failures import BrokenAnswer
from simulator.headend.reader import MeterReader
from simulator.values import parse_obis
from simulator.wire.axdr import sequence_of
from simulator.wire.codes import Tag

IST = dt.timezone(dt.timedelta(hours=5, minutes=30))


@pytest.mark.parametrize("block_octets", [60_000, 500, 50])
def test_a_profile_in_blocks_of_any_size(reader: MeterReader, meter: Peer, block_octets: int) -> None:
    meter.block_octets = block_octets
    meter.put(3, BLOCK_ENERGY, 3, WH)
    table = reader.profile(BLOCK)
    assert [(column.obis, column.unit, column.scaler, column.type) for column in table.columns] == [
        (CLOCK, "", 0, Tag.OCTET_STRING),
        (VOLTAGE, "V", -2, Tag.LONG_UNSIGNED),
        (BLOCK_ENERGY, "Wh", 3, Tag.FLOAT32),
    ]
    assert len(table.rows) == ROW_COUNT
    assert table.rows[101] == [dt.datetime(2025, 6, 2, 1, 15, tzinfo=IST), Decimal("231.01"), 10100.0]


def test_an_empty_profile(reader: MeterReader, meter: Peer) -> None:
    meter.put(7, BLOCK, 2, b"\x01\x00")
    table = reader.profile(BLOCK)
    assert (len(table.columns), table.rows) == (3, [])


def test_scalers_come_from_the_scaler_profile(reader: MeterReader, meter: Peer) -> None:
    """IS 15959: 1.0.94.91.4.255 has one row, the scaler_unit of each register of the block load profile."""
    scaler_profile = "1.0.94.91.4.255"
    meter.put(7, scaler_profile, 3, sequence_of([capture(3, VOLTAGE, 3), capture(3, BLOCK_ENERGY, 3)]))
    meter.put(7, scaler_profile, 2, b"\x01\x01\x02\x02" + CENTIVOLT + WH)
    assert [column.unit for column in reader.profile(BLOCK).columns] == ["", "V", "Wh"]
    assert not any(request[3:12] == b"\x00\x03" + parse_obis(BLOCK_ENERGY) + b"\x03" for request in meter.requests)


def test_a_time_range_is_a_range_descriptor(reader: MeterReader, meter: Peer) -> None:
    """Blue Book 4.3.6, selector 1: restricting object, from, to, selected values; meter time has no deviation."""
    reader.profile(BLOCK, start=dt.datetime(2025, 6, 1), end=dt.datetime(2025, 6, 2, 12, 30, tzinfo=IST))
    request = next(request for request in meter.requests if request[12:13] == b"\x01")
    restricting = "02041200080906 0000010000ff 0f02120000"
    start, end = "090c07e90601ff000000ff8000ff", "090c07e90602ff0c1e00fffeb6ff"
    assert request[12:] == bytes.fromhex("01 01 0204" + restricting + start + end + "0100")


def test_an_open_range_reaches_to_the_end(reader: MeterReader, meter: Peer) -> None:
    reader.profile(BLOCK, start=dt.datetime(2025, 6, 1))
    request = next(request for request in meter.requests if request[12:13] == b"\x01")
    assert bytes.fromhex("0833 0c1f ff173b3b".replace(" ", "")) in request  # 2099-12-31 23:59:59


def test_columns_of_a_range_are_named(reader: MeterReader, meter: Peer) -> None:
    meter.put(7, BLOCK, 2, sequence_of([b"\x02\x01\x12\x59\xd8"]))
    table = reader.profile(BLOCK, start=dt.datetime(2025, 6, 1), columns=[VOLTAGE])
    request = next(request for request in meter.requests if request[12:13] == b"\x01")
    assert request.endswith(b"\x01\x01" + capture(3, VOLTAGE))
    assert ([column.obis for column in table.columns], table.rows) == ([VOLTAGE], [[Decimal("230.00")]])


def test_entries_and_columns_are_an_entry_descriptor(reader: MeterReader, meter: Peer) -> None:
    """Selector 2: from and to entry, first and last column; gurux would write the number of columns as the last."""
    meter.put(7, BLOCK, 2, sequence_of([b"\x02\x02\x12\x59\xd8\x17" + bytes(4)]))
    table = reader.profile(BLOCK, first=3, count=4, columns=[BLOCK_ENERGY, VOLTAGE])
    request = next(request for request in meter.requests if request[12:13] == b"\x01")
    assert request[12:] == bytes.fromhex("01 02 0204 0600000003 0600000006 120002 120003")
    assert [column.obis for column in table.columns] == [VOLTAGE, BLOCK_ENERGY]


def test_columns_in_between_are_dropped(reader: MeterReader) -> None:
    table = reader.profile(BLOCK, columns=[CLOCK, BLOCK_ENERGY])
    assert [column.obis for column in table.columns] == [CLOCK, BLOCK_ENERGY]
    assert table.rows[1] == [dt.datetime(2025, 6, 1, 0, 15, tzinfo=IST), 0.1]


def test_a_column_that_is_not_captured(reader: MeterReader) -> None:
    with pytest.raises(UserError, match=r"no column 1\.0\.2\.29\.0\.255; it captures 0\.0\.1\.0\.0\.255:2"):
        reader.profile(BLOCK, columns=["1.0.2.29.0.255"])


def test_time_and_entries_exclude_each_other(reader: MeterReader) -> None:
    with pytest.raises(UserError, match="not by both"):
        reader.profile(BLOCK, start=dt.datetime(2025, 6, 1), first=1)


def test_rows_of_another_width(reader: MeterReader, meter: Peer) -> None:
    meter.put(7, BLOCK, 2, sequence_of([b"\x02\x01\x11\x05"]))
    with pytest.raises(BrokenAnswer, match="3 columns"):
        reader.profile(BLOCK)


def test_names(meter: Peer) -> None:
    with MeterReader("127.0.0.1", meter.port, client=16, password=None, names={VOLTAGE: "Voltage"}) as reader:
        assert [column.name for column in reader.columns(BLOCK)] == [CLOCK, "Voltage", BLOCK_ENERGY]
