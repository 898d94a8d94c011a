# SPDX-License-Identifier: MIT
"""Push setups and schedules as they are written: destinations, repetition, windows, execution times."""

from __future__ import annotations

import datetime as dt

import pytest

from simulator.cosem.compiler import compile_model
from simulator.cosem.stamps import encode_date_time
from simulator.meter.push.setup import (
    PushObject,
    Repetition,
    Restriction,
    destination_of,
    model_setup,
    protection_of,
    setup_objects,
)
from simulator.meter.push.times import (
    SCHEDULE_TYPES,
    Moment,
    Window,
    encoded_moments,
    firings_a_day,
    latest_moment,
    moments_of,
    next_moment,
    opening,
    schedule_type,
)
from simulator.values import parse_obis

ANY_DATE = b"\xff" * 5
DAILY = {"FIFTEEN_MIN": 96, "THIRTY_MIN": 48, "ONE_HOUR": 24, "FOUR_HOUR": 6, "EIGHT_HOUR": 3, "TWELVE_HOUR": 2}
DAILY["TWENTY_FOUR_HOUR"] = 1


def local(text: str) -> int:
    return int(dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC).timestamp())


@pytest.mark.parametrize(("name", "count"), DAILY.items())
def test_each_schedule_type_fires_so_often_a_day(name: str, count: int) -> None:
    at, end, fired = local("2025-06-01 00:00:00") - 1, local("2025-06-02 00:00:00"), 0
    while (found := next_moment(SCHEDULE_TYPES[name], at)) is not None and found < end:
        at, fired = found, fired + 1
        assert at % (86_400 // count) == 0
    assert fired == count == firings_a_day(SCHEDULE_TYPES[name])


def test_entries_are_those_of_the_seed() -> None:
    text = {name: [m.time.hex(":").upper() for m in moments] for name, moments in SCHEDULE_TYPES.items()}
    assert text["FIFTEEN_MIN"] == ["FF:00:00:FF", "FF:0F:00:FF", "FF:1E:00:FF", "FF:2D:00:FF"]
    assert text["EIGHT_HOUR"] == ["00:00:00:FF", "08:00:00:FF", "10:00:00:FF"]
    assert sum(map(len, text.values())) == 19


def test_a_schedule_that_a_client_made_has_the_type_of_its_entries_or_of_the_nearest_count() -> None:
    for name, moments in SCHEDULE_TYPES.items():
        assert schedule_type(moments_of(encoded_moments(moments[::-1]))) == name
    assert schedule_type((Moment(b"\x06\x1e\x00\xff", ANY_DATE),)) == "TWENTY_FOUR_HOUR"
    assert schedule_type(tuple(Moment(bytes((h, 0, 0, 0)), ANY_DATE) for h in range(0, 24, 3))) == "FOUR_HOUR"


def test_dates_and_weekdays_of_a_schedule_count() -> None:
    sundays = (Moment(b"\x03\x00\x00\xff", b"\xff\xff\xff\xff\x07"),)
    assert next_moment(sundays, local("2025-06-02 00:00:00")) == local("2025-06-08 03:00:00")
    assert latest_moment(sundays, local("2025-06-02 00:00:00")) == local("2025-06-01 03:00:00")
    assert next_moment((Moment(b"\x18\x00\x00\x00", ANY_DATE),), 0) is None  # hour 24 does not exist


@pytest.mark.parametrize(
    ("at", "opens"),
    [
        ("2025-06-01 02:00:00", "2025-06-01 02:00:00"),
        ("2025-06-01 04:00:00", "2025-06-01 23:00:00"),
        ("2025-06-01 00:30:00", "2025-06-01 01:00:00"),
        ("2025-06-01 23:30:00", "2025-06-01 23:30:00"),
    ],
)
def test_a_push_outside_its_windows_waits_for_the_next_opening(at: str, opens: str) -> None:
    night = Window(encode_date_time("*-*-* 01:00:00"), encode_date_time("*-*-* 04:00:00"))
    late = Window(encode_date_time("*-*-* 23:00:00"), encode_date_time("*-*-* 00:15:00"))  # over midnight
    assert opening((night, late), local(at)) == local(opens)


def test_without_a_window_or_with_one_that_says_nothing_a_push_never_waits() -> None:
    anything = encode_date_time("*-*-* *:*:*")
    assert opening((), 5) == 5
    assert opening((Window(anything, anything),), local("2025-06-01 12:34:56")) == local("2025-06-01 12:34:56")


def test_a_window_in_the_past_never_opens_again() -> None:
    past = Window(encode_date_time("2020-01-01 00:00:00"), encode_date_time("2020-01-02 00:00:00"))
    assert opening((past,), local("2025-06-01 00:00:00")) is None


@pytest.mark.parametrize(
    ("service", "octets", "words"),
    [
        (0, b"10.0.0.1:5000", "TCP 10.0.0.1:5000"),
        (1, b"10.0.0.1", "UDP 10.0.0.1:4059"),
        (5, b"[fd00::1]:77", "HDLC [fd00::1]:77"),
        (200, b"10.0.0.1", "HDLC_UDP 10.0.0.1:4059"),
        (0, b"fd00::1", "TCP [fd00::1]:4059"),
        (0, b"hes.example:4060", "TCP hes.example:4060"),
    ],
)
def test_destinations_that_a_meter_can_reach(service: int, octets: bytes, words: str) -> None:
    assert str(destination_of(service, octets)) == words


@pytest.mark.parametrize(
    ("service", "octets"),
    [(0, b""), (4, b"+911234567"), (0, b"host:0"), (0, b":4059"), (0, b"h:99999"), (0, b"\xff\xfe")],
)
def test_destinations_that_it_cannot(service: int, octets: bytes) -> None:
    assert destination_of(service, octets) is None


NONE, KEY = b"", (0, (0,))


@pytest.mark.parametrize(
    ("parameters", "control"),
    [
        ((), 0),
        (((0, (NONE, NONE, NONE, NONE, KEY)),), 0x10),
        (((1, (NONE, NONE, NONE, NONE, KEY)),), 0x20),
        (((2, (NONE, b"MFL\0\0\0\0\1", NONE, NONE, KEY)),), 0x30),
        (((3, (NONE, NONE, NONE, NONE, KEY)),), None),  # a signature
        (((2, (b"\1", NONE, NONE, NONE, KEY)),), None),  # what general-ciphering alone has a field for
        (((2, (NONE, NONE, b"CLI12345", NONE, KEY)),), None),
        (((2, (NONE, NONE, NONE, NONE, (0, (1,)))),), None),  # the broadcast key
        (((2, (NONE, NONE, NONE, NONE, (1, (0, b"wrapped")))),), None),
        (((0, (NONE, NONE, NONE, NONE, KEY)), (1, (NONE, NONE, NONE, NONE, KEY))), None),  # layers
        ((b"anything",), None),
        (None, None),
    ],
)
def test_protection_that_a_push_can_have(parameters: object, control: int | None) -> None:
    assert protection_of(parameters) == control


@pytest.mark.parametrize(
    ("class_id", "attribute", "data_index", "latest", "understood"),
    [
        (7, 2, 0x1001, 1, True),
        (7, 2, 0x10FF, 255, True),
        (7, 2, 5, 0, True),  # an element: the fifth entry
        (7, 2, 0x1000, 0, False),  # no entries at all
        (7, 2, 0x1101, 0, False),  # a choice of columns
        (7, 2, 0x8004, 0, False),  # the last hours
        (7, 3, 0x1001, 1, False),
        (3, 2, 0x1001, 1, False),
    ],
)
def test_entries_that_a_data_index_selects(
    class_id: int, attribute: int, data_index: int, latest: int, understood: bool
) -> None:
    one = PushObject(class_id, bytes(6), attribute, data_index)
    assert (one.latest, one.is_understood) == (latest, understood)
    restricted = one._replace(restriction=Restriction(entries=(1, 2)))
    assert restricted.is_understood == (understood and not latest)


def test_both_forms_of_the_repetition_delay() -> None:
    assert [Repetition(60, 100, 60).delay_s(n) for n in range(3)] == [60, 60, 60]
    assert [Repetition(60, 200, 600).delay_s(n) for n in range(5)] == [60, 120, 240, 480, 600]
    assert Repetition(60, 0xFFFF, 600).delay_s(254) == 600


@pytest.mark.parametrize("name", ["is15959-1ph", "is15959-3ph", "every-class"])
def test_a_setup_of_either_version_is_understood(name: str) -> None:
    model = compile_model(name)
    alert = model_setup(setup_objects(model)[parse_obis("0.4.25.9.0.255")], 64)
    assert [one.class_id for one in alert.objects] == [1, 40, 8, 1]
    assert (alert.client, alert.retries, alert.destination, alert.is_confirmed) == (64, 3, None, False)
    assert alert.repetition.delay_s(2) == (240 if name == "every-class" else 60)
