# SPDX-License-Identifier: MIT
"""Landing: what is new goes in, what is there stays untouched, and what no table can hold costs its meter only."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from simulator.hes import landing, review
from simulator.hes.database import HesDatabase
from simulator.hes.landing import Batch, Landed, Landing, LogEntry, Memory, Push, Registered
from simulator.hes.tables import BILLING, BLOCK, DAILY, ENERGY, EVENTS, READINGS, Row

FIRST = dt.datetime(2025, 6, 1, 0, 30, tzinfo=dt.UTC)
HALF = dt.timedelta(minutes=30)


def blocks(count: int, kwh: str = "0.125", *, first: int = 0) -> list[Row]:
    energies = (Decimal(kwh), Decimal(0), None, None)
    moments = [FIRST + HALF * number for number in range(first, first + count)]
    return [(at, at.replace(tzinfo=None), *energies, *[None] * 6, 30, "NORMAL_READ", "SUCCESS") for at in moments]


def reading(value: float) -> Row:
    return (FIRST, "ACTIVE_ENERGY_IMPORT", value, 192, "Wh", "NORMAL_READ", None, (), "SUCCESS", 0, value, 0, None)


def batch(*rows: Row, table: Any = BLOCK, serial: str = "M17") -> Batch:
    found = Batch()
    found.add(table, serial, rows)
    return found


def asked(hes: HesDatabase, query: str) -> list[tuple[Any, ...]]:
    return hes.connection.execute(query.encode()).fetchall()


@pytest.fixture(params=[1, 500])
def many(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Both ways into the tables: as new rows at once, and beside them."""
    monkeypatch.setattr(landing, "_MANY", request.param)
    return int(request.param)


def test_only_what_is_new_or_changed_goes_in(hes: HesDatabase, many: int) -> None:
    place = Landing(hes.connection)
    assert place.land(batch(*blocks(4))) == 4
    assert place.land(batch(*blocks(6))) == 2
    assert place.land(batch(*blocks(6))) == 0
    assert place.land(batch(*blocks(1, "0.250"))) == 1
    assert asked(hes, "SELECT count(*), sum(kwh_import) FROM hes.block_load_profile") == [(6, Decimal("0.875"))]


def test_no_meter_at_all_can_be_registered(hes: HesDatabase) -> None:
    """Of a fleet whose meters have all been deleted."""
    place = Landing(hes.connection)
    place.register([], "UTC")
    assert list(place.ids) == ["M17"]


def test_a_row_twice_in_one_batch_is_one_row(hes: HesDatabase, many: int) -> None:
    assert Landing(hes.connection).land(batch(*blocks(2), *blocks(2))) == 2


def test_a_reading_again_is_not_audited_and_a_changed_one_is(hes: HesDatabase, many: int) -> None:
    place = Landing(hes.connection)
    for value in (100, 100, 101):
        place.land(batch(reading(value), table=READINGS))
    audit = "SELECT operation, old_value, new_value FROM hes.meter_readings_audit ORDER BY audit_id"
    assert asked(hes, audit) == [("I", None, 100), ("U", 100, 101)]


def test_a_complete_answer_lifts_what_a_broken_one_has_left(hes: HesDatabase, many: int) -> None:
    """The same values: no row is new, and the audit knows no value that has changed."""
    place = Landing(hes.connection)
    broken, whole = ([(*row[:-1], status) for row in blocks(3)] for status in ("PARTIAL", "SUCCESS"))
    place.land(batch(*broken))
    assert place.land(batch(*broken)) == 0
    assert place.land(batch(*whole[:2])) == 2
    assert place.land(batch(*whole[:2])) == place.land(batch(*broken)) == 0
    statuses = "SELECT communication_status, count(*) FROM hes.block_load_profile GROUP BY 1 ORDER BY 1"
    assert asked(hes, statuses) == [("PARTIAL", 1), ("SUCCESS", 2)]
    for status in ("PARTIAL", "SUCCESS"):
        one = list(reading(100))
        one[READINGS.columns.index("communication_status") - 1] = status
        place.land(batch(tuple(one), table=READINGS))
    assert asked(hes, "SELECT communication_status FROM public.meter_readings") == [("SUCCESS",)]
    assert review.audit(hes.connection, FIRST, changed=True) == []


def test_a_meter_that_says_what_no_table_can_hold_costs_itself_only(hes: HesDatabase, many: int) -> None:
    place = Landing(hes.connection)
    place.register([Registered("M18", "D1", None, None)], "UTC")
    whole = batch(*blocks(2))
    whole.take(batch(*blocks(1, "1" + "0" * 30), serial="M18"))
    whole.status |= {"M17": "CONNECTED", "M18": "CONNECTED"}
    whole.log.append(LogEntry("START", "hello"))
    assert place.land_each(whole) == Landed(2, frozenset({"M18"}))
    assert asked(hes, "SELECT meter_number, status FROM public.meters ORDER BY 1") == [
        ("M17", "CONNECTED"),
        ("M18", "ERROR"),
    ]
    log = "SELECT event_type, meter_id IS NULL FROM hes.event_logs ORDER BY 1"
    assert asked(hes, log) == [("START", True), ("UNDECODABLE", False)]


