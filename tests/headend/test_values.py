# SPDX-License-Identifier: GPL-2.0-only
"""Octets of Data, as gurux decodes them, become typed Python values with scaler and unit."""

from __future__ import annotations

import datetime as dt
import struct
from decimal import Decimal
from typing import Any

import pytest
from gurux_dlms import GXByteBuffer, GXDLMSClient

from simulator.headend.scales import scaler_unit
from simulator.headend.tables import jsonable
from simulator.headend.values import PLAIN, ScalerUnit, Value, moment, value_of
from simulator.wire.codes import Tag

IST = dt.timezone(dt.timedelta(hours=5, minutes=30))
STAMP = bytes.fromhex("07e90601070b1e0000feb600")  # 2025-06-01 11:30:00, deviation -330


def read(octets: bytes, scale: ScalerUnit = PLAIN) -> Value:
    return value_of(octets, GXDLMSClient.getValue(GXByteBuffer(octets), False), scale)


@pytest.mark.parametrize(
    ("octets", "kind", "expected"),
    [
        ("00", Tag.NULL, None),
        ("0100", Tag.ARRAY, []),
        ("0301", Tag.BOOLEAN, True),
        ("05fffffffe", Tag.DOUBLE_LONG, -2),
        ("06fffffffe", Tag.DOUBLE_LONG_UNSIGNED, 0xFFFFFFFE),
        ("0ffe", Tag.INTEGER, -2),
        ("11fe", Tag.UNSIGNED, 254),
        ("10fffe", Tag.LONG, -2),
        ("12fffe", Tag.LONG_UNSIGNED, 65534),
        ("14fffffffffffffffe", Tag.LONG64, -2),
        ("15fffffffffffffffe", Tag.LONG64_UNSIGNED, 2**64 - 2),
        ("1605", Tag.ENUM, 5),
        ("18400921fb54442d18", Tag.FLOAT64, 3.141592653589793),
        ("0a03414243", Tag.VISIBLE_STRING, "ABC"),
        ("0c02c3a9", Tag.UTF8_STRING, "é"),
        ("0903414200", Tag.OCTET_STRING, b"AB\x00"),
        ("040ba5e0", Tag.BIT_STRING, "10100101111"),
        ("0202110112000a", Tag.STRUCTURE, (1, 10)),
        ("01020f010fff", Tag.ARRAY, [1, -1]),
    ],
)
def test_each_type_is_kept(octets: str, kind: Tag, expected: Any) -> None:
    value = read(bytes.fromhex(octets))
    assert (value.type, value.raw, value.value) == (kind, expected, expected)
    assert type(value.raw) is type(expected)


def test_integers_are_scaled_as_decimals() -> None:
    value = read(b"\x12\x59\xd8", ScalerUnit(-2, "V"))
    assert (value.raw, value.value, value.text) == (23000, Decimal("230.00"), "230.00 V")
    assert read(b"\x12\x00\x05", ScalerUnit(3, "Wh")).text == "5000 Wh"


def test_float32_is_its_shortest_decimal_then_scaled() -> None:
    """A physical D1 meter: import energy float32 847.8488 with scaler 3 and unit Wh."""
    value = read(b"\x17" + struct.pack(">f", 847.8488), ScalerUnit(3, "Wh"))
    assert (value.type, value.value, value.text) == (Tag.FLOAT32, 847848.8, "847848.8 Wh")


def test_a_float_that_is_no_number_survives() -> None:
    assert read(b"\x17" + struct.pack(">f", float("inf")), ScalerUnit(3, "Wh")).value == float("inf")


def test_date_times_with_and_without_deviation() -> None:
    assert read(b"\x09\x0c" + STAMP).value == dt.datetime(2025, 6, 1, 11, 30, tzinfo=IST)
    naive = moment(STAMP[:8] + b"\xff\x80\x00\x00")  # hundredths and deviation not specified
    assert naive == dt.datetime(2025, 6, 1, 11, 30)


def test_a_date_time_with_open_fields_is_text() -> None:
    assert moment(bytes.fromhex("ffffff01ff000000008000ff")) == "*-*-01 00:00:00"


def test_twelve_octets_that_are_no_date_time_stay_octets() -> None:
    assert read(b"\x09\x0cABCDEF123456").value == b"ABCDEF123456"
    assert read(b"\x09\x0cABCDEF123456").text == "ABCDEF123456"


def test_logical_names_and_other_octets_as_text() -> None:
    assert read(bytes.fromhex("09060000010000ff")).text == "0.0.1.0.0.255"
    assert read(bytes.fromhex("0903010203")).text == "01 02 03"


def test_scaler_and_unit() -> None:
    assert scaler_unit([3, 30]) == (3, "Wh")
    assert scaler_unit([0, 255]) == (0, "")
    assert scaler_unit([0, 200]) == (0, "unit 200")


def test_json_knows_every_value() -> None:
    moments = dt.datetime(2025, 6, 1, 11, 30, tzinfo=IST)
    assert jsonable([Decimal("230.00"), Decimal("0.5"), b"\x01", moments, None, (True, "x")]) == [
        230,
        0.5,
        "01",
        "2025-06-01T11:30:00+05:30",
        None,
        [True, "x"],
    ]
