# SPDX-License-Identifier: GPL-2.0-only
"""The database dies while meters serve: live values go on, what needs the store is a temporary failure, then it heals.

The server is killed as a crash would do it, postmaster and children of one home, and never another one.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import signal
import threading
from collections.abc import Callable

from live import (
    BLOCK,
    DAILY,
    ENERGY,
    INSTANTANEOUS,
    MESSAGE,
    Judge,
    Spawned,
    by_entry,
    eventually,
    spawned,
)
from memory import family

from simulator.store.embedded import EmbeddedPostgres

OK, TEMPORARY_FAILURE = 0, 2
OPTIONS = ("--start", "2025-06-10T10:00:00+05:30", "--block-minutes", 15, "--speed", 1800)  # two blocks a second
RESET = (9, "0.0.10.0.1.255", 1, b"\x12\x00\x01")


def kill(server: EmbeddedPostgres) -> None:
    processes = family(server)
    assert len(processes) > 3
    for pid in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


class Load:
    """One client that asks the same over and over; the results by their number."""

    def __init__(self, fleet: Spawned, ask: Callable[[Judge], int]) -> None:
        self.results: list[int] = []
        self.broken: list[BaseException] = []
        self._fleet, self._ask, self._stop = fleet, ask, threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        try:
            with Judge(self._fleet.meters[1]) as judge:
                while not self._stop.is_set():
                    self.results.append(self._ask(judge))
        except (OSError, AssertionError) as error:
            self.broken.append(error)

    def __enter__(self) -> Load:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def goes_on(self, count: int = 20) -> bool:
        """Whether the next answers are all successes."""
        here = len(self.results)
        eventually(lambda: len(self.results) >= here + count or self.broken)
        return not self.broken and set(self.results[here : here + count]) == {OK}


def live_value(judge: Judge) -> int:
    return judge.get(3, ENERGY).result


def profile(judge: Judge) -> int:
    return judge.get(7, BLOCK, 2, by_entry(1, 5)).result


def setting(judge: Judge) -> int:
    return judge.set(1, MESSAGE, 2, b"\x0a\x02hi")


def no_gap(fleet: Spawned) -> bool:
    rows = fleet.sql("""SELECT count(*), count(DISTINCT capture_time), min(capture_time), max(capture_time)
                          FROM sim.block_load_profile GROUP BY meter_id""")
    return all(n == distinct == (last - first) / dt.timedelta(minutes=15) + 1 for n, distinct, first, last in rows)


def newest(fleet: Spawned) -> dt.datetime:
    ((moment,),) = fleet.sql("SELECT max(capture_time) FROM sim.block_load_profile")
    assert isinstance(moment, dt.datetime)
    return moment


def test_kill_9_of_the_embedded_server_under_load(server: EmbeddedPostgres) -> None:
    with spawned(server.home, 3, *OPTIONS) as fleet:
        eventually(lambda: fleet.sql("SELECT count(*) > 9 FROM sim.block_load_profile")[0][0])
        with Load(fleet, live_value) as live, Load(fleet, profile) as rows, Load(fleet, setting) as sets:
            for _ in range(2):
                assert rows.goes_on()
                kill(server)
                assert live.goes_on(50)
                eventually(lambda: rows.goes_on() and sets.goes_on())
        for load in (live, rows, sets):
            assert not load.broken
        assert set(live.results) == {OK}
        assert set(rows.results) | set(sets.results) <= {OK, TEMPORARY_FAILURE}
        before = newest(fleet)
        eventually(lambda: newest(fleet) > before + dt.timedelta(hours=1))
        assert no_gap(fleet)
        assert fleet.end() == 0
    assert "Traceback" not in fleet.log.read_text()


def test_a_database_that_stays_away_for_a_while(server: EmbeddedPostgres) -> None:
    """With --database it is not ours to start again."""
    server.ensure_database("elsewhere")
    with spawned(server.home, 3, "--database", server.dsn("elsewhere"), *OPTIONS) as fleet:
        eventually(lambda: fleet.sql("SELECT count(*) > 9 FROM sim.block_load_profile")[0][0])
        before = newest(fleet)
        with Judge(fleet.meters[0]) as judge, Load(fleet, live_value) as live:
            assert judge.set(1, MESSAGE, 2, b"\x0a\x03old") == OK
            kill(server)
            _check_away(judge)
            first = judge.get(3, ENERGY).value
            assert live.goes_on(200)
            assert judge.get(3, ENERGY).value >= first
            eventually(lambda: "captures wait" in fleet.log.read_text())  # so there is something to bring later
            server.start()
            eventually(lambda: judge.set(1, MESSAGE, 2, b"\x0a\x03new") == OK)
            assert judge.get(1, MESSAGE).octets == b"\x0a\x03new"
            eventually(lambda: newest(fleet) > before + dt.timedelta(hours=2))
            eventually(lambda: "missing captures are written" in " ".join(fleet.log.read_text().split()))
            assert len(judge.rows(BLOCK)) >= 9
            assert judge.act(*RESET) == OK
        assert set(live.results) == {OK}
        assert no_gap(fleet)
        assert fleet.end() == 0
    assert "Traceback" not in fleet.log.read_text()


def _check_away(judge: Judge) -> None:
    """What needs the store is a temporary failure, what the meter knows by itself is not."""
    for obis in (BLOCK, DAILY, INSTANTANEOUS):
        assert judge.get(7, obis).result == TEMPORARY_FAILURE, obis
    assert judge.get(7, BLOCK, 7).result == TEMPORARY_FAILURE
    assert judge.set(1, MESSAGE, 2, b"\x0a\x03new") == TEMPORARY_FAILURE
    assert judge.get(1, MESSAGE).octets == b"\x0a\x03old"
    assert judge.act(*RESET) == TEMPORARY_FAILURE
    assert judge.get(7, BLOCK, 8).value == 3360
    assert judge.get(7, "0.0.94.91.10.255").result == OK  # the nameplate is built by the meter
