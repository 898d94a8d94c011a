# SPDX-License-Identifier: MIT
"""A clock that says that it cannot be trusted (Blue Book 4.1.6.1, clock_status): bytes in, bytes out."""

from __future__ import annotations

import pytest

from simulator.errors import UserError
from simulator.faults.fault import Fault
from simulator.faults.parse import faults_in
from simulator.ports import GetItem
from simulator.values import attribute_key, parse_obis

_TIME = "07e9060a020a000000feb6"  # 2025-06-10 10:00:00, a Tuesday; deviation -330 minutes
STAMP, BAD = f"090c{_TIME}00", f"090c{_TIME}01"
CLOCK, BUFFER, ACTIVATION = (8, "0.0.1.0.0.255", 2), (7, "1.0.99.1.0.255", 2), (20, "0.0.13.0.0.255", 10)
DEMAND_TIME = (4, "1.0.1.6.0.255", 5)


def fault(text: str) -> Fault:
    (setting,) = faults_in(text)
    return setting.fault


def changed(of: tuple[int, str, int], value: str, text: str = "{clock_status: invalid}") -> str | None:
    item = GetItem(attribute_key(of[0], parse_obis(of[1]), of[2]), None)
    told = fault(text).change(item, bytes.fromhex(value), lambda _: None)
    return None if told is None else told.hex()


@pytest.mark.parametrize(
    ("words", "octet"),
    [
        ("invalid", "01"),
        ("doubtful", "02"),
        ("different_base", "04"),
        ("invalid_status", "08"),
        ("daylight_saving", "80"),
        ("not_specified", "ff"),
        ("[doubtful, different_base]", "06"),
    ],
)
def test_each_bit_of_the_clock_status_can_be_set(words: str, octet: str) -> None:
    assert changed(CLOCK, STAMP, f"{{clock_status: {words}}}") == STAMP[:-2] + octet


def test_what_the_clock_has_said_of_itself_stays() -> None:
    assert changed(CLOCK, STAMP[:-2] + "80") == STAMP[:-2] + "81"


def test_rows_of_profiles_and_times_of_maxima_are_stamped_so_and_no_other_cell_is_touched() -> None:
    text = "090c" + b"no date-time".hex()
    assert changed(BUFFER, f"0102 0203{STAMP}{text}1102 0203{STAMP}{text}{STAMP}") == (
        f"0102 0203{BAD}{text}1102 0203{BAD}{text}{BAD}".replace(" ", "")
    )
    assert changed(DEMAND_TIME, STAMP) == BAD


def test_what_no_clock_of_the_meter_has_stamped_stays() -> None:
    """A time that a client has set, and a stamp that leaves its time open: no fault has struck."""
    assert changed(ACTIVATION, STAMP) is None
    assert changed(DEMAND_TIME, "090cffffffffffffffffff800000") is None
    assert changed(CLOCK, "00") is None


def test_pushes_and_event_notifications_bear_it_too() -> None:
    """Green Book 9.3.11: the time of an EventNotification is the meter's."""
    bad = fault("{clock_status: invalid}")
    body = bytes.fromhex(f"0203 0906 0000190900ff {STAMP} 1105")
    assert bad.push(body) == bytes.fromhex(f"0203 0906 0000190900ff {BAD} 1105")
    assert bad.push(bytes.fromhex("02011105")) is None
    event = f"c201{STAMP[2:]} 0001 00005e5b12ff 02 1105"
    assert bad.spoil(bytes.fromhex(event), lambda: 0.0) == bytes.fromhex(event.replace(STAMP[2:], BAD[2:]))
    assert bad.spoil(bytes.fromhex("c200 0001 00005e5b12ff 02 1105"), lambda: 0.0) is None
    assert bad.spoil(bytes.fromhex(f"c401c100{STAMP}"), lambda: 0.0) is None


def test_a_span_of_the_meters_clock_marks_what_was_stamped_in_it_whenever_that_is_read() -> None:
    """Both ends belong to it."""

    def at(hour: int, status: str = "00") -> str:
        return f"090c07e9060a02{hour:02x}000000feb6{status}"

    span = "{clock_status: invalid, from: 2025-06-10T10:00, to: 2025-06-10 11:00:00}"
    rows = "0104" + "".join(f"0201{at(hour)}" for hour in (9, 10, 11, 12))
    assert changed(BUFFER, rows, span) == (f"01040201{at(9)}0201{at(10, '01')}0201{at(11, '01')}0201{at(12)}")
    assert [changed(CLOCK, at(hour), span) for hour in (9, 10, 12)] == [None, at(10, "01"), None]
    bad = fault(span)
    assert bad.push(bytes.fromhex(f"0201{at(12)}")) is None
    event = "c201{} 0001 00005e5b12ff 02 1105"
    assert bad.spoil(bytes.fromhex(event.format(at(12)[2:])), lambda: 0.0) is None
    assert bad.spoil(bytes.fromhex(event.format(at(11)[2:])), lambda: 0.0) == (
        bytes.fromhex(event.format(at(11, "01")[2:]))
    )
    since = "{clock_status: invalid, from: 2025-06-10T10:00:01}"
    assert [changed(CLOCK, at(hour), since) for hour in (10, 23)] == [None, at(23, "01")]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{clock_status: wrong}", "clock_status: expected 'invalid', 'doubtful', .* not 'wrong'"),
        ("{clock_status: [invalid, odd]}", "clock_status: expected 'invalid', .* not 'odd'"),
        (
            "{clock_status: invalid, from: noon}",
            "from: 'noon' is no time of the meter's clock; write for example 2025-",
        ),
        ("{clock_status: invalid, to: 2025-06-10T10:00Z}", "to: '2025-06-10T10:00Z' is no time of the meter's clock"),
        (
            "{clock_status: invalid, from: 2025-06-10T10:00, to: 2025-06-10T09:00}",
            "faults:1:1: from 2025-06-10T10:00:00 is after to 2025-06-10T09:00:00",
        ),
        ("{clock_status: []}", "clock_status: expected at least 1 of them, not 0"),
    ],
)
def test_a_mistake_says_what_may_stand_there(text: str, told: str) -> None:
    with pytest.raises(UserError, match=told):
        faults_in(text)
