# SPDX-License-Identifier: MIT
"""Which meters a user means."""

from __future__ import annotations

import pytest

from simulator.errors import UserError
from simulator.fleet.selection import Meters, in_numbers, in_words, parse_meters, places_by_serial
from simulator.fleet.spec import FleetSpec

LONG = "9" * 5000


def shortened(text: str) -> str:
    return text[:20]


def named(word: str) -> int | None:
    """Forty meters, whose serial numbers begin at 9160000001."""
    number = int(word) - (9_160_000_000 if len(word) == 10 else 0) if len(word) <= 10 and word.isdecimal() else 0
    return number - 1 if 1 <= number <= 40 else None


@pytest.mark.parametrize(
    ("text", "meters"),
    [
        ("all", range(40)),
        ("3", range(2, 3)),
        ("1-20", range(20)),
        ("9160000007", range(6, 7)),
        ("1-3, 9160000007,40", frozenset({0, 1, 2, 6, 39})),
        ("2,1-3", frozenset({0, 1, 2})),
    ],
)
def test_numbers_ranges_serials_and_all(text: str, meters: Meters) -> None:
    assert parse_meters(text, 40, named) == meters


@pytest.mark.parametrize(
    "text",
    ["", "0", "41", "5-3", "1-41", "meter", "1,,2", "3-", "9160000041", "all,1", LONG, f"1-{LONG}"],
    ids=shortened,
)
def test_mistakes_are_told(text: str) -> None:
    with pytest.raises(
        UserError, match=r"(is no meter; write a number from 1 to 40|is no range of this fleet's meters)"
    ):
        parse_meters(text, 40, named)


def test_a_number_may_have_more_digits_than_python_reads() -> None:
    spec = FleetSpec.single(40, "is15959-1ph", "mixed", seed=1, block_minutes=30)
    assert (spec.meter_named("40"), spec.meter_named(LONG)) == (39, None)
    assert places_by_serial(LONG, 40) == []


def test_every_mistake_is_told() -> None:
    with pytest.raises(UserError) as error:
        parse_meters("0,1,50-60,x", 40, named)
    assert [str(error.value).count(word) for word in ("'0'", "'50-60'", "'x'")] == [1, 1, 1]


@pytest.mark.parametrize(
    ("meters", "words"),
    [
        (range(40), "all"),
        (frozenset(range(40)), "all"),
        (range(2, 3), "3"),
        (frozenset({0, 1, 2, 6, 39}), "1-3,7,40"),
        (frozenset(range(0, 40, 2)), "1,3,5,7,9,11,13,15,..."),
    ],
)
def test_back_into_words(meters: Meters, words: str) -> None:
    assert in_words(meters, 40) == words


def serial_now(place: int) -> str:
    """The seventh was replaced."""
    return f"{917 if place == 6 else 916}{place + 1:07d}"


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("all", "all"), ("1-3, 40", "1-3,40"), ("9160000008,2", "8,2"), ("9170000007", "7"), ("999", "999")],
)
def test_serial_numbers_are_those_of_the_meters_that_are_there_now(text: str, numbers: str) -> None:
    assert in_numbers(text, 40, serial_now) == numbers


def test_a_meter_that_was_replaced_is_not_mistaken_for_its_successor() -> None:
    with pytest.raises(UserError, match="'9160000007': no meter has this number now; meter 7 is 9170000007"):
        in_numbers("1,9160000007", 40, serial_now)
