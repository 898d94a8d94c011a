# SPDX-License-Identifier: MIT
"""The type language (Blue Book 4.1.5): hex out for values of profiles, and which Data a SET may bring."""

from __future__ import annotations

from typing import Any

import pytest

from simulator.cosem.types import parse_type
from simulator.wire.axdr import Data, decode_whole
from simulator.wire.codes import Tag


@pytest.mark.parametrize(
    ("kind", "value", "octets"),
    [
        ("long-unsigned", 900, "12 0384"),
        ("double-long-unsigned", 900, "06 00000384"),
        ("integer", -3, "0F FD"),
        ("enum", 27, "16 1B"),
        ("boolean", True, "03 01"),
        ("float32", 847.8488, "17 4453F653"),
        ("visible-string", "D1", "0A 02 4431"),
        ("octet-string", "hex:0102", "09 02 0102"),
        ("logical-name", "1.0.1.8.0.255", "09 06 0100010800FF"),
        ("stamp", "*-*-01 00:00:00", "09 0C FFFFFF01FF00000000 8000FF"),
        ("stamp-time", "18:30", "09 04 12 1E 00 00"),
        ("stamp-date", "*-*-01", "09 05 FFFF FF 01 FF"),
        ("bit-string[24]", [11, 19], "04 18 001010"),
        ("array(structure(integer,enum))", [[3, 30], [0, 35]], "01 02 02 02 0F03 161E 02 02 0F00 1623"),
        ("any", {"unsigned": 6}, "11 06"),
        ("null-data", None, "00"),
        ("octet-string|null-data", "", "09 00"),
    ],
)
def test_values_are_encoded_as_declared(kind: str, value: Any, octets: str) -> None:
    assert parse_type(kind).encode(value) == bytes.fromhex(octets)


@pytest.mark.parametrize(
    ("kind", "value", "words"),
    [
        ("unsigned", 256, "whole number from 0 to 255"),
        ("unsigned", True, "whole number"),
        ("boolean", 1, "not true or false"),
        ("visible-string[..3]", "abcd", "4 octets long instead of at most 3"),
        ("structure(integer,enum)", [1], "1 elements instead of 2"),
        ("logical-name", "1.0.1.8", "not a logical name"),
        ("stamp", "tomorrow", "not a date-time"),
        ("bit-string[8]", [8], "bit numbers below 8"),
        ("any", 5, "needs a type"),
        ("array", [1], "needs the type of its elements"),
        ("any", {"array": [1]}, "needs the type of its elements"),
    ],
)
def test_a_value_of_another_type_is_refused_in_words(kind: str, value: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_type(kind).encode(value)


@pytest.mark.parametrize("text", ["lon", "array(", "array(integer", "structure(integer,)", "integer)", "", "in teger"])
def test_a_broken_expression_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_type(text)


@pytest.mark.parametrize(
    ("kind", "octets", "fits"),
    [
        ("long-unsigned", "12 0384", True),
        ("long-unsigned", "06 00000384", False),
        ("visible-string[..2]", "0A 02 4431", True),
        ("visible-string[..2]", "0A 03 443131", False),
        ("stamp", "09 0B 00000000000000000000FF", False),
        ("array(structure(integer,enum))", "01 01 02 02 0F03 161E", True),
        ("array(structure(integer,enum))", "01 01 02 02 0F03 121E00", False),
        ("array(structure(integer,enum))", "01 01 02 01 0F03", False),
        ("bit-string[8]", "04 08 FF", True),
        ("bit-string[8]", "04 07 FE", False),
        ("any", "0C 01 41", True),
    ],
)
def test_what_a_set_may_bring(kind: str, octets: str, fits: bool) -> None:
    assert parse_type(kind).matches(decode_whole(bytes.fromhex(octets))) is fits


def test_a_client_cannot_bring_an_array_where_a_string_is_declared() -> None:
    assert not parse_type("octet-string").matches(Data(Tag.ARRAY, ()))


def test_a_type_that_nests_without_end_is_refused() -> None:
    with pytest.raises(ValueError, match="brackets"):
        parse_type("array(" * 50_000)
