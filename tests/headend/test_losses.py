# SPDX-License-Identifier: GPL-2.0-only
"""Where rows of a meter could get lost or be taken for others': reads that break off, pushes that come before reads,
clocks that are set back, bills that are closed while they are read. Each on a meter that runs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from headend_bench import CLOCK, Peer, listed
from live import BILLING, ENERGY, IST, Spawned, spawned
from typer.testing import CliRunner

from simulator.cli import app
from simulator.headend.failures import BrokenAnswer, NoAnswer, ReadRefused
from simulator.headend.judging import Circumstances
from simulator.headend.objects import DATA, ObjectEntry
from simulator.headend.occurrences import LOGS
from simulator.headend.polling import Known, Past, Poll
from simulator.headend.profiles import ProfileTable
from simulator.headend.reader import MeterReader
from simulator.hes import tables
from simulator.store.embedded import EmbeddedPostgres
from simulator.values import MS_PER_HOUR
from simulator.wire.axdr import Data, sequence_of
from simulator.wire.codes import DataAccessResult, Tag

_ZONE = ZoneInfo("Asia/Kolkata")
_AT = "2025-06-30T10:10:00" + IST
_SCRIPTS = ObjectEntry(9, 0, "0.0.10.0.1.255", {}, {})  # script 1: closes the billing period
_HALF = dt.timedelta(minutes=30)


@pytest.fixture(scope="module")
def fleet(postgres: EmbeddedPostgres) -> Iterator[Spawned]:
    with spawned(postgres.home, 6, "--start", _AT, "--speed", 0, "--history", "3d", "--seed", 64) as fleet:
        yield fleet


class Troubled(MeterReader):
    """A reader of a real meter; `trouble` happens once, before the profile of that name is read."""

    def __init__(self, *where: Any, obis: str = "", trouble: Callable[[], None] = lambda: None, **how: Any) -> None:
        super().__init__(*where, **how)
        self._obis, self._trouble = obis, trouble

    def profile(self, obis: str, **which: Any) -> ProfileTable:
        if obis == self._obis:
            self._obis = ""
            self._trouble()
        return super().profile(obis, **which)


def reader(fleet: Spawned, number: int, obis: str = "", trouble: Callable[[], None] = lambda: None) -> Troubled:
    meter = fleet.meters[number]
    password = meter.password.encode()
    return Troubled(meter.host, meter.port, client=32, password=password, obis=obis, trouble=trouble)


def poll_of(fleet: Spawned, number: int, past: Past, *parts: str, zone: dt.tzinfo = _ZONE) -> Poll:
    return Poll(fleet.meters[number].serial, past, parts, zone, drift_s=60)


def polled(fleet: Spawned, number: int, past: Past, *parts: str) -> Poll:
    """Read, and landed."""
    poll = poll_of(fleet, number, past, *parts)
    with reader(fleet, number) as one:
        poll.run(one, Circumstances())
    past.known = poll.known
    return poll


def times(poll: Poll, table: tables.Table = tables.BLOCK) -> list[dt.datetime]:
    return [row[0] for row in rows_of(poll, table)]


def rows_of(poll: Poll, table: tables.Table) -> list[tables.Row]:
    return [row for rows in poll.batch.rows[table].values() for row in rows]


def broken_off() -> None:
    raise NoAnswer("the line is dead")


def test_event_logs_that_were_not_read_to_the_last_are_read_again(fleet: Spawned) -> None:
    """What is known is one time for all logs: of a part of them nothing may be known."""
    fleet.inject("1", 101, 151)
    poll = poll_of(fleet, 0, Past(), "block", "events")
    with pytest.raises(NoAnswer), reader(fleet, 0, LOGS[5], broken_off) as one:
        poll.run(one, Circumstances())
    assert poll.known.event is None
    assert tables.EVENTS not in poll.batch.rows
    blocks = len(times(poll))
    with reader(fleet, 0) as one:
        poll.run(one, Circumstances(retries=1))
    assert {101, 151} <= {row[1] for row in rows_of(poll, tables.EVENTS)}
    assert len(times(poll)) == blocks  # not read twice


def test_a_gap_is_forgotten_when_its_rows_are_there(fleet: Spawned) -> None:
    past = Past()
    all_of_them = times(polled(fleet, 0, past, "block"))
    gap = (all_of_them[3], all_of_them[7])
    past.known = Known(past.known.block, gaps=(gap,))
    poll = poll_of(fleet, 0, past, "block")
    with reader(fleet, 0) as one:
        poll.run(one, Circumstances())
    assert times(poll) == [*all_of_them[3:8], all_of_them[-1]]  # the newest is asked for, as ever
    assert (poll.known.gaps, past.known.gaps) == ((), (gap,))


def test_a_bill_that_is_closed_while_bills_are_read_is_read_again(fleet: Spawned) -> None:
    """Otherwise the numbers of all entries would be one too low."""

    def close() -> None:
        with reader(fleet, 2) as other:
            other.act(_SCRIPTS, 1, Data(Tag.LONG_UNSIGNED, 1))

    poll = poll_of(fleet, 2, Past(), "billing")
    with pytest.raises(BrokenAnswer, match="closed while"), reader(fleet, 2, BILLING, close) as one:
        poll.run(one, Circumstances())
    assert tables.BILLING not in poll.batch.rows
    with reader(fleet, 2) as one:
        poll.run(one, Circumstances(retries=1))
        resets = one.read(ObjectEntry(DATA, 0, "0.0.0.1.0.255", {}, {})).value
    assert rows_of(poll, tables.BILLING)[-1][1] == resets


def test_blocks_after_a_clock_that_was_set_back_are_read_again(fleet: Spawned) -> None:
    """A clock set back over the end of a block takes the entry away, and makes others of times that are known."""
    past = Past()
    said = {row[0]: row for row in rows_of(polled(fleet, 3, past, "block", "events"), tables.BLOCK)}
    newest = max(said)
    _set_clock(fleet, 3, dt.datetime(2025, 6, 30, 9, 20))
    fleet.step(MS_PER_HOUR)
    again = polled(fleet, 3, past, "block", "events")
    rows = {row[0]: row for row in rows_of(again, tables.BLOCK)}
    assert all(rows[newest - back] != said[newest - back] for back in (_HALF * 0, _HALF))
    assert 151 in {row[1] for row in rows_of(again, tables.EVENTS)}


def _set_clock(fleet: Spawned, number: int, moment: dt.datetime) -> None:
    meter = fleet.meters[number]
    where = f"{meter.host}:{meter.port}"
    given = next(one for entry in fleet.ready["meters"] if entry["serial"] == meter.serial for one in entry["clients"]
                 if one["sap"] == 48)  # fmt: skip
    words = ["write", where, "0.0.1.0.0.255:2", f"stamp:{moment}", "--client", "us", "--password", given["secret"]]
    done = CliRunner().invoke(app, [*words, "--ek", given["ek"], "--ak", given["ak"]])
    assert done.exit_code == 0, done.output


def test_after_a_start_nobody_knows_what_became_of_the_clock(fleet: Spawned) -> None:
    """So the last day is read again."""
    past = Past()
    polled(fleet, 4, past, "block")
    known = past.known.block
    assert known is not None
    started = Past(Known(known))
    read_again = times(polled(fleet, 4, started, "block"))
    assert (min(read_again), max(read_again)) == (known - dt.timedelta(days=1), known)
    assert times(polled(fleet, 4, started, "block")) == []


def test_a_clock_that_falls_behind_was_set_back() -> None:
    """Then logs may have entries that are older than the newest known."""
    moment = dt.datetime(2025, 6, 30, 10, tzinfo=_ZONE)
    past = Past(Known(event=moment))
    assert past.check_clock(moment, 0.0)
    past.known = Known(event=moment)
    assert not past.check_clock(moment + _HALF, 1.5)
    assert past.check_clock(moment + _HALF, -10 * 60.0)
    assert past.known.event is not None
    assert past.known.event <= moment - dt.timedelta(minutes=10)


def test_a_meter_is_asked_by_its_own_clock(fleet: Spawned) -> None:
    """Its deviation is its own: the zone that the head-end takes it to be in may have daylight saving, or be wrong."""
    past = Past()
    known = times(polled(fleet, 5, past, "block"))[-5]
    past.known = Known(known)
    poll = poll_of(fleet, 5, past, "block", zone=ZoneInfo("Asia/Tokyo"))
    with reader(fleet, 5) as one:
        poll.run(one, Circumstances())
    assert min(times(poll)) == known


def test_a_scaler_that_cannot_be_told_now_is_not_taken_for_none(meter: Peer) -> None:
    """The numbers would be wrong by powers of ten. One that is denied is none, as ever."""
    meter.put(3, ENERGY, 3, DataAccessResult.TEMPORARY_FAILURE)
    with MeterReader("127.0.0.1", meter.port, client=16, password=None) as one, pytest.raises(ReadRefused):
        one.read(ENERGY)
    meter.put(3, ENERGY, 3, DataAccessResult.READ_WRITE_DENIED)
    with MeterReader("127.0.0.1", meter.port, client=16, password=None) as one:
        assert one.read(ENERGY).unit == ""


def test_a_clock_at_the_beginning_of_time_costs_no_rows(meter: Peer) -> None:
    """It is the meter's mistake and not ours: there is no day before the first."""
    meter.put(8, CLOCK, 2, bytes.fromhex("090c 0001 01 01 ff 00 00 00 00 feb6 00"))
    known = Known(dt.datetime(2025, 6, 1, tzinfo=_ZONE), day=dt.date(2025, 6, 1))
    poll = Poll("MF001", Past(known), [], _ZONE, drift_s=60)
    with MeterReader("127.0.0.1", meter.port, client=16, password=None) as one:
        poll.run(one, Circumstances())
    assert poll.known == known
    assert [entry.event_type for entry in poll.batch.log] == ["CLOCK_DRIFT"]


def test_push_setups_of_another_shape_are_the_meters_mistake(meter: Peer) -> None:
    setup = "0.0.25.9.0.255"
    meter.put(15, "0.0.40.0.0.255", 2, sequence_of([listed(40, setup, dict.fromkeys(range(1, 8), 1))]))
    meter.put(40, setup, 2, bytes.fromhex("0101 120001"))
    poll = Poll("MF001", Past(), ["config"], _ZONE, drift_s=60)
    with (
        MeterReader("127.0.0.1", meter.port, client=16, password=None) as one,
        pytest.raises(BrokenAnswer, match="push setups"),
    ):
        poll.run(one, Circumstances())