def test_a_meter_that_the_database_does_not_know_costs_itself_only(hes: HesDatabase) -> None:
    """Somebody has deleted it, or all, while the head-end runs."""
    place = Landing(hes.connection)
    whole = batch(*blocks(2))
    whole.take(batch(*blocks(1), serial="M19"))
    whole.status |= {"M17": "CONNECTED", "M19": "CONNECTED"}
    assert place.land_each(whole) == Landed(2, frozenset({"M19"}))
    assert asked(hes, "SELECT status FROM public.meters") == [("CONNECTED",)]
    (words, *_) = asked(hes, "SELECT description FROM hes.event_logs WHERE meter_id IS NULL")
    assert "M19 is not in public.meters" in words[0]


def test_what_no_table_can_hold_keeps_no_other_table_of_its_meter_empty(hes: HesDatabase, many: int) -> None:
    place = Landing(hes.connection)
    whole = batch(*blocks(2, "1" + "0" * 30))
    whole.take(batch(reading(100), table=READINGS))
    whole.status["M17"] = "CONNECTED"
    assert place.land_each(whole) == Landed(1, frozenset({"M17"}))
    assert asked(hes, "SELECT value FROM public.meter_readings") == [(100,)]
    assert asked(hes, "SELECT status FROM public.meters") == [("ERROR",)]


def test_a_push_whose_commit_was_not_heard_of_lands_once(hes: HesDatabase) -> None:
    push = Push("M17", "0.0.25.9.0.255", FIRST, FIRST, b"\x0f")
    for moment in (FIRST, FIRST, FIRST + HALF):
        Landing(hes.connection).land(Batch(pushes=[replace(push, received=moment)]))
    assert asked(hes, "SELECT count(*) FROM hes.push_history") == [(2,)]


def test_what_came_by_itself_is_not_taken_for_what_was_read(hes: HesDatabase) -> None:
    """A push may come before the first read: all that is older is still to be read."""
    place = Landing(hes.connection)
    pushed = [(*row[:-2], "AUTO_READ", row[-1]) for row in blocks(1, first=9)]
    place.land(batch(*pushed))
    memory = Memory(hes.connection)
    assert memory.last(BLOCK.relation, "capture_time") == {}
    place.land(batch(*blocks(2)))
    assert memory.last(BLOCK.relation, "capture_time") == {"M17": FIRST + HALF}


def test_a_meter_that_was_deleted_meanwhile_costs_itself_only(hes: HesDatabase, many: int) -> None:
    """Its id is known still, and refers to nothing: not even an entry of the log can name it."""
    place = Landing(hes.connection)
    place.register([Registered("M18", "D1", None, None)], "UTC")
    whole = batch(*blocks(2))
    whole.take(batch(*blocks(2), serial="M18"))
    whole.status |= {"M17": "CONNECTED", "M18": "CONNECTED"}
    whole.log.append(LogEntry("CLOCK_DRIFT", "a minute off", "M18"))
    hes.connection.execute("DELETE FROM public.meters WHERE meter_number = 'M18'")
    assert place.land_each(whole) == Landed(2, frozenset({"M18"}))
    (words,) = asked(hes, "SELECT description FROM hes.event_logs WHERE meter_id IS NULL")
    assert "M18 is not in public.meters" in words[0]


def test_a_meter_that_was_deleted_and_came_again_lands_under_its_new_id(hes: HesDatabase, many: int) -> None:
    place = Landing(hes.connection)
    hes.connection.execute("DELETE FROM public.meters")
    Landing(hes.connection).register([Registered("M17", "D1", None, None)], "UTC")
    assert place.land_each(batch(*blocks(2))) == Landed(2)


def test_a_deleted_meter_is_missed_when_it_has_nothing_new_to_say(hes: HesDatabase) -> None:
    place = Landing(hes.connection)
    hes.connection.execute("DELETE FROM public.meters")
    assert place.land_each(Batch(status={"M17": "CONNECTED"})) == Landed(0, frozenset({"M17"}))
    assert not place.ids


def test_objects_that_were_made_anew_are_referred_to_by_their_new_ids(hes: HesDatabase, many: int) -> None:
    code = (BLOCK.code, 7, "block load profile", "")
    place = Landing(hes.connection)
    place.know([code])
    hes.connection.execute("DELETE FROM hes.obis_codes")
    Landing(hes.connection).know([code])
    assert place.land_each(batch(*blocks(2))) == Landed(2)
    assert asked(hes, "SELECT count(*) FROM hes.block_load_profile p JOIN hes.obis_codes o ON o.id = obis_code_id") == [
        (2,)
    ]


