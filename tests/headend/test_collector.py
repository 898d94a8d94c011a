# SPDX-License-Identifier: GPL-2.0-only
"""The head-end's driver apart from meters: its end, its periods, and what it says of those who are replaced."""

from __future__ import annotations

import datetime as dt
import threading
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from live import DEADLINE_S
from typer.testing import CliRunner

from simulator.cli import app
from simulator.errors import StoreUnavailable, UserError
from simulator.headend import lasting
from simulator.headend.agenda import Agenda, Schedule
from simulator.headend.collecting import Collector, Manners
from simulator.headend.lasting import Lasting
from simulator.headend.polling import Known, Past
from simulator.headend.renewing import told
from simulator.headend.roster import KnownMeter
from simulator.headend.way import Way
from simulator.hes.landing import Batch, Landed, Landing, LogEntry

_METER = KnownMeter("9160000001", "127.0.0.1", 4064, 1, Way(), 32, 1)


def _no_database() -> AbstractContextManager[Landing]:
    raise StoreUnavailable("the database cannot be used now")


def test_nobody_waits_for_a_writer_that_the_database_has_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the listener for pushes, and with it the process, would never end."""
    monkeypatch.setattr(lasting, "_BACK_OFF_S", (0.05,))
    collector = Collector([], {}, Manners(workers=1), _no_database)

    def push() -> None:
        for _ in range(20):  # more than wait
            collector.hand_in(Batch(log=[LogEntry("START", "a push")]))

    pushing = threading.Thread(target=push, daemon=True)
    pushing.start()
    collector.stop()
    with pytest.raises(StoreUnavailable):
        collector.run(Schedule({"block": 60.0}))
    pushing.join(DEADLINE_S)
    assert not pushing.is_alive()


def test_a_worker_that_ends_ends_the_head_end_with_a_word(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever ended it: else its meter would never be read again, and nobody would know."""

    def end(*_: object) -> None:
        raise SystemExit

    monkeypatch.setattr(Collector, "_polled", end)
    collector = Collector([_METER], {}, Manners(workers=1), _no_database)
    collector.run(Schedule({"block": 60.0}))
    assert collector.tally.bugs == 1
    assert "has ended" in caplog.text


def test_an_inventory_that_we_stumble_over_costs_nobody_else_anything(caplog: pytest.LogCaptureFixture) -> None:
    def renew() -> list[KnownMeter]:
        raise KeyError("serial")

    collector = Collector([], {}, Manners(workers=1), _no_database, renew=renew)
    collector.renewal.doubt()
    collector.run(Schedule({"block": 60.0}), for_s=0.01)
    assert collector.tally.bugs == 1
    assert "inventory" in caplog.text


def test_what_was_deleted_is_read_again_whoever_finds_it_gone() -> None:
    """Here it is the word on a meter that is new in the inventory, which lands between two polls."""
    ids = [{_METER.serial: uuid4()}, {_METER.serial: uuid4()}]

    def deleted() -> AbstractContextManager[Any]:
        return nullcontext(SimpleNamespace(ids=ids.pop(), land_each=lambda _batch: Landed(1), check=lambda: None))

    past, new = Past(Known(day=dt.date(2025, 6, 2))), replace(_METER, serial="9160000002")
    collector = Collector([_METER], {_METER.serial: past}, Manners(), deleted, renew=lambda: [_METER, new])
    landing, agenda = Lasting(deleted, threading.Event()), Agenda(Schedule({"block": 60.0}), [_METER.serial])
    landing.land(Batch())
    landing.close()
    collector.renewal.doubt()
    collector._take_up(agenda, landing)
    assert collector._pasts[_METER.serial].known == Known()
    assert collector.tally.rows == 1


def test_meters_that_call_share_a_place_and_are_not_taken_for_each_other() -> None:
    before = [replace(_METER, serial=f"916000000{number}", calls=True) for number in range(3)]
    now = replace(_METER, serial="9170000001", calls=True)
    batch = told({meter.serial: meter for meter in before}, {now.serial: now})
    assert batch.status == dict.fromkeys((meter.serial for meter in before), "RETIRED")
    assert [(entry.event_type, entry.serial) for entry in batch.log] == [("METER_ADDED", now.serial)]


def test_meters_cannot_be_read_without_a_pause() -> None:
    result = CliRunner().invoke(app, ["headend", "--every", "0s", "--inventory", "m.csv", "--hes-database", "host=h"])
    assert isinstance(result.exception, UserError)
    assert "--every 0s" in str(result.exception)
