# SPDX-License-Identifier: GPL-2.0-only
"""What users write after `meterfleet read`, right and wrong."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from simulator.errors import UserError
from simulator.headend.options import (
    Call,
    Known,
    Preset,
    Rows,
    Wish,
    parse_address,
    parse_client,
    parse_polling_client,
    parse_rows,
    parse_wish,
)

LONG = "9" * 5000


def shortened(text: str) -> str:
    return text[:20]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:4060", ("127.0.0.1", 4060)),
        ("meter.example", ("meter.example", 4059)),
        ("[::1]:4061", ("::1", 4061)),
        ("[fe80::1]", ("fe80::1", 4059)),
    ],
)
def test_addresses(text: str, expected: tuple[str, int]) -> None:
    assert parse_address(text) == expected


@pytest.mark.parametrize(
    "text", ["", ":4059", "host:", "host:port", "host:0", "host:65536", "::1", f"host:{LONG}"], ids=shortened
)
def test_addresses_that_are_none(text: str) -> None:
    with pytest.raises(UserError):
        parse_address(text)


def test_clients_by_name_and_by_number_share_the_mechanism() -> None:
    assert parse_client("MR") == parse_client("32") == Preset(32, 1)
    assert parse_client("us") == Preset(48, 2)
    assert parse_client("16").mechanism == 0


def test_meters_are_polled_by_mr_or_us() -> None:
    assert [parse_polling_client(text) for text in ("mr", "48")] == [Preset(32, 1), Preset(48, 2)]
    for text in ("fu", "public", "77"):
        with pytest.raises(UserError, match="mr or us"):
            parse_polling_client(text)


@pytest.mark.parametrize("text", ["", "0", "65536", "-1", "reader", LONG], ids=shortened)
def test_clients_that_are_none(text: str) -> None:
    with pytest.raises(UserError, match="not a client"):
        parse_client(text)


def test_wishes() -> None:
    assert parse_wish("block") == Wish("1.0.99.1.0.255")
    assert parse_wish("1.0.1.8.0.255") == Wish("1.0.1.8.0.255")
    assert parse_wish("1.0.1.8.0.255:3") == Wish("1.0.1.8.0.255", 3)
    assert parse_wish("clock:4") == Wish("0.0.1.0.0.255", 4)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("blok", "did you mean block"),
        ("xyzzy", "write an OBIS code or one of"),
        ("1.0.1.8.0", "six numbers"),
        ("1.0.1.8.0.256", "0 to 255"),
        ("1.0.1.8.0.255:", "number of an attribute"),
        ("1.0.1.8.0.255:0", "number of an attribute"),
    ],
)
def test_wishes_that_are_none(text: str, told: str) -> None:
    with pytest.raises(UserError, match=told):
        parse_wish(text)


def test_a_date_alone_means_the_whole_day() -> None:
    rows = parse_rows("2025-06-01", "2025-06-02", None, None)
    assert (rows.start, rows.end) == (dt.datetime(2025, 6, 1), dt.datetime(2025, 6, 2, 23, 59, 59))
    assert parse_rows(None, "2025-06-02T00:00", None, None).end == dt.datetime(2025, 6, 2)


def test_a_moment_keeps_its_offset() -> None:
    start = parse_rows("2025-06-01T18:30:00+05:30", None, None, None).start
    assert start is not None
    assert start.utcoffset() == dt.timedelta(hours=5, minutes=30)


@pytest.mark.parametrize(
    ("text", "expected"), [("1-10", (1, 10)), ("5", (5, 1)), ("100-", (100, None)), ("7-7", (7, 1))]
)
def test_entries(text: str, expected: tuple[int, int | None]) -> None:
    rows = parse_rows(None, None, text, None)
    assert (rows.first, rows.count) == expected


@pytest.mark.parametrize("text", ["0", "0-5", "10-1", "a", "1-2-3", "-5"])
def test_entries_that_are_none(text: str) -> None:
    with pytest.raises(UserError, match="entry 1 is the oldest"):
        parse_rows(None, None, text, None)


def test_an_entry_has_32_bits() -> None:
    rows = parse_rows(None, None, "4294967295-4294967295", None)
    assert (rows.first, rows.count) == (4294967295, 1)
    for text in ("1-4294967296", "1-99999999999999", "4294967296-"):
        with pytest.raises(UserError, match="numbered to 4294967295"):
            parse_rows(None, None, text, None)


def test_rows_that_contradict_themselves() -> None:
    with pytest.raises(UserError, match="cannot be combined"):
        parse_rows("2025-06-01", None, "1-10", None)
    with pytest.raises(UserError, match="later than"):
        parse_rows("2025-06-02", "2025-06-01", None, None)
    with pytest.raises(UserError, match="not a date"):
        parse_rows("yesterday", None, None, None)


def test_columns() -> None:
    assert parse_rows(None, None, None, "1.0.1.6.0.255:5, 0.0.1.0.0.255").columns == (
        "1.0.1.6.0.255:5",
        "0.0.1.0.0.255",
    )
    with pytest.raises(UserError):
        parse_rows(None, None, None, "1.0.1.6.0.255:x")


def call(preset: Preset, password: str | None = None, rows: Rows | None = None) -> Call:
    return Call("127.0.0.1", 4059, preset, 1, password, 1.0, 1024, (), rows or Rows(), everything=False)


def test_a_password_is_taken_from_the_user_then_from_who_knows() -> None:
    asked = []

    def credentials(call: Call) -> Known | None:
        asked.append((call.host, call.port, call.preset.client))
        return Known("known")

    assert call(Preset(32, 1), "given").checked(credentials).password == "given"
    assert asked == []
    assert call(Preset(32, 1)).checked(credentials).password == "known"
    assert asked == [("127.0.0.1", 4059, 32)]
    with pytest.raises(UserError, match="METERFLEET_PASSWORD"):
        call(Preset(32, 1)).checked(None)


def test_keys_that_are_given_win_over_those_that_are_known() -> None:
    known = Known("00" * 16, "11" * 16, "22" * 16)
    given = replace(call(Preset(48, 2)), ek="33" * 16).checked(lambda _: known)
    assert (given.password, given.ek, given.ak) == ("00" * 16, "33" * 16, "22" * 16)
    with pytest.raises(UserError, match="hexadecimal"):
        replace(call(Preset(48, 2)), ek="no key").checked(lambda _: known)
    with pytest.raises(UserError, match=r"encryption key \(--ek\)"):
        replace(call(Preset(48, 2)), ek="33" * 15).checked(lambda _: known)


def test_a_client_without_authentication_sends_no_password() -> None:
    assert call(Preset(16, 0), "given").checked(None).password is None


def test_a_password_is_never_shown() -> None:
    assert "s3cret" not in repr(call(Preset(32, 1), "s3cret"))


def test_rows_need_a_profile() -> None:
    with pytest.raises(UserError, match="belong to a profile"):
        call(Preset(16, 0), rows=Rows(first=1)).checked(None)