def test_a_row_that_we_laid_out_wrong_costs_itself_only_and_is_shown(
    hes: HesDatabase, many: int, caplog: pytest.LogCaptureFixture
) -> None:
    whole = batch(*blocks(2))
    whole.take(batch((object(),) * len(READINGS.columns[1:]), table=READINGS))
    assert Landing(hes.connection).land_each(whole) == Landed(2, frozenset({"M17"}), bugs=1)
    assert [record.exc_info is not None for record in caplog.records] == [True]
    assert asked(hes, "SELECT event_type FROM hes.event_logs") == [("INTERNAL_ERROR",)]


@pytest.mark.parametrize("words", ["nul \x00", "half a pair \ud800", float("nan")])
def test_what_no_text_or_json_can_hold_is_told_in_its_place(hes: HesDatabase, words: Any) -> None:
    event = (FIRST, 7, "POWER_FAILURE", "INFO", f"{words}", "EVENT_LOG", {"said": words})
    push = Push("M17", "0.0.25.9.0.255", FIRST, FIRST, b"\x0f", [words], problem=f"{words}")
    whole = batch(event, table=EVENTS)
    whole.pushes.append(push)
    whole.log.append(LogEntry("UNDECODABLE", f"{words}", "M17"))
    assert Landing(hes.connection).land_each(whole) == Landed(1)
    assert asked(hes, "SELECT count(*) FROM hes.push_history") == [(1,)]


def test_texts_of_any_kind_come_through(hes: HesDatabase, many: int) -> None:
    words = 'tab\t, line\n, back\\slash, "quotes", ünïcode'
    row = (FIRST, 7, "POWER_FAILURE", "INFO", words, "EVENT_LOG", {"text": words, "number": Decimal("1.50")})
    Landing(hes.connection).land(batch(row, table=EVENTS))
    (stored,) = asked(hes, "SELECT description, additional_data FROM public.meter_events")
    assert stored == (words, {"text": words, "number": "1.50"})


def test_gaps_are_what_lies_between_blocks(hes: HesDatabase) -> None:
    Landing(hes.connection).land(batch(*blocks(2), *blocks(2, first=5)))
    memory = Memory(hes.connection)
    assert memory.gaps() == {"M17": [(FIRST + 2 * HALF, FIRST + 4 * HALF)]}
    assert memory.last("hes.block_load_profile", "capture_time") == {"M17": FIRST + 6 * HALF}


def test_the_newest_register_is_what_the_next_is_held_against_whatever_its_quality(hes: HesDatabase) -> None:
    """S000-20: after a value that was ten times too large, only the first honest one runs backwards."""
    place = Landing(hes.connection)
    for number, (value, quality) in enumerate([(100, 192), (1010, 192), (102, 64), (None, 64)]):
        row = [*reading(0), "CUMULATIVE"]
        row[0], row[2], row[3] = FIRST + HALF * number, value, quality
        place.land(batch(tuple(row), table=ENERGY))
    assert Memory(hes.connection).registers() == {("M17", "ACTIVE_ENERGY_IMPORT"): 102}


def test_the_last_status_word_is_known_after_a_start(hes: HesDatabase) -> None:
    place = Landing(hes.connection)
    for number, word in enumerate(("02" * 16, "06" * 16)):
        data = {"bit": 81, "word": word}
        row = (FIRST + HALF * number, 201, "ACCESS", "CRITICAL", "magnet", "PUSH_ALARM", data)
        place.land(batch(row, table=EVENTS))
    assert Memory(hes.connection).words() == {"M17": bytes.fromhex("06" * 16)}


def registers(*wh: int | None, first: int = 0) -> list[Row]:
    """Days from the first on, by their cumulative import."""
    dates = [dt.date(2025, 6, 1) + dt.timedelta(days=first + number) for number in range(len(wh))]
    return [
        (date, None, Decimal(value) / 1000, *[None] * 3, "NORMAL_READ", "SUCCESS")
        for date, value in zip(dates, wh, strict=True)
        if value is not None
    ]


def daily(hes: HesDatabase) -> list[Decimal | None]:
    return [kwh for (kwh,) in asked(hes, "SELECT daily_kwh_import FROM hes.daily_load_profile ORDER BY capture_date")]


