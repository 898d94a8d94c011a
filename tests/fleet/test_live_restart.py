# SPDX-License-Identifier: GPL-2.0-only
"""A fleet that is killed goes on where it was: nothing acknowledged is lost, nothing is counted twice or backwards."""

from __future__ import annotations

import datetime as dt
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from live import BLOCK, CLOCK, ENERGY, MESSAGE, Judge, Meter, Spawned, eventually, free_port, spawned, start

from simulator.values import MS_PER_MINUTE

METERS = 3
OPTIONS = ("--history", "2d", "--start", "2025-06-10T10:00:00+05:30", "--block-minutes", 15, "--load", "shop")


def message(number: int) -> bytes:
    """A visible-string of eight characters."""
    return b"\x0a\x08%08d" % number


@dataclass
class Watch:
    """What a client has seen of one meter before the connection broke."""

    meter: Meter
    sent: int = 0
    acknowledged: int = 0
    register: float = 0.0
    clock: bytes = b""
    failures: list[int] = field(default_factory=list)

    def live(self) -> None:
        """Write, read, write, read, until the meter is gone."""
        try:
            with Judge(self.meter) as judge:
                while True:
                    self.sent += 1
                    if result := judge.set(1, MESSAGE, 2, message(self.sent)):
                        self.failures.append(result)
                    else:
                        self.acknowledged = self.sent
                    self.look(judge)
        except (OSError, AssertionError):
            pass  # killed

    def look(self, judge: Judge) -> None:
        clock, register = judge.get(8, CLOCK).octets, judge.get(3, ENERGY).value
        assert clock[:6] + clock[7:10] >= self.clock  # without the day of the week
        assert register >= self.register
        self.clock, self.register = clock[:6] + clock[7:10], register


Lives = tuple[Spawned, list[Watch]]


def killed_under_load(fleet: Spawned) -> list[Watch]:
    watches = [Watch(meter) for meter in fleet.meters]
    threads = [threading.Thread(target=watch.live) for watch in watches]
    for thread in threads:
        thread.start()
    try:
        eventually(lambda: all(watch.acknowledged > 20 for watch in watches))
    finally:
        fleet.end(signal.SIGKILL)
        for thread in threads:
            thread.join()
    return watches


@pytest.fixture(scope="module", params=[1, 600], ids=["real time", "hurried"])
def lives(home: Path, request: pytest.FixtureRequest) -> Iterator[Lives]:
    """A fleet that was killed at work and started again with the same command; what its clients had seen."""
    listen = f"wrapper,address=127.42.0.1,port={free_port()}"
    options = (*OPTIONS, "--seed", 100 + request.param, "--speed", request.param)
    watches = killed_under_load(start(home, METERS, *options, listen=listen))
    again = start(home, METERS, *options, listen=listen)
    yield again, watches
    again.end()


def test_an_acknowledged_set_is_there_after_kill_9(lives: Lives) -> None:
    again, watches = lives
    for watch in watches:
        assert not watch.failures
        with Judge(watch.meter) as judge:
            # What was under way when the meter died may have been written, but nobody was told.
            assert judge.get(1, MESSAGE).octets in (message(watch.acknowledged), message(watch.sent))
    told = again.sql("SELECT count(*) FROM sim.attribute_values WHERE logical_name = %s", MESSAGE)
    assert told == [(METERS,)]


def test_clock_and_registers_never_go_back(lives: Lives) -> None:
    _, watches = lives
    for watch in watches:
        with Judge(watch.meter) as judge:
            watch.look(judge)


def test_profiles_have_no_gap_and_no_duplicate(lives: Lives) -> None:
    again, watches = lives
    newest = "SELECT max(capture_time) FROM sim.block_load_profile"
    if again.clock()["speed"] > 1:
        ((before,),) = again.sql(newest)
        eventually(lambda: again.sql(newest)[0][0] > before)
    rows = again.sql("""SELECT meter_id, count(*), count(DISTINCT capture_time), min(capture_time), max(capture_time)
                          FROM sim.block_load_profile GROUP BY meter_id""")
    assert len(rows) == METERS
    for _, count, distinct, first, last in rows:
        assert count == distinct == (last - first) / dt.timedelta(minutes=15) + 1 >= 232
    with Judge(watches[0].meter) as judge:
        assert len(judge.rows(BLOCK)) >= rows[0][1]


def test_all_meters_run_again_with_their_identities(lives: Lives) -> None:
    again, watches = lives
    assert [watch.meter for watch in watches] == again.meters
    assert again.sql("SELECT DISTINCT status FROM sim.meters") == [("RUNNING",)]


def test_an_orderly_restart_continues_too(home: Path) -> None:
    listen = f"wrapper,address=127.42.0.1,port={free_port()}"
    options = (*OPTIONS, "--seed", 99, "--speed", 0)
    with spawned(home, METERS, *options, listen=listen) as fleet:
        fleet.step(7 * MS_PER_MINUTE)  # within a block
        watch = Watch(fleet.meters[0])
        with Judge(watch.meter) as judge:
            watch.look(judge)
        assert fleet.end() == 0
    seen = (watch.clock, watch.register)
    with spawned(home, METERS, *options, listen=listen), Judge(watch.meter) as judge:
        watch.look(judge)
    assert (watch.clock, watch.register) == seen