def test_days_are_differences_of_registers_also_behind_gaps_and_late_rows(hes: HesDatabase, many: int) -> None:
    """S000-07: over a gap no day is known, until its row comes; a value that changes changes the day after it, too."""
    place = Landing(hes.connection)
    place.land(batch(*registers(1000, 1125, None, 1500), table=DAILY))
    assert daily(hes) == [None, Decimal("0.125"), None]
    place.land(batch(*registers(1300, first=2), table=DAILY))
    assert daily(hes) == [None, Decimal("0.125"), Decimal("0.175"), Decimal("0.200")]
    place.land(batch(*registers(1200, first=2), table=DAILY))
    assert daily(hes)[2:] == [Decimal("0.075"), Decimal("0.300")]
    stamps = "SELECT array_agg(xmin::text ORDER BY capture_date) FROM hes.daily_load_profile"
    before = asked(hes, stamps)
    assert place.land(batch(*registers(1000, 1125, 1200, 1500), table=DAILY)) == 0
    assert asked(hes, stamps) == before


def test_months_are_differences_of_bills(hes: HesDatabase, many: int) -> None:
    """S000-09: by the reset count, for two periods may be closed on one day."""
    bills = [
        (dt.date(2025, 6, 1), count, None, Decimal(kwh), *[None] * 6, "NORMAL_READ", "SUCCESS")
        for count, kwh in ((7, "100.000"), (8, "100.250"), (10, "130"))
    ]
    Landing(hes.connection).land(batch(*bills, table=BILLING))
    found = asked(hes, "SELECT reset_count, monthly_kwh_import FROM hes.billing_profile ORDER BY 1")
    assert found == [(7, None), (8, Decimal("0.250")), (10, None)]


def test_the_check_holds_days_against_their_blocks(hes: HesDatabase) -> None:
    """S001-17: they agree on complete days; of others only what is there can be told."""
    place = Landing(hes.connection)
    midnight = dt.datetime(2025, 6, 1, tzinfo=ZoneInfo("Asia/Kolkata"))
    energies = (Decimal("0.125"), Decimal(0), None, None)
    moments = [midnight + HALF * number for number in range(1, 97)]
    del moments[60]
    rows = [(at, at.replace(tzinfo=None), *energies, *[None] * 6, 30, "NORMAL_READ", "SUCCESS") for at in moments]
    place.land(batch(*rows))
    place.land(batch(*registers(1000, 7000, 12900), table=DAILY))
    columns = "capture_date, blocks, is_complete, daily_kwh_import, blocks_kwh_import, difference_kwh_import"
    first, *days = asked(hes, f"SELECT {columns} FROM hes.daily_load_profile_check ORDER BY 1")
    assert first == (dt.date(2025, 6, 1), None, None, None, None, None)
    assert days == [
        (dt.date(2025, 6, 2), 48, True, Decimal(6), Decimal(6), Decimal(0)),
        (dt.date(2025, 6, 3), 47, False, Decimal("5.9"), Decimal("5.875"), Decimal("0.025")),
    ]


def test_a_stored_record_that_becomes_another_is_kept_in_the_log(hes: HesDatabase, many: int) -> None:
    """What a meter has recorded does not change; a column that comes later is no change."""
    place = Landing(hes.connection)
    place.land(batch(*blocks(3)))
    later = [(*row[:6], Decimal(1), *row[7:]) for row in blocks(3)]
    assert place.land(batch(*later, *blocks(1, first=3))) == 4
    log = "SELECT description, additional_data FROM hes.event_logs WHERE event_type = 'ROWS_CHANGED'"
    assert asked(hes, log) == []
    assert place.land(batch(*blocks(2, "1.25", first=1), *blocks(1, first=4))) == 3
    ((words, data),) = asked(hes, log)
    assert "hes.block_load_profile that have become others: 2, from 2025-06-01 01:00:00+00 to" in words
    assert [(row["capture_time"], row["kwh_import"]) for row in data["before"]] == [
        ("2025-06-01T01:00:00+00:00", 0.125),
        ("2025-06-01T01:30:00+00:00", 0.125),
    ]


def test_what_is_remembered_of_a_meter_does_not_hang_on_the_clocks_of_others(hes: HesDatabase) -> None:
    """One whose clock is years ahead has rows that are newer than those of all others."""
    hes.connection.execute(
        "INSERT INTO public.meters (meter_number, meter_type, timezone) VALUES ('M18', 'D1', 'Asia/Kolkata')"
    )
    ours = (*reading(1000)[:-2], -3, "1.0.1.29.0.255", "INTERVAL")
    place, memory = Landing(hes.connection), Memory(hes.connection)
    place.land(batch(ours, table=ENERGY))
    place.land(batch((FIRST.replace(year=2099), *ours[1:]), table=ENERGY, serial="M18"))
    known = {("INTERVAL", "1.0.1.29.0.255"): -3}
    assert memory.scalers() == {"M17": known, "M18": known}
    assert memory.intervals() == {(serial, "ACTIVE_ENERGY_IMPORT"): [1000] for serial in ("M17", "M18")}
